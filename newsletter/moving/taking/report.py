"""The report of a move: counts of each post before and after, and every difference, as HTML."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_lazy

from newsletter.moving.counting import COUNT_NAMES
from newsletter.moving.folder.layout import LossReport, Remark

WORDS_SHOWN = 20  # of those that are missing


def translated(sentence: str) -> str:
    """Translate “what: detail” into the active language; the detail is not translated."""
    what, colon, detail = sentence.partition(": ")
    known = str(LABELS.get(what) or (what and gettext(what)))
    return gettext("%(what)s: %(detail)s") % {"what": known, "detail": detail} if colon else known


class CountChange(NamedTuple):
    """A row of the report. name: one of COUNT_NAMES."""

    name: str
    before: int
    after: int

    @property
    def label(self) -> str:
        return str(LABELS[self.name])

    @property
    def change(self) -> int:
        return self.after - self.before


@dataclass(frozen=True)
class PostReport:
    """The result of one post. unexplained: differences that no remark explains, losses first."""

    name: str
    outcome: str  # created, updated, unchanged or rejected
    title: str = ""
    reason: str = ""  # of a rejection
    post_id: int | None = None
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    unexplained: tuple[str, ...] = ()
    lost_word_count: int = 0  # words of the old page that the new one does not show, and no remark names

    @classmethod
    def from_json(cls, name: str, outcome: str, title: str, post_id: int | None, kept: dict[str, Any]) -> Self:
        """kept: as `to_json` writes it; an older version left some of it out."""
        remarks = tuple(Remark(what, detail, is_loss=is_loss) for what, detail, is_loss in kept.get("remarks", ()))
        before, after = kept.get("before", {}), kept.get("after", {})
        rest = tuple(kept.get("unnamed", ())), kept.get("lost", 0)
        return cls(name, outcome, title, kept.get("reason", ""), post_id, before, after, remarks, *rest)

    def to_json(self) -> dict[str, Any]:
        """All fields but name, outcome, title and post_id, which have columns."""
        return {
            "reason": self.reason,
            "before": self.before,
            "after": self.after,
            "remarks": [[one.what, one.detail[:500], one.is_loss] for one in self.remarks],
            "unnamed": list(self.unexplained),
            "lost": self.lost_word_count,
        }

    @property
    def unexplained_losses(self) -> list[str]:
        return [line for line in self.unexplained if ": +" not in line]

    @property
    def losses(self) -> int:
        return sum(remark.is_loss for remark in self.remarks) + len(self.unexplained_losses)

    @property
    def differs(self) -> bool:
        return bool(self.reason or self.remarks or self.unexplained)

    @property
    def changed_counts(self) -> list[CountChange]:
        """The counts that changed, losses first."""
        rows = [CountChange(name, self.before.get(name, 0), self.after.get(name, 0)) for name in COUNT_NAMES]
        return sorted((row for row in rows if row.change), key=lambda row: row.change > 0)


def unexplained(losses: LossReport, after: Mapping[str, int], remarks: tuple[Remark, ...]) -> tuple[str, ...]:
    """Differences that no remark explains, losses first."""
    rest = Counter({name: after[name] - count for name, count in losses.before.items() if name in COUNT_NAMES})
    for remark in remarks:
        rest.subtract(remark.effect)
    shown = " ".join(losses.lost_words[:WORDS_SHOWN]) + (" …" if len(losses.lost_words) > WORDS_SHOWN else "")
    found = [f"words missing: {shown}"] if losses.lost_words else []
    changes = [(name, rest[name]) for name in COUNT_NAMES if rest[name]]
    found += [f"{name}: {change:+d}" for name, change in sorted(changes, key=lambda one: one[1] > 0)]
    return tuple(found)


@dataclass
class MoveReport:
    """The report of a move, complete or under way."""

    program: str
    is_dry_run: bool = False
    entries: list[PostReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # about the whole
    links: int = 0  # from one post to another that now lead to the new site
    issues: int = 0  # created in the archive from posts that the old program had mailed

    def totals(self) -> list[CountChange]:
        before, after = Counter[str](), Counter[str]()
        for entry in self.entries:
            before.update(entry.before)
            after.update(entry.after)
        return [CountChange(name, before[name], after[name]) for name in COUNT_NAMES]

    def summary(self) -> dict[str, int]:
        outcomes = Counter(entry.outcome for entry in self.entries)
        counts = {name: outcomes[name] for name in ("created", "updated", "unchanged", "rejected")}
        return {"posts": len(self.entries), **counts, "losses": sum(entry.losses for entry in self.entries)}


LABELS = {
    "words": gettext_lazy("Latin words"),
    "han": gettext_lazy("Han characters"),
    "links": gettext_lazy("links"),
    "pictures": gettext_lazy("pictures"),
    "alt texts": gettext_lazy("alternative texts"),
    "bold runs": gettext_lazy("bold runs"),
    "emphasis": gettext_lazy("emphasised runs"),
    "headings": gettext_lazy("headings in the text"),
    "lists": gettext_lazy("items of lists"),
    "tables": gettext_lazy("tables"),
    "code blocks": gettext_lazy("blocks of code"),
    "code in lines": gettext_lazy("code in lines"),
    "footnotes": gettext_lazy("footnotes"),
    "embeds": gettext_lazy("embeds"),
}


def render_html(report: MoveReport) -> str:
    """The report as a self-contained page."""
    entries = sorted((entry for entry in report.entries if entry.differs), key=lambda entry: -entry.lost_word_count)
    different = [(entry, explain(entry)) for entry in entries]
    context = {"report": report, "different": different, "summary": report.summary()}
    return render_to_string("moving/account.html", context)


def explain(entry: PostReport) -> dict[str, Any]:
    """Reasons why a text differs, in the active language; gains come last."""
    gains = [line for line in entry.unexplained if line not in entry.unexplained_losses]
    return {
        "reason": translated(entry.reason),
        "unnamed": [*map(translated, entry.unexplained_losses)],
        "remarks": [translated(str(one)) for one in [*entry.remarks, *gains]],
    }
