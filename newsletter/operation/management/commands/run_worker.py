"""A worker and its lanes, for use under another supervisor than `up`."""

from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from newsletter.operation import programs, worker
from newsletter.operation.backup.restoring import unfinished_restore
from newsletter.operation.programs import Program
from newsletter.operation.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run a worker: lanes send mailings, threads run tasks from the queue. SIGTERM stops it gracefully."
    requires_system_checks = []  # they load every page and the admin; `handle` runs those of our settings

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = f"threads for tasks (default: {worker.CONCURRENCY})"
        parser.add_argument("--hands", type=int, default=worker.CONCURRENCY, help=words)
        parser.add_argument("--clock", action="store_true", help="also run the clock, which enqueues periodic tasks")
        parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING or ERROR (default: INFO)")

    def handle(self, *args: Any, hands: int, clock: bool, log_level: str, **options: Any) -> None:
        if reason := unfinished_restore():
            raise CommandError(reason)
        self.check(tags=["newsletter"])
        connections.close_all()  # forks must not share one
        programs.clear_heartbeats([Program.WORKER])
        # In one process group, so that one signal stops all.
        Supervisor(programs.worker_children(hands, log_level, has_clock=clock, has_own_group=False), self._say).run()

    def _say(self, line: str) -> None:
        with suppress(OSError):  # stderr is closed, or its disk is full
            self.stderr.write(line)
            self.stderr.flush()
