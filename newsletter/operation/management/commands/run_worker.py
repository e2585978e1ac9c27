"""A worker without Celery's command line, which brings a shell with completion: 11 MB."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsletter.operation import hands as worker


class Command(BaseCommand):
    help = "Run a worker: a lane sends mailings, hands do what waits in the queue. SIGTERM stops it in order."
    requires_system_checks = []  # they load every page and the admin; migrate and `up` have asked them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--hands", type=int, default=2, help="tasks done at a time, beside mailings (default: 2)")
        parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING or ERROR (default: INFO)")

    def handle(self, *args: Any, hands: int, log_level: str, **options: Any) -> None:
        from newsletter.operation.backup.restoring import unfinished  # noqa: PLC0415 - it is also read without models

        if reason := unfinished():
            raise CommandError(reason)
        worker.run(hands, log_level, self._say)

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()
