"""What became of the text of an issue after it was sent: each text that readers have, and what the next one changed."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Final

from django.db import transaction
from django.db.models import F, Sum

from newsletter.delivery.letter.rendering import html_with
from newsletter.delivery.models import Batch, Mailing, Step
from newsletter.issues.models import Issue
from newsletter.mail.salutations import unslotted
from newsletter.posts.models import Post
from newsletter.posts.text.differences import Kind, Piece, pieces
from newsletter.posts.text.measures import BLOCK, EMPTY, WIDE

POST: Final = re.compile(r"/p/([0-9]{1,18})(?:-[^/]*)?/$")
# Of templates/email/issue.html: what stands beside the author's words, and what repeats them.
BESIDE: Final = frozenset({"panel", "quiet", "onward", "callout"})
END: Final = "ask"  # the question behind the closing
TASTE: Final = re.compile(rf"(?<=[{WIDE}])[ \u00a0](?=[!-~])|(?<=[!-~])[ \u00a0](?=[{WIDE}])")


@dataclass(frozen=True)
class Words:
    """The text of a part, a line for each block, and the addresses that it leads to, with the words that do."""

    post: int  # 0: the issue's own words
    text: str
    links: tuple[tuple[str, str], ...]


@dataclass
class _Part:
    post: int = 0
    lines: list[str] = field(default_factory=lambda: [""])
    links: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Reads from the title to the question at the end; a post is a part of its own, and so is what is around them."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [_Part()]
        self.open: list[tuple[str, bool, bool]] = []  # tag, whether it is beside, whether it is prose
        self.is_begun = self.is_over = False
        self.href = ""
        self.post_depth = 0  # how many elements are open within a post; 0 outside

    @property
    def is_read(self) -> bool:
        return self.is_begun and not self.is_over and not any(beside for _tag, beside, _prose in self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        kinds = set(given.get("class", "").split())
        in_prose = any(prose for _tag, _beside, prose in self.open)
        self.is_begun = self.is_begun or tag == "h1"
        self.is_over = self.is_over or (self.is_begun and not in_prose and END in kinds)
        if tag not in EMPTY:
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


def words_of_letter(html: str) -> list[Words]:
    """Return the parts of a letter in their order. Spaces between Chinese and Latin are the mail's own: left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [Words(part.post, text, tuple(part.links)) for part in reader.parts if (text := _text(part.lines))]


def _text(lines: Iterable[str]) -> str:
    joined = (TASTE.sub("", " ".join(line.split())) for line in lines)
    return "\n".join(filter(None, joined))


def in_public(parts: Iterable[Words], posts: Collection[int]) -> list[Words]:
    """Return the parts that readers may still see: of posts those in `posts`."""
    return [part for part in parts if not part.post or part.post in posts]


VERBS = (Step.What.WITHHELD, Step.What.SHOWN)


def withheld(issue: Issue) -> dict[str, datetime]:
    """Return the texts that are not shown, by the hash of their contents, with when each was taken out."""
    steps = Step.objects.filter(mailing__issue=issue, what__in=VERBS).order_by("pk")
    found: dict[str, datetime] = {}
    for content_hash, what, at in steps.values_list("mailing__content_hash", "what", "at"):
        if what == Step.What.WITHHELD:
            found[content_hash] = at
        else:
            found.pop(content_hash, None)
    return found


def can_be_withheld(mailing: Mailing) -> bool:
    """Return whether the text of a mailing is in the list, or would be: some reader has it, and it changes no more."""
    return bool(mailing.planned_at) and mailing.state not in Mailing.OPEN_STATES


def withhold(mailing: Mailing, reason: str, now: datetime) -> bool:
    """Take the text of a mailing out of the list; return False if it is out already, or cannot be."""
    return _switch(mailing, Step.What.WITHHELD, reason, now)


def show_again(mailing: Mailing, reason: str, now: datetime) -> bool:
    """Put the text of a mailing back into the list; return False if it is there."""
    return _switch(mailing, Step.What.SHOWN, reason, now)


def _switch(mailing: Mailing, what: Step.What, reason: str, now: datetime) -> bool:
    with transaction.atomic():
        mailing.lock()
        is_withheld = mailing.content_hash in withheld(mailing.issue)
        if not can_be_withheld(mailing) or is_withheld == (what == Step.What.WITHHELD):
            return False
        mailing.record(what, reason, now)
    return True


NEAR = 60  # characters of what is unchanged, at most, that are shown on each side of a change


@dataclass(frozen=True)
class Version:
    """A text of an issue. note: why it is another one, in Markdown; is_mailed: false for what only the web has.

    readers: who got this text and no correction of it, so that each is counted once.
    withheld_at: when its author took it out of the list; nothing of what it says is here then.
    """

    at: datetime
    parts: Sequence[Words]
    readers: int = 0
    note: str = ""
    is_mailed: bool = False
    is_correction: bool = False
    is_later: bool = False  # copies left with an earlier text, which was replaced while the mailing was stopped
    withheld_at: datetime | None = None
    changes: Sequence[Piece] = ()  # to the one before that is shown
    is_compared: bool = False  # with one before it that is shown


def _with_the_latest(texts: Sequence[Version]) -> Iterator[Version]:
    """Yield the texts, each with the readers who got no correction of it: those of a correction all had the issue."""
    for place, text in enumerate(texts):
        corrected = max((later.readers for later in texts[place + 1 :] if later.is_correction), default=0)
        yield replace(text, readers=max(0, text.readers - corrected))


def versions(issue: Issue, now: datetime) -> list[Version]:
    """Return the texts of a sent issue in their order; [] if no letter of it left from here.

    Of a post that readers may not see any more nothing is told: its author has taken it back.
    """
    texts = [*_mailed(issue)]
    if not texts:
        return []
    if web := _web(issue, texts[-1].at, now):
        texts.append(web)
    posts = {part.post for text in texts for part in text.parts if part.post}
    public = set(Post.objects.published(now).filter(pk__in=posts).values_list("pk", flat=True))
    return list(_compared([replace(text, parts=in_public(text.parts, public)) for text in texts]))


def _mailed(issue: Issue) -> Iterator[Version]:
    """Yield the text of each mailing that has reached somebody; of several to segments with one text only the first."""
    planned = list(issue.mailings.filter(planned_at__isnull=False).order_by("planned_at", "pk"))
    if not planned:  # another program had mailed it
        return
    has_it = Batch.objects.filter(mailing__issue=issue).values_list("mailing_id")
    counts = dict(has_it.annotate(copies=Sum(F("sent") + F("uncertain"))))
    replaced = Step.objects.filter(mailing__issue=issue, what=Step.What.REPLACED)
    late = set(replaced.filter(at__gt=F("mailing__planned_at")).values_list("mailing_id", flat=True))
    hidden = withheld(issue)
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
                is_later=mailing.pk in late,
                is_correction=mailing.kind == Mailing.Kind.CORRECTION,
                withheld_at=hidden.get(mailing.content_hash),
                parts=known.parts if known else words_of_letter(unslotted(mailing.html)),
            )
    yield from _with_the_latest([*seen.values()])


def _web(issue: Issue, since: datetime, now: datetime) -> Version | None:
    """Return what the web has now if anything was changed `since`."""
    public = Post.objects.published(now).values("pk")
    items = issue.items.filter(post__in=public).select_related("post__cover").prefetch_related("post__tags")
    found = list(items)
    at = max([issue.updated_at, *(item.post.updated_at for item in found)])
    if at <= since:
        return None
    return Version(at, words_of_letter(unslotted(html_with(issue, found))))


def _compared(texts: Iterable[Version]) -> Iterator[Version]:
    """Yield each text with what it changes; what only the web has counts if it differs.

    A text that was taken out is compared with nothing that is shown, nor is the next one compared with it.
    """
    shown: Sequence[Words] | None = None
    last: Sequence[Words] | None = None
    for text in texts:
        former = None if text.withheld_at else shown
        changes = _changes(former, text.parts)
        if text.is_mailed or (changes if former else _changes(last, text.parts)):
            note = "" if text.withheld_at else text.note
            yield replace(text, note=note, changes=changes, is_compared=former is not None)
        last = text.parts
        shown = shown if text.withheld_at else text.parts


def _changes(former: Sequence[Words] | None, parts: Sequence[Words]) -> list[Piece]:
    """Return what is changed, with what stands beside it; [] for no change, or without a former text."""
    if former is None:
        return []
    found = _near(pieces(_words(former, parts), _words(parts, former)))
    return found if any(one.kind is not Kind.SAME for one in found) else []


def _near(found: Sequence[Piece]) -> list[Piece]:
    """Return the changes with what stands beside them in their own lines: whoever wants all of it reads the issue."""
    shown, last = [], len(found) - 1
    for place, one in enumerate(found):
        if one.kind is not Kind.SAME:
            shown.append(one)
            continue
        head = one.text.partition("\n")[0][:NEAR] if place else ""
        tail = one.text.rpartition("\n")[2][-NEAR:] if place < last else ""
        hidden = len(one.text) - len(head) - len(tail)
        shown.append(one if hidden <= 0 else Piece(Kind.SAME, head, tail, hidden))
    return shown


def _words(parts: Sequence[Words], others: Sequence[Words]) -> str:
    """Return all words, with the address of each link that `others` do not have: a mended link shows no other way."""
    known = {link for part in others for link in part.links}
    texts = [part.text for part in parts]
    links = [f"{words}：{url}" for part in parts for words, url in part.links if (words, url) not in known]
    return "\n".join([*texts, *dict.fromkeys(links), ""])
