"""The versions of a sent issue's text, and their word diffs."""

import re
from collections.abc import Iterable, Iterator, Sequence
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
from newsletter.posts.text.prose import BLOCK, VOID_TAGS, WIDE

POST_PATH: Final = re.compile(r"/p/([0-9]{1,18})(?:-[^/]*)?/$")
# CSS classes in templates/email/issue.html for what is not the author's text, or repeats it.
SKIPPED_CLASSES: Final = frozenset({"panel", "quiet", "onward", "callout"})
END_CLASS: Final = "ask"  # the class of the question after the closing
CJK_LATIN_SPACE: Final = re.compile(rf"(?<=[{WIDE}])[ \u00a0](?=[!-~])|(?<=[!-~])[ \u00a0](?=[{WIDE}])")


@dataclass(frozen=True)
class LetterPart:
    """The text of a post or of the issue around it, one line per block, and its links (text, URL)."""

    post: int  # key; 0: the issue's own text
    text: str
    links: tuple[tuple[str, str], ...]


@dataclass
class _OpenPart:
    post: int = 0
    lines: list[str] = field(default_factory=lambda: [""])
    links: list[tuple[str, str]] = field(default_factory=list)


class _LetterParser(HTMLParser):
    """Reads a letter from its title to the question at the end, one part per post."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [_OpenPart()]
        self.open_elements: list[tuple[str, bool, bool]] = []  # tag, is skipped, is prose
        self.is_begun = self.is_over = False
        self.href = ""
        self.post_depth = 0  # nesting depth within a post; 0 outside

    @property
    def is_reading(self) -> bool:
        is_skipped = any(is_skipped for _tag, is_skipped, _prose in self.open_elements)
        return self.is_begun and not self.is_over and not is_skipped

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        classes = set(attributes.get("class", "").split())
        in_prose = any(prose for _tag, _is_skipped, prose in self.open_elements)
        self.is_begun = self.is_begun or tag == "h1"
        self.is_over = self.is_over or (self.is_begun and not in_prose and END_CLASS in classes)
        if tag not in VOID_TAGS:
            self.open_elements.append((tag, not in_prose and bool(classes & SKIPPED_CLASSES), "prose" in classes))
        if not self.is_reading:
            return
        if "post" in classes and not in_prose:
            self.parts.append(_OpenPart())
            self.post_depth = len(self.open_elements)
        if BLOCK.fullmatch(tag):
            self.parts[-1].lines.append("")
        if tag == "img":
            self.parts[-1].lines[-1] += f"［{attributes['alt']}］" if attributes.get("alt") else ""
        self.href = attributes.get("href", self.href)
        in_title = tag == "a" and not in_prose and any(element[0] == "h2" for element in self.open_elements)
        post = POST_PATH.search(self.href) if in_title else None
        if post and len(self.parts) > 1 and not self.parts[-1].post:
            self.parts[-1].post = int(post[1])

    def handle_endtag(self, tag: str) -> None:
        if self.is_reading and BLOCK.fullmatch(tag):
            self.parts[-1].lines.append("")
        if tag == "a":
            self.href = ""
        while any(one[0] == tag for one in self.open_elements) and self.open_elements.pop()[0] != tag:
            pass
        if len(self.open_elements) < self.post_depth:
            self.parts.append(_OpenPart())
            self.post_depth = 0

    def handle_data(self, data: str) -> None:
        if not self.is_reading:
            return
        self.parts[-1].lines[-1] += data
        if self.href and data.strip() and any(prose for _tag, _is_skipped, prose in self.open_elements):
            self.parts[-1].links.append((data.strip(), self.href))


def parse_letter(html: str) -> list[LetterPart]:
    """The parts of a letter in order, without the spaces that mails add between Chinese and Latin."""
    parser = _LetterParser()
    parser.feed(html)
    parser.close()
    parts = []
    for part in parser.parts:
        lines = (CJK_LATIN_SPACE.sub("", " ".join(line.split())) for line in part.lines)
        if text := "\n".join(filter(None, lines)):
            parts.append(LetterPart(part.post, text, tuple(part.links)))
    return parts


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
    return _set_withheld(mailing, MailingStep.Kind.WITHHELD, reason, now)


def show_again(mailing: Mailing, reason: str, now: datetime) -> bool:
    """Put the text of a mailing back into the public list; return False if it is there."""
    return _set_withheld(mailing, MailingStep.Kind.SHOWN, reason, now)


def _set_withheld(mailing: Mailing, what: MailingStep.Kind, reason: str, now: datetime) -> bool:
    with transaction.atomic():
        mailing.lock()
        is_withheld = mailing.content_hash in withheld_texts(mailing.issue)
        if not can_be_withheld(mailing) or is_withheld == (what == MailingStep.Kind.WITHHELD):
            return False
        mailing.record(what, reason, now)
    return True


CONTEXT_LENGTH = 60  # characters of context on each side of a change


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


def versions(issue: Issue, now: datetime) -> list[Version]:
    """The texts of a sent issue in order; [] if it was not mailed from here.

    Posts that are no longer public are omitted.
    """
    texts = [*_mailed_versions(issue)]
    if not texts:
        return []
    if web := _web_version(issue, texts[-1].at, now):
        texts.append(web)
    posts = {part.post for text in texts for part in text.parts if part.post}
    public = {0, *Post.objects.published(now).filter(pk__in=posts).values_list("pk", flat=True)}
    shown = [replace(text, parts=[part for part in text.parts if part.post in public]) for text in texts]
    return list(_with_diffs(shown))


def _mailed_versions(issue: Issue) -> Iterator[Version]:
    """Yield the text of each mailing with recipients; mailings of the same text are merged."""
    planned = list(issue.mailings.filter(planned_at__isnull=False).order_by("planned_at", "pk"))
    if not planned:  # mailed by another program
        return
    has_it = Batch.objects.filter(mailing__issue=issue).values_list("mailing_id")
    counts = dict(has_it.annotate(copies=Sum(F("sent") + F("uncertain"))))
    replaced = MailingStep.objects.filter(mailing__issue=issue, what=MailingStep.Kind.REPLACED)
    late = set(replaced.filter(at__gt=F("mailing__planned_at")).values_list("mailing_id", flat=True))
    hidden = withheld_texts(issue)
    by_hash: dict[str, Version] = {}
    for mailing in planned:
        readers = counts.get(mailing.pk) or 0
        former = by_hash.get(mailing.content_hash)
        if readers and mailing.planned_at:
            by_hash[mailing.content_hash] = Version(
                at=former.at if former else mailing.planned_at,
                readers=readers + (former.readers if former else 0),
                note=mailing.note,
                is_mailed=True,
                is_replacement=mailing.pk in late,
                is_correction=mailing.kind == Mailing.Kind.CORRECTION,
                withheld_at=hidden.get(mailing.content_hash),
                parts=former.parts if former else parse_letter(without_name_slots(mailing.html)),
            )
    texts = [*by_hash.values()]
    for place, text in enumerate(texts):  # readers of a correction count for it alone
        corrected = max((later.readers for later in texts[place + 1 :] if later.is_correction), default=0)
        yield replace(text, readers=max(0, text.readers - corrected))


def _web_version(issue: Issue, since: datetime, now: datetime) -> Version | None:
    public = issue.items.filter(post__in=Post.objects.published(now).values("pk"))
    items = list(public.select_related("post__cover").prefetch_related("post__tags"))
    at = max([issue.updated_at, *(item.post.updated_at for item in items)])
    return Version(at, parse_letter(without_name_slots(html_with(issue, items)))) if at > since else None


def _with_diffs(texts: Iterable[Version]) -> Iterator[Version]:
    """Yield each text with its diff; the web page's only if it differs.

    A withheld text is compared with nothing, and the next one is compared with the last shown.
    """
    shown: Sequence[LetterPart] | None = None
    last: Sequence[LetterPart] | None = None
    for text in texts:
        former = None if text.withheld_at else shown
        changes = _diff(former, text.parts)
        if text.is_mailed or (changes if former else _diff(last, text.parts)):
            note = "" if text.withheld_at else text.note
            yield replace(text, note=note, changes=changes, is_compared=former is not None)
        last = text.parts
        shown = shown if text.withheld_at else text.parts


def _diff(former: Sequence[LetterPart] | None, parts: Sequence[LetterPart]) -> list[DiffPart]:
    """The diff with context; [] without changes, or without a former text."""
    if former is None:
        return []
    found = list(_shorten_context(diff(_comparable_text(former, parts), _comparable_text(parts, former))))
    return found if any(part.kind is not PartKind.SAME for part in found) else []


def _shorten_context(parts: Sequence[DiffPart]) -> Iterator[DiffPart]:
    for place, part in enumerate(parts):
        head = part.text.partition("\n")[0][:CONTEXT_LENGTH] if place else ""
        tail = part.text.rpartition("\n")[2][-CONTEXT_LENGTH:] if place < len(parts) - 1 else ""
        hidden = len(part.text) - len(head) - len(tail)
        is_whole = part.kind is not PartKind.SAME or hidden <= 0
        yield part if is_whole else DiffPart(PartKind.SAME, head, tail, hidden)


def _comparable_text(parts: Sequence[LetterPart], others: Sequence[LetterPart]) -> str:
    """The whole text, followed by links that `others` do not have, so that a changed URL shows in the diff."""
    known = {link for part in others for link in part.links}
    texts = [part.text for part in parts]
    links = [f"{text}：{url}" for part in parts for text, url in part.links if (text, url) not in known]
    return "\n".join([*texts, *dict.fromkeys(links), ""])
