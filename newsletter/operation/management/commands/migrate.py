"""Django's `migrate`, which changes nothing in a database of a newer version, or of one that is too old for it."""

from typing import Any

from django.core.management.commands import migrate

from newsletter.operation import preparing


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        preparing.make_folders()  # before the checks, which open the database
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        preparing.refuse_newer()
        preparing.refuse_too_old()
        super().handle(*args, **options)
