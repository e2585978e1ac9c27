"""Django's `migrate`, which refuses a database that is too old for it before it changes anything."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from newsletter.operation import preparing
from newsletter.operation.replaced_migrations import way_through


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        preparing.make_folders()  # before the checks, which open the database
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        applied = MigrationRecorder(connections[options["database"]]).applied_migrations()
        if commit := way_through(applied):
            raise CommandError(
                f"The database is of a version before {commit}, which alone can bring it up to date."
                f" Run manage.py migrate of {commit} first, then this version."
            )
        super().handle(*args, **options)
