from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from newsletter.operation import healthy


class Command(BaseCommand):
    help = "Say whether what `up` runs on this machine is well; exit with 1 if it is not. For containers."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(healthy.report(settings.DATA_DIR))
