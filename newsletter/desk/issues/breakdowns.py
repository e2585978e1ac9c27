"""How the copies of a mailing divide, in words: by receiving domain, and the failed ones by why and what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.delivery.models import Breakdown, Delivery, Mailing
from newsletter.delivery.models.deliveries import REST
from newsletter.delivery.results.wording import REASONS
from newsletter.mail.replies import Verdict

State = Delivery.State
COLUMNS: dict[State, tuple[str, Any]] = {
    State.QUEUED: ("queued", gettext_lazy("waiting")),
    State.SENT: ("sent", gettext_lazy("sent")),
    State.DEFERRED: ("deferred", gettext_lazy("deferred")),
    State.FAILED: ("failed", gettext_lazy("failed")),
    State.UNCERTAIN: ("uncertain", gettext_lazy("uncertain")),
}


@dataclass(frozen=True)
class Cell:
    """One number of a domain; name: by which a script finds it."""

    name: str
    label: Any
    count: int

    @property
    def shown(self) -> str:
        return f"{self.count:,}"


@dataclass(frozen=True)
class Domain:
    name: str
    cells: tuple[Cell, ...]


def of(mailing: Mailing) -> Breakdown | None:
    """Return what was counted of a mailing; None before the first count. One of `progress.followed` has it at hand."""
    try:
        return mailing.breakdown
    except Breakdown.DoesNotExist:
        return None


def domains(found: Breakdown | None) -> list[Domain]:
    """Return the largest domains, and the others as one; [] if nothing was counted, or there is only one."""
    if found is None:
        return []
    sizes = {name: sum(numbers) for name, numbers in found.by_domain.items()}
    names = [name for name in [*found.domains, REST] if sizes.get(name)]
    return [_domain(place, name, found.by_domain[name]) for place, name in enumerate(names)] if len(names) > 1 else []


def _domain(place: int, name: str, numbers: list[int]) -> Domain:
    cells = (Cell(f"domain-{place}-{key}", label, numbers[state]) for state, (key, label) in COLUMNS.items())
    return Domain(name or _("all others"), tuple(cells))


# --- Why copies failed ---


@dataclass(frozen=True)
class Reason:
    """Why some copies failed, and what can be done. leads_to: the name of the desk's page for it, if there is one."""

    title: str
    advice: str
    count: int = 0
    leads_to: str = ""


LEADS_TO = {Verdict.POLICY: "admin:settings_sender", Verdict.OURS: "admin:settings_sender"}


def reasons(found: Breakdown | None) -> list[Reason]:
    """Return why copies failed, the most frequent first."""
    counts: Mapping[str, int] = found.by_verdict if found else {}
    known = ((Verdict(name), count) for name, count in counts.items() if count)
    return [_reason(one, count) for one, count in sorted(known, key=lambda pair: -pair[1])]


def _reason(one: Verdict, count: int) -> Reason:
    title, advice = REASONS[one]
    return Reason(str(title), str(advice), count, LEADS_TO.get(one, ""))


def figures(found: Breakdown | None) -> Iterator[tuple[str, str]]:
    """Yield what is shown of each domain, by the name of its place."""
    for domain in domains(found):
        yield from ((cell.name, cell.shown) for cell in domain.cells)
