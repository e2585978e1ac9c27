"""What became of the text of an issue after it was sent: each text that readers have, and what the next one changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F, Sum

from newsletter.delivery.letter.rendering import html_with
from newsletter.delivery.letter.words import Words, in_public, words_of_letter
from newsletter.delivery.models import Batch, Mailing, Step
from newsletter.delivery.readers.withholding import withheld
from newsletter.issues.models import Issue
from newsletter.mail.salutations import unslotted
from newsletter.posts.models import Post
from newsletter.posts.text.differences import Kind, Piece, pieces

NEAR = 60  # characters of what is unchanged, at most, that are shown on each side of a change


@dataclass(frozen=True)
class Version:
    """A text of an issue. note: why it is another one, in Markdown; is_mailed: false for what only the web has.

    readers: who got this text and no correction of it, so that each is counted once.
    withheld_at: when its author took it out of the list; nothing of what it says is here then.
    """

    at: datetime
    readers: int
    note: str
    is_mailed: bool
    is_later: bool  # copies left with an earlier text, which was replaced while the mailing was stopped
    changes: list[Piece]  # to the one before that is shown
    withheld_at: datetime | None
    is_compared: bool  # false for what has nothing before it that is shown


@dataclass(frozen=True)
class _Text:
    at: datetime
    readers: int
    note: str
    is_mailed: bool
    is_later: bool
    parts: Sequence[Words]
    is_correction: bool = False
    withheld_at: datetime | None = None


def _with_the_latest(texts: Sequence[_Text]) -> Iterator[_Text]:
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
    return list(_compared([(text, in_public(text.parts, public)) for text in texts]))


def _mailed(issue: Issue) -> Iterator[_Text]:
    """Yield the text of each mailing that has reached somebody; of several to segments with one text only the first."""
    planned = list(issue.mailings.filter(planned_at__isnull=False).order_by("planned_at", "pk"))
    if not planned:  # another program had mailed it
        return
    has_it = Batch.objects.filter(mailing__issue=issue).values_list("mailing_id")
    counts = dict(has_it.annotate(copies=Sum(F("sent") + F("uncertain"))))
    replaced = Step.objects.filter(mailing__issue=issue, what=Step.What.REPLACED)
    late = set(replaced.filter(at__gt=F("mailing__planned_at")).values_list("mailing_id", flat=True))
    hidden = withheld(issue)
    seen: dict[str, _Text] = {}
    for mailing in planned:
        readers = counts.get(mailing.pk) or 0
        known = seen.get(mailing.content_hash)
        if readers and mailing.planned_at:
            seen[mailing.content_hash] = _Text(
                at=known.at if known else mailing.planned_at,
                readers=readers + (known.readers if known else 0),
                note=mailing.note if mailing.kind == Mailing.Kind.CORRECTION else "",
                is_mailed=True,
                is_later=mailing.pk in late,
                is_correction=mailing.kind == Mailing.Kind.CORRECTION,
                withheld_at=hidden.get(mailing.content_hash),
                parts=known.parts if known else words_of_letter(unslotted(mailing.html)),
            )
    yield from _with_the_latest([*seen.values()])


def _web(issue: Issue, since: datetime, now: datetime) -> _Text | None:
    """Return what the web has now if anything was changed `since`."""
    public = Post.objects.published(now).values("pk")
    items = issue.items.filter(post__in=public).select_related("post__cover").prefetch_related("post__tags")
    found = list(items)
    at = max([issue.updated_at, *(item.post.updated_at for item in found)])
    if at <= since:
        return None
    parts = words_of_letter(unslotted(html_with(issue, found)))
    return _Text(at, 0, "", is_mailed=False, is_later=False, parts=parts)


def _compared(texts: Iterable[tuple[_Text, Sequence[Words]]]) -> Iterator[Version]:
    """Yield each text with what it changes; what only the web has counts if it differs.

    A text that was taken out is compared with nothing that is shown, nor is the next one compared with it.
    """
    shown: Sequence[Words] | None = None
    last: Sequence[Words] | None = None
    for text, parts in texts:
        former = None if text.withheld_at else shown
        changes = _changes(former, parts)
        if text.is_mailed or (changes if former else _changes(last, parts)):
            yield Version(
                at=text.at,
                readers=text.readers,
                note="" if text.withheld_at else text.note,
                is_mailed=text.is_mailed,
                is_later=text.is_later,
                changes=changes,
                withheld_at=text.withheld_at,
                is_compared=former is not None,
            )
        last = parts
        shown = shown if text.withheld_at else parts


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
