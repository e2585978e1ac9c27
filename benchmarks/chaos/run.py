"""One mailing and its faults, from the first click to the verdict."""

import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.chaos import life
from benchmarks.chaos.faults import Faults
from benchmarks.chaos.restore import AUTHOR, RESUME
from benchmarks.chaos.schedule import WIRE, Fault, addresses
from benchmarks.chaos.verdict import LEDGER, Verdict, judge
from benchmarks.chaos.watcher import Watcher
from benchmarks.chaos.world import AuthorAway, World

GAP = 12  # messages at least between two faults: the one before has been got over
POLL_SECONDS = 0.01
STUCK_SECONDS = 30  # that a mailing gets beyond the time for which it may stand still
IDLE_SECONDS = 400  # without a message, whatever the reason: a copy that was refused for now waits five minutes
STATE = """
from newsletter.delivery.models import Mailing
mailing = Mailing.objects.filter().first()
answer = mailing and [mailing.state, mailing.reason]
"""
# A machine that was cut off tells what it knows when it is back; what had never left goes a minute later.
SETTLED = """
from django.db.models import Q
from newsletter.delivery.ledger import recovery
from newsletter.delivery.models import Delivery
untold = Q(state=Delivery.State.UNCERTAIN, reply=recovery.UNRECORDED_REPLY)
answer = not Delivery.objects.filter(untold | Q(state=Delivery.State.QUEUED)).exists()
"""


class Stuck(Exception):
    """Nothing moves any more; the message says how things stand."""


class Run:
    """One mailing and its faults.

    still: seconds that the mailing may stand still without a word. forks: as of a Machine.
    """

    def __init__(
        self,
        engine: str,
        plan: list[Fault],
        readers: int,
        folder: Path,
        *,
        still: float = life.STILL_SECONDS,
        forks: bool = False,
    ) -> None:
        self.engine, self.plan, self.still = engine, plan, still
        self.readers = addresses(plan, readers)
        self.world = World(engine, folder, forks=forks)
        self.faults = Faults(self.world)
        self.watcher = Watcher(self.world)
        self.fired = Counter(fault.kind for fault in plan if fault.kind in WIRE)
        self.own_resumes = 0
        self.seen, self.moved_at = 0, time.monotonic()

    def __call__(self, patience: float) -> Verdict:
        """Return the verdict; a mailing that does not end within `patience` seconds after the faults has one, too."""
        begun = time.monotonic()
        with ExitStack() as ends:
            ends.callback(self.world.stop)
            ends.callback(self.faults.end_all)
            self.world.start(self.readers)
            self._click_twice()
            ends.enter_context(self.watcher)
            try:
                self._make_trouble()
                self._finish(patience)
            except Stuck as how:
                self.world.remarks.append(f"the mailing does not end: {str(how)[:300]}")
                self._tell(str(how))
            return self._verdict(time.monotonic() - begun)

    def _finish(self, patience: float) -> None:
        until = time.monotonic() + patience
        while not (self._is_over() and self._is_quiet()):
            if self._is_stuck() or time.monotonic() > until:
                raise Stuck(self._stand())
            time.sleep(0.3)  # each look asks both databases, which the mailing needs more

    def _click_twice(self) -> None:
        """Begin with two clicks at once: there must be one mailing."""
        clicks = [self.world.machines[0].manage_in_background("send_issue", "1", "--no-hold") for _ in range(2)]
        for click in clicks:
            click.wait(60)
        del self.world.machines[0].running["send_issue"]

    def _make_trouble(self) -> None:
        not_before = 0
        for fault in [fault for fault in self.plan if fault.kind not in WIRE]:
            if not self._reaches(max(fault.at, not_before)):
                break
            self._fire(fault)
            not_before = self.world.accepted() + GAP
        self.world.smtp.let_go()

    def _fire(self, fault: Fault) -> None:
        at = self.world.accepted()
        try:
            self.faults.fire(fault)
        except (AuthorAway, AssertionError) as why:
            self._tell(f"{at:6} {fault.kind}: did not happen: {why}")
            return
        self.fired[fault.kind] += 1
        self._tell(f"{at:6} {fault.kind}")

    def _tell(self, words: str) -> None:
        print(f"{self.engine:8} {words}", file=sys.stderr, flush=True)

    def _reaches(self, count: int) -> bool:
        """Wait until so many messages were accepted; return False when the mailing ends before.

        The mailing waits there for what is to be done to it, so that it is done there on a busy machine too.
        """
        self.world.smtp.hold_at(count)
        looked_at = time.monotonic()
        while self.world.accepted() < count:
            self.faults.tend()
            self.world.keep_running()
            if time.monotonic() - looked_at > 1:
                looked_at = time.monotonic()
                if self._is_over():
                    return False
                if self._is_stuck():
                    raise Stuck(self._stand())
            time.sleep(POLL_SECONDS)  # the server's count is another process's: there is nothing to wait on
        return True

    def _is_stuck(self) -> bool:
        """Return whether nothing was accepted for longer than may be, with or without a word."""
        if self.seen != self.world.accepted():
            self.seen, self.moved_at = self.world.accepted(), time.monotonic()
        looks = self.watcher.looks[:]
        long = life.standstills(looks, self.still + STUCK_SECONDS)
        stands = bool(long) and long[-1].ended == looks[-1].at
        return stands or time.monotonic() - self.moved_at > IDLE_SECONDS

    def _is_over(self) -> bool:
        """Return whether the mailing has ended; go on, as its author would, with one that the engine has paused."""
        self.faults.tend()
        self.world.keep_running()
        state, reason = self._state()
        if state == "paused" and reason != AUTHOR:
            self.own_resumes += bool(self._ask(RESUME))
        return state in {"sent", "cancelled"}

    def _is_quiet(self) -> bool:
        """Return whether every fault has ended, and neither lane nor recorder is left that could tell of a copy."""
        is_held = any(machine.lane() for machine in self.world.machines)
        return not self.faults.later and not is_held and bool(self._ask(SETTLED))

    def _state(self) -> tuple[str, str]:
        state, reason = self._ask(STATE) or ("", "")
        return state, reason

    def _ask(self, code: str) -> Any:
        assert self.world.author
        try:
            return self.world.author.ask(code)
        except AuthorAway:
            return None

    def _stand(self) -> str:
        """Return how things stand, for a run that does not end."""
        return f"{self._state()}, {self.world.accepted()} accepted\n{self.world.first.log_tails()}"

    def _verdict(self, seconds: float) -> Verdict:
        assert self.world.author
        verdict = Verdict(
            self.engine,
            len(self.readers),
            self.fired,
            seconds,
            missed=len(self.plan) - self.fired.total(),
            own_restarts=sum(machine.own_restarts for machine in self.world.machines),
            own_resumes=self.own_resumes,
        )
        ledger = self.world.author.ask(LEDGER)
        accepted = [copy.rcpt for copy in self.world.smtp.received()]
        judge(verdict, ledger, accepted, self.readers, self.world.gone)
        verdict.live(self.watcher.looks, self.still)
        verdict.confirm(self.watcher.all_waits())
        verdict.errors += self.world.remarks
        for standstill in verdict.standstills:
            self._tell(f"stood still {standstill}")
        self._tell(f"{verdict.seconds:6.0f} s, {self.fired.total()} faults, {verdict.errors or 'everybody once'}")
        return verdict


def run(engine: str, plan: list[Fault], *, readers: int, folder: Path, patience: float = 600, **how: Any) -> Verdict:
    """Send one mailing through the faults of `plan` and judge what became of it. how: as of Run."""
    return Run(engine, plan, readers, folder, **how)(patience)
