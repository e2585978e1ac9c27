"""Our version. Overrides Django's command of this name: see manage.py."""

import json
import platform
import shutil
import subprocess
import tomllib
from argparse import ArgumentParser
from sqlite3 import sqlite_version
from typing import Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, connection


class Command(BaseCommand):
    help = "Print which version this is, on what it stands, and which database answers. For a report of a fault."
    requires_system_checks = []  # it must speak whatever is wrong

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the same for a program")

    def handle(self, *args: Any, **options: Any) -> None:
        project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
        facts = {
            "name": project["name"],
            "version": project["version"],
            "commit": _commit(),
            "python": platform.python_version(),
            "django": django.get_version(),
            "database": _database(),
        }
        if options["json"]:
            self.stdout.write(json.dumps(facts))
            return
        self.stdout.write(f"{facts['name']} {facts['version']} ({facts['commit'] or 'commit unknown'})")
        self.stdout.write(f"Python {facts['python']}, Django {facts['django']}, {facts['database']}")


def _commit() -> str:
    """The commit: from the image's file, or from git; "" without either."""
    file = settings.BASE_DIR / "commit"
    if file.exists():
        return str(file.read_text()).strip()
    git = shutil.which("git")
    if git is None or not (settings.BASE_DIR / ".git").exists():
        return ""
    # The folder is root's, and the service another user's, as docs/deploy.md has it: git asks whether that is meant.
    asked = [git, "-C", str(settings.BASE_DIR), "-c", f"safe.directory={settings.BASE_DIR}"]
    asked += ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    return done.stdout.strip()


def _database() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite_version}"
    try:
        connection.ensure_connection()
    except Error as error:
        return f"PostgreSQL, which does not answer ({type(error).__name__})"
    number = connection.pg_version  # type: ignore[attr-defined]  # of its engine alone
    return f"PostgreSQL {number // 10000}.{number % 10000}"
