"""Everything that can die dies while a mailing is being sent; at the end the ledger must agree with the SMTP server.

    uv run python -m benchmarks.chaos [--seed 7] [--faults 300] [--readers 0] [--engine postgres|sqlite|both]

postgres   two machines (a worker, locks and a recorder each) on one PostgreSQL and one Redis
sqlite     one machine on SQLite and the queue of files

Both run side by side. Workers, beat, database, queue and SMTP server are real processes of the run's own. The
SMTP server notes every accepted message before it answers. `benchmarks/chaos_schedule.py` makes the faults out of
the seed; each comes when so many messages were accepted. The end is one table; the exit code is 1 when anybody got
two copies or was forgotten, when more is uncertain than may be, or when ledger and server disagree.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chaos_faults import AUTHOR, RESUME, Faults
from benchmarks.chaos_schedule import WIRE, Fault, addresses, schedule
from benchmarks.chaos_verdict import LEDGER, Verdict, judge, table
from benchmarks.chaos_world import FAKETIME, AuthorAway, World
from benchmarks.installation import machine
from tests.support.product import Product
from tests.support.waiting import wait_until

READERS_A_FAULT = 80
GAP = 12  # messages at least between two faults: the one before has been got over
POLL_SECONDS = 0.01
STUCK_SECONDS = 120  # without a message, a lane or an end
STATE = """
from newsletter.delivery.models import Mailing
mailing = Mailing.objects.filter().first()
answer = mailing and [mailing.state, mailing.reason]
"""


class Run:
    """One mailing and its faults."""

    def __init__(self, engine: str, plan: list[Fault], readers: int, folder: Path) -> None:
        self.engine, self.plan, self.folder = engine, plan, folder
        self.readers = addresses(plan, readers)
        self.world = World(engine, folder)
        self.faults = Faults(self.world)
        self.fired = Counter(fault.kind for fault in plan if fault.kind in WIRE)
        self.own_resumes = 0
        self.seen, self.moved_at = 0, time.monotonic()

    def __call__(self, patience: float) -> Verdict:
        """Return the verdict; raises AssertionError when the mailing does not end within `patience` seconds."""
        begun = time.monotonic()
        try:
            self.world.start(self.readers)
            self._click_twice()
            self._make_trouble()
            wait_until(lambda: self._is_over() and self._is_quiet(), patience, what=self._stand, every=0.3)
            return self._verdict(time.monotonic() - begun)
        finally:
            self.world.stop()

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
                return
            self._fire(fault)
            not_before = self.world.accepted() + GAP

    def _fire(self, fault: Fault) -> None:
        at = self.world.accepted()
        try:
            self.faults.fire(fault.kind, fault.machine)
        except (AuthorAway, AssertionError) as why:
            self._tell(f"{at:6} {fault.kind}: did not happen: {why}")
            return
        self.fired[fault.kind] += 1
        self._tell(f"{at:6} {fault.kind}")

    def _tell(self, words: str) -> None:
        print(f"{self.engine:8} {words}", file=sys.stderr, flush=True)

    def _reaches(self, count: int) -> bool:
        """Wait until so many messages were accepted; return False when the mailing ends before."""
        looked_at = time.monotonic()
        while self.world.accepted() < count:
            self.faults.tend()
            self.world.keep_running()
            if time.monotonic() - looked_at > 1:
                looked_at = time.monotonic()
                if self._is_over():
                    return False
                assert not self._is_stuck(), self._stand()
            time.sleep(POLL_SECONDS)  # the server's count is another process's: there is nothing to wait on
        return True

    def _is_stuck(self) -> bool:
        """Return whether nothing was accepted for a long time."""
        if self.seen != self.world.accepted():
            self.seen, self.moved_at = self.world.accepted(), time.monotonic()
        return time.monotonic() - self.moved_at > STUCK_SECONDS

    def _is_over(self) -> bool:
        """Return whether the mailing has ended; go on, as its author would, with one that the engine has paused."""
        self.faults.tend()
        self.world.keep_running()
        state, reason = self._state()
        if state == "paused" and reason != AUTHOR:
            self.own_resumes += bool(self._ask(RESUME))
        return state in {"sent", "cancelled"}

    def _is_quiet(self) -> bool:
        """Return whether every fault has ended, and no lane is left that could still have an answer."""
        return not self.faults.later and not any(machine.lane() for machine in self.world.machines)

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
        first: Product = self.world.machines[0]
        return f"{self._state()}, {self.world.accepted()} accepted\n{first.told()}"

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
        judge(verdict, ledger, accepted, self.readers)
        self._tell(f"{verdict.seconds:6.0f} s, {self.fired.total()} faults, {verdict.errors or 'everybody once'}")
        return verdict


def run(engine: str, plan: list[Fault], *, readers: int, folder: Path, patience: float = 600) -> Verdict:
    """Send one mailing through the faults of `plan` and judge what became of it."""
    return Run(engine, plan, readers, folder)(patience)


def run_one(options: argparse.Namespace, faults: int, folder: Path, engine: str) -> Verdict:
    """Run what the command line asks for on one engine."""
    readers = options.readers or faults * READERS_A_FAULT
    without = () if FAKETIME else ("clock",)
    plan = schedule(
        options.seed, faults=faults, readers=readers, engine=engine, is_short=options.short, without=without
    )
    return run(engine, plan, readers=readers, folder=folder / engine)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", type=int, default=300, help="over all engines together")
    parser.add_argument("--readers", type=int, default=0, help="of each mailing; 0: enough for the faults")
    parser.add_argument("--engine", choices=["postgres", "sqlite", "both"], default="both")
    parser.add_argument("--short", action="store_true", help="leave out what takes longer than ten seconds")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the run, with every log")
    options = parser.parse_args()
    engines = ["postgres", "sqlite"] if options.engine == "both" else [options.engine]
    folder = Path(tempfile.mkdtemp(prefix="newsletter-chaos-"))
    clocks = "clocks are moved" if FAKETIME else "no clock is moved: faketime is missing"
    print(f"seed {options.seed}, {machine()}, {clocks}, {folder}", flush=True)
    try:
        with ProcessPoolExecutor(len(engines)) as side_by_side:
            one = partial(run_one, options, -(-options.faults // len(engines)), folder)
            verdicts = list(side_by_side.map(one, engines))
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(table(verdicts))
    for verdict in verdicts:
        for error in verdict.errors:
            print(f"{verdict.engine}: {error}")
    return int(any(verdict.errors for verdict in verdicts))


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    sys.exit(main())
