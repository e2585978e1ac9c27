"""What each kind of fault does to the world."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.chaos_world import FAKETIME, AuthorAway, Machine, World

FREEZE_SECONDS = 1.0
LEASE_SECONDS = 85.0  # longer than a lease and the patience of others, whom its own machine must forestall
FULL_SECONDS = 2.0
CLOCK_SECONDS = 4.0
AHEAD_SECONDS = 90
PAUSE_SECONDS = 2.0
AUTHOR = "the author"  # why it is paused

TWICE = """
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from django.db import connection
from django.utils import timezone
from newsletter.delivery import planning, tasks
from newsletter.issues.models import Issue

def dispatch():
    tasks.dispatch()

def click():
    planning.approve(Issue.objects.get(number=1), send_at=None, now=timezone.now(), hold=timedelta())

def once(_number):
    try:
        {what}()
    finally:
        connection.close()

with ThreadPoolExecutor(2) as two:
    list(two.map(once, range(2)))
"""
FLOOD = """
from newsletter.delivery import tasks
for _ in range(200):
    tasks.dispatch.apply_async(expires=30)
"""
PAUSE = """
from newsletter.delivery.models import Mailing
answer = Mailing.objects.get().pause({author!r})
"""
RESUME = """
from datetime import timedelta
from django.utils import timezone
from newsletter.delivery.models import Mailing
answer = Mailing.objects.get().resume(timezone.now(), timedelta())
"""


class Faults:
    """Every process fault by its kind: `fire` does it and returns when it is over, `later` ends what lasts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.later: list[tuple[float, Callable[[], None]]] = []  # when (monotonic), what

    def fire(self, kind: str, machine: int) -> None:
        act: Callable[[Machine], None] = getattr(self, f"_{kind}")
        act(self.world.machines[machine])

    def tend(self) -> None:
        """End the faults whose time is over."""
        now = time.monotonic()
        due = [end for at, end in self.later if at <= now]
        self.later = [(at, end) for at, end in self.later if at > now]
        for end in due:
            end()

    def _after(self, seconds: float, end: Callable[[], None]) -> None:
        self.later.append((time.monotonic() + seconds, end))

    def _lane(self, machine: Machine) -> None:
        os.kill(self.world.wait_for_lane(machine), signal.SIGKILL)

    def _worker(self, machine: Machine) -> None:
        machine.end_orphans()
        machine.restart("worker", alone=True)

    def _machine(self, machine: Machine) -> None:
        for name in list(machine.running):
            machine.restart(name)
        machine.end_orphans()

    def _beat(self, _machine: Machine) -> None:
        self.world.machines[0].restart("beat")

    def _redis(self, _machine: Machine) -> None:
        assert self.world.redis
        self.world.redis.kill()
        self.world.redis.start()

    def _flush(self, _machine: Machine) -> None:
        assert self.world.redis
        self.world.redis.empty()

    def _postgres(self, _machine: Machine) -> None:
        assert self.world.postgres
        self.world.postgres.process.send_signal(signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
        self.world.postgres.process.wait(30)
        self.world.postgres.serve()

    def _freeze(self, machine: Machine, seconds: float = FREEZE_SECONDS) -> None:
        pid = self.world.wait_for_lane(machine)
        os.kill(pid, signal.SIGSTOP)
        self._after(seconds, lambda: _go_on(pid))

    def _lease(self, machine: Machine) -> None:
        self._freeze(machine, LEASE_SECONDS)

    def _disk(self, machine: Machine) -> None:
        full = machine.full_disk()
        full.__enter__()
        self._after(FULL_SECONDS, lambda: full.__exit__(None, None, None))

    def _clock(self, machine: Machine) -> None:
        assert FAKETIME
        machine.set_clock(AHEAD_SECONDS)
        self._after(CLOCK_SECONDS, lambda: machine.set_clock(0))

    def _dispatchers(self, _machine: Machine) -> None:
        self._ask(TWICE.format(what="dispatch"))

    def _click(self, _machine: Machine) -> None:
        self._ask(TWICE.format(what="click"))

    def _flood(self, _machine: Machine) -> None:
        self._ask(FLOOD)

    def _pause(self, _machine: Machine) -> None:
        self._ask(PAUSE.format(author=AUTHOR))
        self._after(PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        try:
            self._ask(RESUME)
        except AuthorAway:  # the database is; later, then
            self._after(PAUSE_SECONDS, self._resume)

    def _ask(self, code: str) -> object:
        assert self.world.author
        return self.world.author.ask(code)


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
