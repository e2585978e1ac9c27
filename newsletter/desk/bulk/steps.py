"""One step of an errand: some readers, looked for and then done with. What becomes of them is in the errand's row."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsletter.desk.bulk import barring, files, importing
from newsletter.desk.bulk.selection import Selection
from newsletter.desk.models import Errand
from subscribers import acting, exporting
from subscribers.acting import End, Ends, Occasion
from subscribers.models import Subscriber

BATCH = 2000  # readers in one transaction: with SQLite nobody else writes for its 0.2 s
Kind = Errand.Kind

type Act = Callable[[Collection[int], dict[str, Any], Occasion], Ends]

ACTS: dict[str, Act] = {
    Kind.TAG: lambda readers, options, occasion: acting.tag(readers, options["tag"], occasion),
    Kind.UNTAG: lambda readers, options, occasion: acting.untag(readers, options["tag"], occasion),
    Kind.PAUSE: lambda readers, options, occasion: acting.pause(
        readers, datetime.fromisoformat(options["until"]), occasion
    ),
    Kind.UNSUBSCRIBE: lambda readers, _options, occasion: acting.unsubscribe(readers, occasion),
    Kind.SUPPRESS: lambda readers, _options, occasion: acting.suppress(readers, occasion),
}


@dataclass(frozen=True)
class Step:
    """batches: yields what is next, again and again, without holding anything up. do: does it in a transaction.

    do returns whether it was the last.
    """

    batches: Callable[[Errand], Iterator[Any]]
    do: Callable[[Errand, Any, datetime], bool]


def _readers(errand: Errand) -> Iterator[list[int]]:
    while True:
        yield Selection.read(errand.chosen).after(errand.cursor, BATCH)


def _act(errand: Errand, readers: list[int], now: datetime) -> bool:
    occasion = Occasion(now, by=errand.by, reason=errand.options.get("reason", ""))
    if readers:
        _count(errand, ACTS[errand.kind](readers, errand.options, occasion))
    return _move_on(errand, readers)


def _export(errand: Errand, readers: list[int], _now: datetime) -> bool:
    rows = list(exporting.csv_rows(Subscriber.objects.filter(pk__in=readers)))
    heading = exporting.HEADING if not errand.size else ""
    path = files.path_of(errand, files.READERS)
    errand.size = files.append(path, errand.size, heading + "".join(rows))
    _count(errand, Counter({End.DONE: len(rows)}))
    return _move_on(errand, readers)


def _move_on(errand: Errand, readers: list[int]) -> bool:
    errand.cursor = readers[-1] if readers else errand.cursor
    errand.position += len(readers)
    return len(readers) < BATCH


def _count(errand: Errand, ends: Ends) -> None:
    errand.counts = dict(Counter(errand.counts) + Counter({str(end): number for end, number in ends.items()}))


STEPS: dict[str, Step] = {
    **dict.fromkeys(ACTS, Step(_readers, _act)),
    Kind.EXPORT: Step(_readers, _export),
    Kind.IMPORT: Step(importing.batches, importing.do),
    Kind.BAR: Step(barring.batches, barring.do),
}
