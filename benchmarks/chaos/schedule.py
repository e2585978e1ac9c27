"""What goes wrong in a chaos run, and when: from a seed alone, so that a run can be repeated. Pure.

A fault comes when the SMTP server has accepted so many messages, never at a time. Faults of the wire are
wishes in a reader's address (tests/support/sink.py), so they come with that reader's message.
"""

from collections import Counter
from dataclasses import dataclass
from random import Random

LINES = 16  # SMTP connections of a lane: it begins with four, and takes more while the server keeps pace
CHANCE = 60  # numbers to choose among the ways of one kind: among 2, 3, 4, 5 or 6 of them


@dataclass(frozen=True)
class Kind:
    """A way to fail.

    weight: how often among all. uncertain: how many copies one such fault may leave so. engines: where it can happen.
    takes_long: seconds, and not for a short run.
    """

    words: str
    weight: int
    uncertain: int = 0
    engines: tuple[str, ...] = ("postgres", "sqlite")
    is_kill: bool = False
    takes_long: bool = False


SERVERS = ("postgres",)
# Everything that holds a lane dies with its recorder beside it: at most the messages in flight.
KINDS = {
    "lane": Kind("kill -9 of the process that runs the lane", 14, uncertain=LINES, is_kill=True),
    "idle": Kind("kill -9 of a worker that sends nothing, or an idle lane", 10, is_kill=True),
    "worker": Kind("kill -9 of the supervisor alone, not of worker and lane", 7, uncertain=LINES, is_kill=True),
    "machine": Kind("kill -9 of everything on a machine", 7, uncertain=LINES, is_kill=True),
    "beat": Kind("kill -9 of the clocks that run alone", 5, is_kill=True),
    "web": Kind("kill -9 of the web server", 2, is_kill=True),
    "redis": Kind("kill -9 of Redis; it returns empty", 6, uncertain=LINES, engines=SERVERS, is_kill=True),
    "outage": Kind("Redis away for half a minute", 2, engines=SERVERS, takes_long=True),
    "flush": Kind("FLUSHALL", 6, engines=SERVERS),
    "postgres": Kind("immediate stop of PostgreSQL", 10, uncertain=LINES, engines=SERVERS, is_kill=True),
    "freeze": Kind("SIGSTOP of the lane for a second, SIGCONT", 5),
    # Its own machine revokes it, by its recorder, before another one may take its batch over without.
    "lease": Kind("SIGSTOP of the lane past its lease, SIGCONT", 3, uncertain=LINES, engines=SERVERS, takes_long=True),
    # Nobody there can read its recorder; the lane itself tells of its window when it wakes.
    "standstill": Kind("SIGSTOP of a whole machine for 80 s, SIGCONT", 3, uncertain=LINES, takes_long=True),
    # It hangs, or dies of it; its supervisor notices within a minute.
    "memory": Kind("not an octet more of memory for the lane", 2, uncertain=LINES, takes_long=True),
    "lock": Kind("the lock file of a lane deleted", 6),
    "disk": Kind("no byte more on the disk for two seconds", 4, uncertain=LINES, takes_long=True),
    # Its log's reader is gone from then on: each line that it writes fails.
    "log": Kind("a worker's log a pipe that nobody reads, after its kill", 3, uncertain=LINES, is_kill=True),
    "stall": Kind("the database takes no more and says nothing, for 25 s", 3, uncertain=LINES, takes_long=True),
    # The others give its batch up after 75 s. What its recorder knows is used when it comes back.
    "partition": Kind("a machine cut off from database and Redis for two minutes", 3, LINES, SERVERS, takes_long=True),
    # Leases are a matter of the database's clock.
    "clock": Kind("a machine's clock 90 s ahead for four seconds, and back", 4, takes_long=True),
    "jump": Kind(
        "a part's clock an hour, a day or three ahead or behind, and its kill",
        *(9, LINES),
        is_kill=True,
        takes_long=True,
    ),
    "restore-crash": Kind("kill -9 of everything and a restore", 2, uncertain=2 * LINES, is_kill=True, takes_long=True),
    "restore-stop": Kind("a clean stop of everything and a restore", 2, takes_long=True),
    "dispatchers": Kind("two dispatchers at once", 7),
    "flood": Kind("two hundred wake-ups at once", 6),
    "click": Kind("a double click on send", 6),
    "tabs": Kind("two tabs that send, pause and resume, and kill -9 of the lane", 5, uncertain=LINES, is_kill=True),
    "pause": Kind("paused and resumed by the author", 5),
    "cut-before-data": Kind("connection cut before the dot", 10),
    "cut-after-data": Kind("connection cut after the dot", 6, uncertain=1, takes_long=True),
    "busy": Kind("421 to RCPT", 8),
    "greylist": Kind("451 to RCPT", 5, takes_long=True),
    "refuse": Kind("550 to RCPT", 8),
    "reject-data": Kind("554 to the dot", 6),
    "slow": Kind("a second's wait for the answer to the dot", 8),
}
WIRE = ("cut-before-data", "cut-after-data", "busy", "greylist", "refuse", "reject-data", "slow")
SLOWING = ("busy", "greylist")  # the engine halves its pace for these: they come to the last readers
DEFINITE = ("refuse", "reject-data")  # readers who are never accepted


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that goes wrong.

    at: how many messages were accepted before; of the wire: the reader's number. machine: whose, where there are two.
    chance: a number by which the fault chooses its way.
    """

    at: int
    kind: str
    machine: int = 0
    chance: int = 0


def schedule(
    seed: int, *, faults: int, readers: int, engine: str, is_short: bool = False, without: tuple[str, ...] = ()
) -> list[Fault]:
    """Return the faults of a run in their order; the same for the same arguments.

    Each kind has its share by weight, at least one where there is room. without: kinds that cannot be done here.
    """
    chance = Random(f"{seed} {engine}")
    possible = {name: kind for name, kind in KINDS.items() if engine in kind.engines and name not in without}
    kinds = {name: kind for name, kind in possible.items() if not (is_short and kind.takes_long)}
    chosen = list(kinds)[:faults]
    chosen += chance.choices(list(kinds), [kind.weight for kind in kinds.values()], k=faults - len(chosen))
    chance.shuffle(chosen)
    moments = {"early": _moments(chance, readers // 60, readers * 8 // 10, faults)}
    moments["late"] = _moments(chance, readers * 95 // 100, readers, faults)
    machines = [0, 1] if engine == "postgres" else [0]
    return sorted(
        Fault(_moment(kind, moments), kind, chance.choice(machines), chance.randrange(CHANCE)) for kind in chosen
    )


def _moment(kind: str, moments: dict[str, list[int]]) -> int:
    return moments["late" if kind in SLOWING else "early"].pop()


def _moments(chance: Random, first: int, last: int, faults: int) -> list[int]:
    return chance.sample(range(first, last), min(faults, last - first))


def addresses(plan: list[Fault], readers: int) -> list[str]:
    """Return everybody's address, in the order in which they are mailed; some ask for a bad day."""
    wishes = {fault.at: fault.kind for fault in plan if fault.kind in WIRE}
    return [
        f"{wishes[number]}-1-{number}@example.org" if number in wishes else f"reader{number}@example.org"
        for number in range(readers)
    ]


def bound(fired: Counter[str]) -> int:
    """Return how many copies may be uncertain after these faults."""
    return sum(KINDS[kind].uncertain * times for kind, times in fired.items())
