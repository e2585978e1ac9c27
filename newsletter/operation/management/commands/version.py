"""Our version. Overrides Django's command of this name: see manage.py."""

import json
import platform
from argparse import ArgumentParser
from sqlite3 import sqlite_version
from typing import Any

import django
from django.core.management.base import BaseCommand
from django.db import Error, connection

from newsletter import release


class Command(BaseCommand):
    help = "Print which version this is, on what it stands, and which database answers. For a report of a fault."
    requires_system_checks = []  # it must speak whatever is wrong

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the same for a program")

    def handle(self, *args: Any, **options: Any) -> None:
        facts = {
            "name": "newsletter",
            "version": release.version(),
            "commit": release.commit(),
            "python": platform.python_version(),
            "django": django.get_version(),
            "database": _database(),
        }
        if options["json"]:
            self.stdout.write(json.dumps(facts))
            return
        self.stdout.write(f"{facts['name']} {release.version_and_commit()}")
        self.stdout.write(f"Python {facts['python']}, Django {facts['django']}, {facts['database']}")


def _database() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite_version}"
    try:
        connection.ensure_connection()
    except Error as error:
        return f"PostgreSQL, which does not answer ({type(error).__name__})"
    number = connection.pg_version  # type: ignore[attr-defined]  # of its engine alone
    return f"PostgreSQL {number // 10000}.{number % 10000}"
