"""A worker without Celery's command line, which brings a shell with completion: 11 MB."""

import logging
import os
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from newsletter.operation.hands import processes
from newsletter.operation.supervisor import Supervisor
from newsletter.publication.heartbeats import Part, beat

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 2  # between tries while the database is away


def _remember() -> None:
    """Have the database know who left before the first mail leaves: it may come from a backup."""
    from newsletter.delivery.ledger import restored  # noqa: PLC0415 - this module is also read where no models are

    while True:
        try:
            restored.remember(timezone.now())
        except (OperationalError, InterfaceError) as error:
            log.warning("The worker waits for the database: %s", type(error).__name__, exc_info=error)  # told once
            time.sleep(PATIENCE_SECONDS)
        else:
            return
        finally:
            connections.close_all()  # none may be shared with the hands


class Command(BaseCommand):
    help = "Run a worker: a lane sends mailings, hands do what waits in the queue. SIGTERM stops it in order."
    requires_system_checks = []  # they load every page and the admin; migrate and `up` have asked them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--hands", type=int, default=2, help="tasks done at a time, beside mailings (default: 2)")
        parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING or ERROR (default: INFO)")

    def handle(self, *args: Any, hands: int, log_level: str, **options: Any) -> None:
        from newsletter.operation.backup.restoring import unfinished  # noqa: PLC0415 - as above

        if reason := unfinished():
            raise CommandError(reason)
        _remember()
        os.environ["CELERY_SKIP_CHECKS"] = "true"  # Celery skips them by this variable
        Supervisor(
            children=processes(hands, settings.DELIVERY_LANES, log_level),
            env=os.environ,
            folder=settings.BASE_DIR,
            say=self._say,
            on_ready=lambda: None,
            on_look=lambda: beat(Part.HANDS),
        ).run()

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()
