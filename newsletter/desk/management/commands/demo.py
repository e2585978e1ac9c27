from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter.desk import demo


class Command(BaseCommand):
    help = "Fill an empty installation with a sample publication: posts, five archived issues and the next one."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = demo.load(timezone.now())
        except demo.NotEmptyError:
            raise CommandError(
                "There are posts or issues here already, and the sample publication would mix with them. "
                "Try it beside yours: DATA_DIR=./demo uv run manage.py up --demo"
            ) from None
        if not loaded:
            self.stdout.write("The sample publication is here already; nothing was changed.")
            return
        self.stdout.write("Loaded the sample publication; its readers are at example.com.")
