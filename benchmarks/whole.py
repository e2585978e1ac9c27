"""Measures docs/performance.md anew as a whole, on one commit: every command, and a table "asked, got, peer".

    uv run --dev python -m benchmarks.whole FOLDER [--posts FOLDER] [--only NAME …] [--table]

Runs one benchmark after the other, each in a process of its own, and keeps what it printed in FOLDER, with the commit
and the load before and after. A run that was cut off goes on where it stopped: what was measured on this commit is
kept, what was measured on another is measured again. `--table` only reads the folder. Exit code 1: a command failed, or
a figure was not found in what it printed. A bar that is missed is printed in bold; it does not change the exit code,
since most bars are of one machine. About 100 minutes, in which nothing else may run.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.installation import ROOT, machine

HEAD = "# commit {commit}, {machine}\n# {command}\n"
TAIL = "# exit {code} after {minutes:.1f} minutes, load {load:.1f}\n"
DONE = re.compile(r"\A# commit (\w+),.*^# exit 0 after", re.DOTALL | re.MULTILINE)
ENDED = re.compile(r"^# exit (-?\d+) after", re.MULTILINE)


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    found: what a figure stands in, as a regular expression with one group; of several, `of` makes one. Asked is a
    limit: at most, or with `at_least` at least; None where nothing was asked. peer: where the other's figure stands.
    """

    what: str
    found: str
    asked: float | None = None
    unit: str = ""
    at_least: bool = False
    peer: str = ""
    peer_name: str = ""
    of: Callable[[list[float]], float] = median

    def row(self, said: str) -> str:
        got = self.of(_numbers(self.found, said))
        others = f"{self.peer_name}: {_figure(median(_numbers(self.peer, said)))}" if self.peer else self.peer_name
        asked = "" if self.asked is None else f"{'≥' if self.at_least else '≤'} {_figure(self.asked)}{self.unit}"
        missed = self.asked is not None and (got < self.asked if self.at_least else got > self.asked)
        output = f"{_figure(got)}{self.unit}"
        return f"| {self.what} | {asked} | {f'**{output}**' if missed else output} | {others} |"


@dataclass(frozen=True)
class Run:
    name: str
    command: str  # module and options; {posts} is a folder of real posts
    figures: tuple[Figure, ...] = field(default=())


def _numbers(pattern: str, said: str) -> list[float]:
    found = [float(number.replace(",", "")) for number in re.findall(pattern, said, re.MULTILINE)]
    if not found:
        raise LookupError(pattern)
    return found


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


CPU, RATE, MEMORY = r"([\d.]+) CPU s per 100,000", r"ours +(\d+) messages/s", r"\) +(\d+) MB"
ALONE = "--server fast --no-peer"


def of_engine(engine: str, name: str, ratio: float, rows: float) -> tuple[Run, ...]:
    """Return what is asked of both engines. ratio: of smtp-source's rate; rows: of an import, a second."""
    peer = {"peer": r"smtp-source +(\d+) messages/s", "peer_name": "smtp-source"}
    to = f"benchmarks.end_to_end --engine {engine}"
    return (
        Run(
            f"sending-{engine}",
            f"{to} --rounds 5",
            (
                Figure(f"messages a second, {name}", RATE, **peer),
                Figure(f"of smtp-source's rate, {name}", r"ratio, median: ([\d.]+)", ratio, at_least=True),
            ),
        ),
        Run(
            f"sender-{engine}",
            f"{to} {ALONE} --readers 100000 --rounds 3",
            (
                Figure(f"CPU of 100,000 messages, {name}", CPU, 6, " s"),
                Figure(f"memory of a lane, {name}", MEMORY, 110, " MB", of=max),
            ),
        ),
        Run(
            f"million-{engine}",
            f"{to} {ALONE} --readers 1000000 --rounds 1",
            (
                Figure(f"a million messages, {name}", r"messages/s +([\d.]+) s ", 90, " s"),
                Figure(f"first mail of a million, {name}", r"first after ([\d.]+) s", 3, " s"),
            ),
        ),
        Run(
            f"import-{engine}",
            f"benchmarks.importing --by command --engine {engine}",
            (
                Figure(
                    f"import of a million readers, {name}",
                    r"^command +[\d.]+ s +(\d+) rows/s",
                    rows,
                    "/s",
                    at_least=True,
                ),
                Figure(f"memory of that import, {name}", r"memory (\d+) MB", 120, " MB", of=max),
            ),
        ),
    )


RUNS = (
    *of_engine("sqlite", "SQLite", 1.0, 15_000),
    *of_engine("servers", "PostgreSQL", 0.9, 20_000),
    Run(
        "waiting",
        f"benchmarks.end_to_end --engine sqlite --delay-ms 10 --rate 5000 {ALONE}",
        (Figure("one lane, 10 ms for each reply", RATE, 1000, "/s", at_least=True),),
    ),
    Run(
        "throughput",
        "benchmarks.throughput",
        (
            Figure("messages a second, of Django's", r"messages/s, median: ([\d.]+)", peer_name="Django: 1"),
            Figure("less CPU a message, of Django's", r"ratio of CPU, median: +([\d.]+)", peer_name="Django: 1"),
        ),
    ),
    Run(
        "batches",
        "benchmarks.batch_api",
        (
            Figure(
                "CPU of a reader by a batch API",
                r"ours +median: ([\d.]+)",
                50,
                " µs",
                peer=r"Anymail +median: ([\d.]+)",
                peer_name="Anymail",
            ),
        ),
    ),
    Run(
        "render",
        "benchmarks.render",
        (
            Figure(
                "building a message of 40 KB",
                r"compiled +([\d.]+) us",
                25,
                " µs",
                peer=r"Django +([\d.]+) us",
                peer_name="Django",
            ),
        ),
    ),
    Run(
        "signing",
        "benchmarks.signing --readers 6000",
        (
            Figure(
                "signed by RSA-2048, of the unsigned rate", r"RSA-2048 +ratio, median: ([\d.]+)", 0.4, at_least=True
            ),
            Figure("signed by Ed25519", r"Ed25519 +ratio, median: ([\d.]+)", 0.75, at_least=True),
        ),
    ),
    Run(
        "planning",
        "benchmarks.planning",
        (Figure("planning a million copies", r"plan everybody +([\d.]+) s", 5, " s", of=max),),
    ),
    Run(
        "closing",
        "benchmarks.closing --postgres",
        (Figure("others wait at a mailing's end", r"waited +([\d.]+) s", None, " s", of=max),),
    ),
    Run(
        "machines",
        "benchmarks.machines",
        (
            Figure("two machines", r"2 machines .* ([\d.]+) times", 1.9, " times", at_least=True, of=min),
            Figure("four machines", r"4 machines .* ([\d.]+) times", 3.5, " times", at_least=True, of=min),
        ),
    ),
    Run(
        "events",
        "benchmarks.events --engine servers --events 200000 --readers 40000 --rate 5000 --rounds 3",
        (
            Figure("a mailing beside 5,000 events/s, of its rate", r"share: ([\d.]+) of", 0.9, at_least=True),
            Figure("answers within 50 ms in that storm", r"within 50 ms: ([\d.]+)%", None, " %"),
        ),
    ),
    Run(
        "backups",
        "benchmarks.backups --engine servers --readers 1000000 --copies 5000000",
        (Figure("restore of a million readers", r"^restore +([\d.]+)", None, " s"),),
    ),
    Run("houses", "benchmarks.houses"),
    Run(
        "rest",
        "benchmarks.installation --settled 650 --minutes 3 --starts 1",
        (
            Figure("memory at rest", r"all, bars.*?\| +([\d.]+) MB", 200, " MB"),
            Figure("wake-ups a second", r"all, bars.* ([\d.]+) /s", 3),
            Figure("CPU at rest", r"all, bars.* ([\d.]+) % \|", 0.2, " %"),
            Figure("written a day", r"all, bars.* ([\d.]+) MB/day", 10, " MB"),
        ),
    ),
    Run(
        "reading",
        "benchmarks.reading --seconds 3",
        (
            Figure(
                "kept pages, requests per CPU second",
                r"^\w[\w ]+? +(\d+) requests per CPU s .*Ghost",
                840,
                at_least=True,
                peer_name="Ghost 6: 84",
                of=min,
            ),
            Figure("of a view of one line", r"([\d.]+) of one line", 0.5, at_least=True, of=min),
        ),
    ),
    Run("anew", "benchmarks.anew --rounds 60"),
    Run(
        "desk-sqlite",
        "benchmarks.desk",
        (Figure("slowest page of the desk, SQLite", r"^\w[\w ,/]+? +(\d+) +\d+ +[\d.]+", 1000, " ms", of=max),),
    ),
    Run(
        "desk-servers",
        "benchmarks.desk --engine servers --readers 1000000 --copies 20000000",
        (Figure("slowest page of the desk, PostgreSQL", r"^\w[\w ,/]+? +(\d+) +\d+ +[\d.]+", 300, " ms", of=max),),
    ),
    Run("api", "benchmarks.api --readers 1000000"),
    Run(
        "moving",
        "benchmarks.moving --source ghost",
        (Figure("5,000 posts, 8,000 pictures", r"pictures +([\d.]+) s", 600, " s", of=max),),
    ),
    Run("slow", "benchmarks.slow_clients"),
    Run("search", "benchmarks.search {posts}", (Figure("search, 95 % below", r"p95 ([\d.]+) ms", 20, " ms", of=max),)),
    Run("chaos", "benchmarks.chaos --seed 7 --faults 320"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where what was printed is kept")
    parser.add_argument("--posts", type=Path, help="a folder of real posts, for the search")
    parser.add_argument("--only", nargs="+", choices=[run.name for run in RUNS], metavar="NAME")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = [run for run in RUNS if not options.only or run.name in options.only]
    chosen = [run for run in chosen if options.posts or "{posts}" not in run.command]
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    if not options.table:
        for run in chosen:
            measure(run, options.folder / f"{run.name}.log", commit, options.posts)
    missing = list(table(chosen, options.folder))
    print(*missing, sep="\n", file=sys.stderr)
    return 1 if missing else 0


def measure(run: Run, log: Path, commit: str, posts: Path | None) -> None:
    """Run a benchmark and keep what it prints; nothing when that is kept of this commit already."""
    done = DONE.search(log.read_text()) if log.exists() else None
    if done and done[1] == commit:
        return
    command, began = run.command.format(posts=posts), time.monotonic()
    print(f"{run.name}: {command}", flush=True)
    with log.open("w") as out, tempfile.TemporaryDirectory(prefix="newsletter-whole-") as data:
        print(HEAD.format(commit=commit, machine=machine(), command=command), end="", file=out, flush=True)
        code = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=ROOT,
            env=os.environ | {"DATA_DIR": data},
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
        minutes = (time.monotonic() - began) / 60
        print(TAIL.format(code=code, minutes=minutes, load=os.getloadavg()[0]), end="", file=out)


def table(runs: list[Run], folder: Path) -> list[str]:
    """Print the table; return what is missing in it, one line each."""
    missing = []
    print("| what | asked | got | peer |", "|------|-------|-----|------|", sep="\n")
    for run in runs:
        log = folder / f"{run.name}.log"
        said = log.read_text() if log.exists() else ""
        ended = ENDED.search(said)
        if not ended:
            missing.append(f"{run.name}: not measured to its end")
            continue
        if ended[1] != "0":  # it failed, or it says so of a bar that it missed: then its figures are there
            missing.append(f"{run.name}: exit code {ended[1]}")
        for figure in run.figures:
            try:
                print(figure.row(said))
            except LookupError as error:
                missing.append(f"{run.name}: nothing is printed like {error}")
    return missing


if __name__ == "__main__":
    sys.exit(main())
