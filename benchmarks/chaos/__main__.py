"""Everything that can die or stand still does while a mailing is being sent; at the end all must be well, or reported.

    uv run --dev python -m benchmarks.chaos [--seed 7] [--faults 320] [--readers 0] [--engine …]

postgres   two machines (a worker, a beat, locks and a recorder each) on one PostgreSQL and one Redis
sqlite     one machine on SQLite and the queue of files

Both run side by side. Workers, beats, web, database, queue and SMTP server are real processes of the run's own. The
SMTP server notes every accepted message before it answers. `schedule.py` makes the faults out of the seed; each comes
when so many messages were accepted. Somebody looks every three seconds how far it is, and what `doctor` and /readyz
say. The end is one table; the exit code is 1 when anybody got two copies, was forgotten or was mailed after he had
left, when more is uncertain than may be, when ledger and server disagree, or when the mailing stood still for 90
seconds and nothing said so.
"""

import argparse
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.chaos.run import run
from benchmarks.chaos.schedule import schedule
from benchmarks.chaos.verdict import Verdict, table
from benchmarks.chaos.world import FAKETIME
from benchmarks.installation import machine

READERS_A_FAULT = 80


def run_one(options: argparse.Namespace, faults: int, folder: Path, engine: str) -> Verdict:
    """Run what the command line asks for on one engine."""
    readers = options.readers or faults * READERS_A_FAULT
    without = () if FAKETIME else ("clock", "jump")
    plan = schedule(
        options.seed, faults=faults, readers=readers, engine=engine, is_short=options.short, without=without
    )
    return run(engine, plan, readers=readers, folder=folder / engine)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", type=int, default=320, help="over all engines together")
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
        for standstill in verdict.standstills:
            print(f"{verdict.engine} stood still {standstill}")
        for error in verdict.errors:
            print(f"{verdict.engine}: {error}")
    return int(any(verdict.errors for verdict in verdicts))


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[2])
    sys.exit(main())
