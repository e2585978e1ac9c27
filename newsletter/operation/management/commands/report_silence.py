from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from newsletter.operation import liveness


class Command(BaseCommand):
    help = "Mail the author which parts of the newsletter do no work. `up` runs it after five minutes of silence."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        count = liveness.mail_author(timezone.now())
        self.stdout.write(f"Mailed {count} people." if count else "Nothing to report, or nobody to mail it to.")
