"""The account of a move: what each post had before and has now, a name for every difference, as a page and as data."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_noop as _

from newsletter.posts.importers.html.counts import THINGS, Counts, Remark
from newsletter.posts.importers.imported import Spool

# What an importer may say, word for word.
SAYINGS = (
    _("a picture stays at its old address"),
    _("a picture's link to its own large form stays away"),
    _("a short code stays as it was typed"),
    _("a field of Buttondown stays as it was typed"),
    _("a film or sound stays at its old address"),
    _("a sound stays at its old address"),
    _("a file that is no picture stays at its old address"),
    _("a link leads to a file of the old site"),
    _("a link that opens a program is words"),
    _("a button of the old program stays away"),
    _("a page is a post that no list shows"),
    _("an answer to another story is a post that no list shows"),
    _("code that was put into its page stays away"),
    _("has no place here"),
    _("it has no text"),
    _("it was in the trash there"),
    _("it was behind a password, so it is a draft"),
    _("it was mailed and never on the web, so it is a draft"),
    _("it was not for everybody, so it is a draft"),
    _("its date cannot be read, so it is a draft"),
    _("short codes are Markdown now"),
    _("stands above the text now"),
    _("the caption of its cover stays away"),
    _("the conversation below a thread is not in the export"),
    _("the heading of a fold-out is its summary"),
    _("the script of an embed stays away"),
    _("the small pictures of a bookmark stay away"),
    _("what only mails had is kept as a comment"),
    _("what only members saw is kept as a comment"),
    _("a picture behind words stands above them"),
    _("a gallery is pictures one below the other"),
    _("a link into the old program is words"),
    _("what stands behind the fence of code stays away"),
    _("a box of Substack is written out"),
    _("a box of X is a link"),
    _("a program that stands at GitHub is a link"),
    _("what another site shows is a link"),
    _("what another text says is a link to it"),
    _("the name of an emoji stays as it was typed"),
    _("a formula is written as it was typed"),
    _("the look of single parts stays away"),
    _("what a picture said under a pointer stays away"),
    _("a value that a program writes stays as it was typed"),
    _("a place within the text that links could name stays away"),
    _("a link within the text leads nowhere here"),
    _("a script is kept as a comment"),
    _("a style sheet is kept as a comment"),
    _("a form is kept as a comment"),
    _("an object is kept as a comment"),
    _("a canvas is kept as a comment"),
    _("a drawing (SVG) is kept as a comment"),
    _("a button without an address is kept as a comment"),
    _("a field is kept as a comment"),
    _("a template is kept as a comment"),
    _("it is in none of the places that were searched"),
    _("nobody has said where the old site was"),
    # Why a file, or one of its texts, does not come in.
    _("it would be larger than 20 GB when unpacked"),
    _("it is no story of Medium"),
    _("its text is not in the archive"),
    _("it contains a NUL character; is it a text?"),
    _("it is a link to a file outside the folder"),
    _("it has no posts of Ghost in it"),
    _("the export has no page of it; save it in Ghost and export again"),
    _("it is a list of readers; readers have an import of their own"),
    _("it is a page of HTML, not an export"),
    _("it is a feed, which has the latest posts at most; take the export of the program"),
    _("it is a document, not an export"),
    _("it has pictures and no texts"),
    _("it was unpacked; take the ZIP as the program gave it"),
    _("it is a theme, not an export"),
    _("it is empty"),
    _("there is no post in it"),
    _("it declares a document type or an entity, which no export of WordPress does"),
    _("has an absolute name"),
    _("leads out of the archive"),
    _("is a link to another file"),
    _("is encrypted"),
    _("is larger than 1 GB"),
    _("is packed too tightly to be honest (a zip bomb)"),
    _("its front matter is nested too deeply"),
    _("its front matter has an alias of YAML, which is refused"),
)
# What it may say with a name or a number in it: a group that is a saying itself is said in the same language.
_TWO = r"(?P<a>\d{1,9}) characters, of which (?P<b>\d{1,9}) fit"
_WHICH = r"(?:.{0,500}/)?(?P<a>[^/]{1,200})"
_WHY = r"(?P<a>.{0,500})"
_FORMS = (
    (rf"its title has {_TWO}", _("its title has %(a)s characters, of which %(b)s fit")),
    (rf"its summary has {_TWO}", _("its summary has %(a)s characters, of which %(b)s fit")),
    (r"a tag of more than (?P<a>\d{1,9}) characters stays away", _("a tag of more than %(a)s characters stays away")),
    (r"a (?P<a>[\w-]{1,60}) is a post that no list shows", _("a %(a)s is a post that no list shows")),
    (
        r"a box that is not known here \((?P<a>[^()]{0,60})\) is kept as a comment",
        _("a box that is not known here (%(a)s) is kept as a comment"),
    ),
    (r"its key (?P<a>.{1,200}) says nothing to this importer", _("its key %(a)s says nothing to this importer")),
    (r"its member (?P<a>'[^']{0,200}') (?P<b>.{1,300})", _("its member %(a)s %(b)s")),
    (rf"{_WHICH} is no export that is known here: .{{0,100}}", _("no program is known that writes such a file")),
    (rf"(?:{_WHICH}|it) is not UTF-8 text \(byte (?P<b>\d{{1,12}})\)", _("it is not UTF-8 text (byte %(b)s)")),
    (r"is larger than (?P<a>\d{1,9}) MB; import_posts reads it", _("is larger than %(a)s MB; import_posts reads it")),
    (rf"it is no zip that can be read: {_WHY}", _("it is no zip that can be read: %(a)s")),
    (rf"it is no XML that can be read: {_WHY}", _("it is no XML that can be read: %(a)s")),
    (rf"it is no JSON: {_WHY}", _("it is no JSON: %(a)s")),
    (
        r"it has (?P<a>[\d,]{1,20}) characters; at most (?P<b>[\d,]{1,20}) fit",
        _("it has %(a)s characters; at most %(b)s fit"),
    ),
    (rf"it cannot be read: {_WHY}", _("it cannot be read: %(a)s")),
    (rf"these numbers are in use, or stand twice: {_WHY}", _("these numbers are in use, or stand twice: %(a)s")),
    (rf"words missing: {_WHY}", _("words missing: %(a)s")),
    (rf"words added: {_WHY}", _("words added: %(a)s")),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), words) for pattern, words in _FORMS)


def in_words(said: str) -> str:
    """Return what an importer said in the language that is active; what is not known stays as it is."""
    if not said or said in SAYINGS:
        return gettext(said) if said else ""
    return next(_matched(said), said)


def _matched(said: str) -> Iterator[str]:
    for pattern, words in _PATTERNS:
        if found := pattern.fullmatch(said):
            yield gettext(words) % {name: in_words(value or "") for name, value in found.groupdict().items()}


@dataclass(frozen=True)
class Entry:
    """What became of one post. unnamed: the difference that no remark explains; there should be none."""

    name: str
    outcome: str  # created, updated, unchanged or rejected
    title: str = ""
    reason: str = ""  # of a rejection
    pk: int | None = None
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    unnamed: tuple[str, ...] = ()
    lost: int = 0  # words of the old page that the new one does not show, and that no remark names

    @property
    def losses(self) -> int:
        return sum(remark.is_loss for remark in self.remarks) + len(self.unnamed)

    @property
    def differs(self) -> bool:
        return bool(self.reason or self.remarks or self.unnamed)

    @property
    def different(self) -> list[tuple[str, int, int]]:
        """Return the things that there are more or less of now, those that are fewer first: name, before and after."""
        rows = [(name, self.before.get(name, 0), self.after.get(name, 0)) for name in THINGS]
        return [row for row in rows if row[1] > row[2]] + [row for row in rows if row[1] < row[2]]


def compared(before: Counts, after: Counts, remarks: tuple[Remark, ...]) -> tuple[str, ...]:
    """Return in words what differs and is explained by no remark, what is missing first."""
    rest = after - before
    for remark in remarks:
        rest -= remark.effect
    found = [f"words missing: {lost}"] if (lost := rest.words(-1)) else []
    found += [f"{name}: {change:+d}" for name, change in sorted(rest.things.items(), key=lambda one: (one[1] > 0, one))]
    found += [f"words added: {added}"] if (added := rest.words(1)) else []
    return tuple(found)


def with_raw(unnamed: Sequence[str], words: Counter[str], bolds: int) -> tuple[str, ...]:
    """Return what is explained by no remark, with what raw_words.py misses; nothing is said twice."""
    found = [f"words missing: {Counts(words).words()}"] if words else []
    found += [f"bold runs: {-bolds:+d}"] if bolds and not any(one.startswith("bold runs: -") for one in unnamed) else []
    return (*found, *(one for one in unnamed if not (words and one.startswith("words missing: "))))


@dataclass
class Account:
    """All entries of a move, and what they come to."""

    program: str
    is_dry_run: bool = False
    entries: Spool[Entry] = field(default_factory=Spool)
    notes: list[str] = field(default_factory=list)  # about the whole
    redirects: int = 0
    links: int = 0  # between posts that lead to the new place now
    issues: int = 0  # of the archive, made of what was mailed

    def totals(self) -> Iterator[tuple[str, int, int]]:
        """Yield each thing with how many there were and are, in the posts that were looked at."""
        before, after = Counter[str](), Counter[str]()
        for entry in self.entries:
            before.update(entry.before)
            after.update(entry.after)
        yield from ((name, before[name], after[name]) for name in THINGS)

    def summary(self) -> dict[str, int]:
        """Return the last line of the command."""
        outcomes, losses = Counter[str](), 0
        for entry in self.entries:
            outcomes[entry.outcome] += 1
            losses += entry.losses
        counts = {name: outcomes[name] for name in ("created", "updated", "unchanged", "rejected")}
        return {"posts": len(self.entries), **counts, "losses": losses}


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


def as_data(account: Account) -> dict[str, Any]:
    """Return the account as JSON has it."""
    totals = {name: {"before": before, "after": after} for name, before, after in account.totals()}
    return {
        "program": account.program,
        "dry_run": account.is_dry_run,
        "summary": account.summary(),
        "redirects": account.redirects,
        "links": account.links,
        "issues": account.issues,
        "notes": account.notes,
        "totals": totals,
        "posts": [_as_data(entry) for entry in account.entries],
    }


def _as_data(entry: Entry) -> dict[str, Any]:
    remarks = [{"what": one.what, "detail": one.detail, "is_loss": one.is_loss} for one in entry.remarks]
    return {
        "name": entry.name,
        "title": entry.title,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "post": entry.pk,
        "before": entry.before,
        "after": entry.after,
        "remarks": remarks,
        "unnamed": list(entry.unnamed),
        "lost": entry.lost,
    }


def as_page(account: Account) -> str:
    """Return the account as a page that stands for itself: no script, nothing from elsewhere."""
    totals = [(LABELS[name], before, after, after - before) for name, before, after in account.totals()]
    entries = sorted((entry for entry in account.entries if entry.differs), key=lambda entry: -entry.lost)
    different = [(entry, _rows(entry), _said(entry)) for entry in entries]
    context = {"account": account, "totals": totals, "different": different, "summary": account.summary()}
    return render_to_string("posts/account.html", context)


def _said(entry: Entry) -> dict[str, Any]:
    return {
        "reason": in_words(entry.reason),
        "unnamed": [in_difference(words) for words in entry.unnamed],
        "remarks": [remark_in_words(one) for one in entry.remarks],
    }


def remark_in_words(remark: Remark) -> str:
    """Return a remark in the language that is active; what it is about stays as it was typed."""
    what = in_words(remark.what)
    return gettext("%(what)s: %(detail)s") % {"what": what, "detail": remark.detail} if remark.detail else what


def in_difference(unnamed: str) -> str:
    """Return a difference that no remark explains in the language that is active."""
    name, _colon, change = unnamed.partition(": ")
    return f"{LABELS[name]}: {change}" if name in LABELS else in_words(unnamed)


def _rows(entry: Entry) -> list[tuple[Any, int, int]]:
    return [(LABELS[name], before, after) for name, before, after in entry.different]
