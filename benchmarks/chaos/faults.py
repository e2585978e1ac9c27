"""What each kind of fault does to the world."""

import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.chaos.restore import AUTHOR, RESUME, restore
from benchmarks.chaos.schedule import Fault
from benchmarks.chaos.world import FAKETIME, AuthorAway, Machine, World
from tests.support.product import Product
from tests.support.waiting import wait_until

FREEZE_SECONDS = 1.0
LEASE_SECONDS = 85.0  # longer than a lease and the patience of others, whom its own machine must forestall
FULL_SECONDS = 2.0
OUTAGE_SECONDS = 30.0
CLOCK_SECONDS = 4.0
AHEAD_SECONDS = 90
JUMPS = [sign * seconds for seconds in (3_600, 86_400, 3 * 86_400) for sign in (1, -1)]  # of a part's clock
JUMP_SECONDS = 6.0
STANDSTILL_SECONDS = 80.0  # longer than a lease (30) and the time that others leave its holder (45)
STALL_SECONDS = 25.0  # longer than the patience with SQLite's lock (20)
PARTITION_SECONDS = 120.0  # longer than others wait (75), and than a lane may be silent (60)
PAUSE_SECONDS = 2.0
HANDS_SECONDS = 20

TWICE = """
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from django.db import connection
from django.utils import timezone
from newsletter.delivery import tasks
from newsletter.delivery.planning import approving
from newsletter.issues.models import Issue

def dispatch():
    tasks.dispatch.run()

def click():
    approving.approve(Issue.objects.get(number=1), send_at=None, now=timezone.now(), hold=timedelta())

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
TABS = """
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from django.db import connection
from django.utils import timezone
from newsletter.delivery.planning import approving
from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue

def pause():
    Mailing.objects.get().pause({author!r})

def resume():
    Mailing.objects.get().resume(timezone.now(), timedelta())

def send():
    approving.approve(Issue.objects.get(number=1), send_at=None, now=timezone.now(), hold=timedelta())

def tab(acts):
    try:
        for act in acts:
            act()
    finally:
        connection.close()

with ThreadPoolExecutor(2) as two:
    list(two.map(tab, [[pause, send, resume, pause], [send, pause, resume, resume]]))
"""


class Faults:
    """Every process fault by its kind: `fire` does it and returns when it is over, `later` ends what lasts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.later: list[tuple[float, Callable[[], None]]] = []  # when (monotonic), what

    def fire(self, fault: Fault) -> None:
        self.fault = fault
        act: Callable[[Machine], None] = getattr(self, f"_{fault.kind.replace('-', '_')}")
        act(self.world.machines[fault.machine])

    def tend(self) -> None:
        """End the faults whose time is over."""
        now = time.monotonic()
        due = [end for at, end in self.later if at <= now]
        self.later = [(at, end) for at, end in self.later if at > now]
        for end in due:
            end()

    def end_all(self) -> None:
        """End at once what lasts."""
        ends, self.later = self.later, []
        for _at, end in ends:
            end()

    def _after(self, seconds: float, end: Callable[[], None]) -> None:
        self.later.append((time.monotonic() + seconds, end))

    def _found_lane(self, machine: Machine) -> int:
        """Return the process of a lane. What lasts ends meanwhile: a mailing that waits for its resume has no lane."""
        return self.world.wait_for_lane(machine, meanwhile=self.tend)

    def _lane(self, machine: Machine) -> None:
        os.kill(self._found_lane(machine), signal.SIGKILL)

    def _idle(self, machine: Machine) -> None:
        def idle() -> list[int]:
            self.world.keep_running()
            return machine.idle_hands()

        hands = wait_until(idle, HANDS_SECONDS, what="an idle hand of a worker that has just begun")
        os.kill(hands[self.fault.chance % len(hands)], signal.SIGKILL)

    def _worker(self, machine: Machine) -> None:
        machine.end_orphans()
        machine.restart("worker", alone=True)

    def _machine(self, machine: Machine) -> None:
        for name in list(machine.running):
            machine.restart(name)
        machine.end_orphans()

    def _beat(self, _machine: Machine) -> None:
        for machine in self.world.machines:
            machine.restart("beat")

    def _web(self, _machine: Machine) -> None:
        self.world.first.restart("web")

    def _redis(self, _machine: Machine) -> None:
        assert self.world.redis
        self.world.redis.kill()
        self.world.redis.start()

    def _outage(self, _machine: Machine) -> None:
        assert self.world.redis
        self.world.redis.kill()
        self._after(OUTAGE_SECONDS, self._end_outage)

    def _end_outage(self) -> None:
        assert self.world.redis
        if self._is_away():  # another fault may have started it
            self.world.redis.start()

    def _is_away(self) -> bool:
        return self.world.redis is not None and self.world.redis.process.poll() is not None

    def _flush(self, _machine: Machine) -> None:
        assert self.world.redis
        if not self._is_away():  # it returns empty
            self.world.redis.empty()

    def _postgres(self, _machine: Machine) -> None:
        assert self.world.postgres
        self.world.postgres.send(signal.SIGCONT)  # where it stands still, it takes no signal
        self.world.postgres.process.send_signal(signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
        self.world.postgres.process.wait(30)
        self.world.postgres.serve()

    def _freeze(self, machine: Machine, seconds: float = FREEZE_SECONDS) -> None:
        pid = self._found_lane(machine)
        os.kill(pid, signal.SIGSTOP)
        self._after(seconds, lambda: _go_on(pid))

    def _lease(self, machine: Machine) -> None:
        self._freeze(machine, LEASE_SECONDS)

    def _memory(self, machine: Machine) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.prlimit(self._found_lane(machine), resource.RLIMIT_AS, (1, most))

    def _disk(self, machine: Machine) -> None:
        full = machine.full_disk()
        full.__enter__()
        self._after(FULL_SECONDS, lambda: full.__exit__(None, None, None))

    def _log(self, machine: Machine) -> None:
        machine.restart_without_log("worker")

    def _stall(self, _machine: Machine) -> None:
        self._after(STALL_SECONDS, self.world.stall())

    def _partition(self, _machine: Machine) -> None:
        for wire in self.world.wires:
            wire.cut()
            self._after(PARTITION_SECONDS, wire.mend)

    def _clock(self, machine: Machine) -> None:
        assert FAKETIME
        machine.set_clock("worker", AHEAD_SECONDS)
        self._after(CLOCK_SECONDS, lambda: machine.set_clock("worker", 0))

    def _jump(self, machine: Machine) -> None:
        assert FAKETIME
        parts = sorted(machine.running)
        name, seconds = parts[self.fault.chance % len(parts)], JUMPS[self.fault.chance % len(JUMPS)]
        machine.set_clock(name, seconds)
        self._after(JUMP_SECONDS, lambda: self._jump_back(machine, name))

    def _jump_back(self, machine: Machine, name: str) -> None:
        machine.set_clock(name, 0)
        machine.restart(name)

    def _standstill(self, machine: Machine) -> None:
        machine.send(signal.SIGSTOP)
        self._after(STANDSTILL_SECONDS, lambda: machine.send(signal.SIGCONT))

    def _lock(self, machine: Machine) -> None:
        (machine.data / "locks" / "slot-0").unlink(missing_ok=True)

    def _restore_crash(self, _machine: Machine) -> None:
        self._restore(Product.kill)

    def _restore_stop(self, _machine: Machine) -> None:
        self._restore(Product.stop)

    def _restore(self, end: Callable[[Product], object]) -> None:
        self.end_all()
        restore(self.world, end)

    def _dispatchers(self, _machine: Machine) -> None:
        self._ask(TWICE.format(what="dispatch"))

    def _click(self, _machine: Machine) -> None:
        self._ask(TWICE.format(what="click"))

    def _tabs(self, machine: Machine) -> None:
        self._lane(machine)
        self._after(PAUSE_SECONDS, self._resume)
        self._ask(TABS.format(author=AUTHOR))

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
