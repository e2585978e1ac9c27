"""The versions of a sent issue's text, and their word diffs."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Final

from django.db import transaction
from django.db.models import F, Sum

from newsletter.delivery.letter.rendering import html_with
from newsletter.delivery.models import Batch, Mailing, MailingStep
from newsletter.issues.models import Issue
from newsletter.mail.salutations import without_name_slots
from newsletter.posts.models import Post
from newsletter.posts.text.diff import DiffPart, PartKind, diff
from newsletter.posts.text.measures import BLOCK, VOID_TAGS, WIDE

POST: Final = re.compile(r"/p/([0-9]{1,18})(?:-[^/]*)?/$")
# CSS classes in templates/email/issue.html for what is not the author's text, or repeats it.
BESIDE: Final = frozenset({"panel", "quiet", "onward", "callout"})
END: Final = "ask"  # the class of the question after the closing
CJK_LATIN_SPACE: Final = re.compile(rf"(?<=[{WIDE}])[ \u00a0](?=[!-~])|(?<=[!-~])[ \u00a0](?=[{WIDE}])")


@dataclass(frozen=True)
class LetterPart:
    """The text of a post or of the issue around it, one line per block, and its links (text, URL)."""

    post: int  # key; 0: the issue's own text
    text: str
    links: tuple[tuple[str, str], ...]


@dataclass
class _Part:
    post: int = 0
    lines: list[str] = field(default_factory=lambda: [""])
    links: list[tuple[str, str]] = field(default_factory=list)


class _LetterParser(HTMLParser):
    """Reads a letter from its title to the question at the end, one part per post."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [_Part()]
        self.open: list[tuple[str, bool, bool]] = []  # tag, is skipped, is prose
        self.is_begun = self.is_over = False
        self.href = ""
        self.post_depth = 0  # nesting depth within a post; 0 outside

    @property
    def is_read(self) -> bool:
        return self.is_begun and not self.is_over and not any(beside for _tag, beside, _prose in self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        kinds = set(given.get("class", "").split())
        in_prose = any(prose for _tag, _beside, prose in self.open)
        self.is_begun = self.is_begun or tag == "h1"
        self.is_over = self.is_over or (self.is_begun and not in_prose and END in kinds)
        if tag not in VOID_TAGS:
            self.open.append((tag, not in_prose and bool(kinds & BESIDE), "prose" in kinds))
        if not self.is_read:
            return
        if "post" in kinds and not in_prose:
            self.parts.append(_Part())
            self.post_depth = len(self.open)
        if BLOCK.fullmatch(tag):
            self.parts[-1].lines.append("")
        if tag == "img":
            self.parts[-1].lines[-1] += f"［{given['alt']}］" if given.get("alt") else ""
        self.href = given.get("href", self.href)
        found = POST.search(self.href) if tag == "a" and any(one[0] == "h2" for one in self.open) else None
        if found and len(self.parts) > 1 and not self.parts[-1].post and not in_prose:
            self.parts[-1].post = int(found[1])

    def handle_endtag(self, tag: str) -> None:
        if self.is_read and BLOCK.fullmatch(tag):
            self.parts[-1].lines.append("")
        if tag == "a":
            self.href = ""
        while any(one[0] == tag for one in self.open) and self.open.pop()[0] != tag:
            pass
        if len(self.open) < self.post_depth:
            self.parts.append(_Part())
            self.post_depth = 0

    def handle_data(self, data: str) -> None:
        if not self.is_read:
            return
        self.parts[-1].lines[-1] += data
        if self.href and data.strip() and any(prose for _tag, _beside, prose in self.open):
            self.parts[-1].links.append((data.strip(), self.href))


def parse_letter(html: str) -> list[LetterPart]:
    """The parts of a letter in order, without the spaces that mails add between Chinese and Latin."""
    parser = _LetterParser()
    parser.feed(html)
    parser.close()
    return [LetterPart(part.post, text, tuple(part.links)) for part in parser.parts if (text := _text(part.lines))]


def _text(lines: Iterable[str]) -> str:
    joined = (CJK_LATIN_SPACE.sub("", " ".join(line.split())) for line in lines)
    return "\n".join(filter(None, joined))


def public_parts(parts: Iterable[LetterPart], posts: Collection[int]) -> list[LetterPart]:
    """The parts that may be shown: posts must be in `posts`."""
    return [part for part in parts if not part.post or part.post in posts]


WITHHOLDING_KINDS = (MailingStep.Kind.WITHHELD, MailingStep.Kind.SHOWN)


def withheld_texts(issue: Issue) -> dict[str, datetime]:
    """Content hashes of texts that are not shown, with the time each was withheld."""
    steps = MailingStep.objects.filter(mailing__issue=issue, what__in=WITHHOLDING_KINDS).order_by("pk")
    found: dict[str, datetime] = {}
    for content_hash, what, at in steps.values_list("mailing__content_hash", "what", "at"):
        if what == MailingStep.Kind.WITHHELD:
            found[content_hash] = at
        else:
            found.pop(content_hash, None)
    return found


def can_be_withheld(mailing: Mailing) -> bool:
    """Whether readers have the mailing's text and it cannot change any more."""
    return bool(mailing.planned_at) and mailing.state not in Mailing.OPEN_STATES


def withhold(mailing: Mailing, reason: str, now: datetime) -> bool:
    """Remove the text of a mailing from the public list; return False if it is not there."""
    return _switch(mailing, MailingStep.Kind.WITHHELD, reason, now)


def show_again(mailing: Mailing, reason: str, now: datetime) -> bool:
    """Put the text of a mailing back into the public list; return False if it is there."""
    return _switch(mailing, MailingStep.Kind.SHOWN, reason, now)


def _switch(mailing: Mailing, what: MailingStep.Kind, reason: str, now: datetime) -> bool:
    with transaction.atomic():
        mailing.lock()
        is_withheld = mailing.content_hash in withheld_texts(mailing.issue)
        if not can_be_withheld(mailing) or is_withheld == (what == MailingStep.Kind.WITHHELD):
            return False
        mailing.record(what, reason, now)
    return True


NEAR = 60  # characters of context on each side of a change


@dataclass(frozen=True)
class Version:
    """A text of an issue. note: of a correction, in Markdown. is_mailed: False for the current web page.

    readers: who got this text and no correction of it, so that each counts once.
    withheld_at: when the author withheld it; `parts` are not shown then.
    """

    at: datetime
    parts: Sequence[LetterPart]
    readers: int = 0
    note: str = ""
    is_mailed: bool = False
    is_correction: bool = False
    is_replacement: bool = False  # replaced an earlier text while the mailing was paused
    withheld_at: datetime | None = None
    changes: Sequence[DiffPart] = ()  # since the previous shown version
    is_compared: bool = False  # there is a previous shown version


def _without_corrected_readers(texts: Sequence[Version]) -> Iterator[Version]:
    """Subtract from each text the readers who got a correction of it."""
    for place, text in enumerate(texts):
        corrected = max((later.readers for later in texts[place + 1 :] if later.is_correction), default=0)
        yield replace(text, readers=max(0, text.readers - corrected))


def versions(issue: Issue, now: datetime) -> list[Version]:
    """The texts of a sent issue in order; [] if it was not mailed from here.

    Posts that are no longer public are omitted.
    """
    texts = [*_mailed(issue)]
    if not texts:
        return []
    if web := _web(issue, texts[-1].at, now):
        texts.append(web)
    posts = {part.post for text in texts for part in text.parts if part.post}
    public = set(Post.objects.published(now).filter(pk__in=posts).values_list("pk", flat=True))
    return list(_compared([replace(text, parts=public_parts(text.parts, public)) for text in texts]))


def _mailed(issue: Issue) -> Iterator[Version]:
    """Yield the text of each mailing with recipients; mailings of the same text are merged."""
    planned = list(issue.mailings.filter(planned_at__isnull=False).order_by("planned_at", "pk"))
    if not planned:  # mailed by another program
        return
    has_it = Batch.objects.filter(mailing__issue=issue).values_list("mailing_id")
    counts = dict(has_it.annotate(copies=Sum(F("sent") + F("uncertain"))))
    replaced = MailingStep.objects.filter(mailing__issue=issue, what=MailingStep.Kind.REPLACED)
    late = set(replaced.filter(at__gt=F("mailing__planned_at")).values_list("mailing_id", flat=True))
    hidden = withheld_texts(issue)
    seen: dict[str, Version] = {}
    for mailing in planned:
        readers = counts.get(mailing.pk) or 0
        known = seen.get(mailing.content_hash)
        if readers and mailing.planned_at:
            seen[mailing.content_hash] = Version(
                at=known.at if known else mailing.planned_at,
                readers=readers + (known.readers if known else 0),
                note=mailing.note,
                is_mailed=True,
                is_replacement=mailing.pk in late,
                is_correction=mailing.kind == Mailing.Kind.CORRECTION,
                withheld_at=hidden.get(mailing.content_hash),
                parts=known.parts if known else parse_letter(without_name_slots(mailing.html)),
            )
    yield from _without_corrected_readers([*seen.values()])


def _web(issue: Issue, since: datetime, now: datetime) -> Version | None:
    """The current web page's text, if anything was changed after `since`."""
    public = Post.objects.published(now).values("pk")
    items = issue.items.filter(post__in=public).select_related("post__cover").prefetch_related("post__tags")
    found = list(items)
    at = max([issue.updated_at, *(item.post.updated_at for item in found)])
    if at <= since:
        return None
    return Version(at, parse_letter(without_name_slots(html_with(issue, found))))


def _compared(texts: Iterable[Version]) -> Iterator[Version]:
    """Yield each text with its diff; the web page's only if it differs.

    A withheld text is compared with nothing, and the next one is compared with the last shown.
    """
    shown: Sequence[LetterPart] | None = None
    last: Sequence[LetterPart] | None = None
    for text in texts:
        former = None if text.withheld_at else shown
        changes = _changes(former, text.parts)
        if text.is_mailed or (changes if former else _changes(last, text.parts)):
            note = "" if text.withheld_at else text.note
            yield replace(text, note=note, changes=changes, is_compared=former is not None)
        last = text.parts
        shown = shown if text.withheld_at else text.parts


def _changes(former: Sequence[LetterPart] | None, parts: Sequence[LetterPart]) -> list[DiffPart]:
    """The diff with context; [] without changes, or without a former text."""
    if former is None:
        return []
    found = _near(diff(_words(former, parts), _words(parts, former)))
    return found if any(one.kind is not PartKind.SAME for one in found) else []


def _near(found: Sequence[DiffPart]) -> list[DiffPart]:
    shown, last = [], len(found) - 1
    for place, one in enumerate(found):
        if one.kind is not PartKind.SAME:
            shown.append(one)
            continue
        head = one.text.partition("\n")[0][:NEAR] if place else ""
        tail = one.text.rpartition("\n")[2][-NEAR:] if place < last else ""
        hidden = len(one.text) - len(head) - len(tail)
        shown.append(one if hidden <= 0 else DiffPart(PartKind.SAME, head, tail, hidden))
    return shown


def _words(parts: Sequence[LetterPart], others: Sequence[LetterPart]) -> str:
    """The whole text, followed by links that `others` do not have, so that a changed URL shows in the diff."""
    known = {link for part in others for link in part.links}
    texts = [part.text for part in parts]
    links = [f"{words}：{url}" for part in parts for words, url in part.links if (words, url) not in known]
    return "\n".join([*texts, *dict.fromkeys(links), ""])
