from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from newsletter.desk import author


class Command(BaseCommand):
    help = "Print a one-time link with which the author chooses a new name and password."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(author.link(author.get_or_create(), base_url=settings.SITE_URL))
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        self.stderr.write(f"It works once, within {hours} hours. The old password works until then.")
