"""What the page of an issue shows beside its fields: how much each form of a post takes, the letter, the rehearsal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsletter.delivery.letter.losses import PART_BYTES_MAX, encoded, weigh, weights_by_form
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.models.rehearsals import ERROR, WARNING, Rehearsal, Standing, digest_of
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post
from newsletter.publication.models import Publication

UNSETTLED = {Standing.NONE, Standing.OUTDATED, Standing.RUNNING}  # until the rehearsal that runs by itself is over


@dataclass(frozen=True)
class Choice:
    """One form that a post can have in the mail. radio: of the form's field; size: bytes on their way, 0 if unknown."""

    radio: Any
    size: int = 0
    minutes: int = 0


def measure(issue: Issue, formset: Any) -> None:
    """Give each row of a formset its `choices`: the forms of its post, with what each takes."""
    publication = Publication.objects.current()
    sizes = weights_by_form(issue, _shown(formset.rows))
    for row, post in formset.rows:
        row.choices = [_choice(radio, post, sizes, publication) for radio in row["form"]]


def _shown(rows: Iterable[tuple[Any, Post | None]]) -> list[Post]:
    """Return the posts of a form's rows with their texts, each once."""
    keys = {post.pk for _row, post in rows if post}
    return list(Post.objects.select_related("cover").prefetch_related("tags").filter(pk__in=keys))


def _choice(radio: Any, post: Post | None, sizes: dict[int, dict[str, int]], publication: Publication) -> Choice:
    if post is None or post.pk not in sizes:
        return Choice(radio)
    form = radio.data["value"]
    minutes = post.reading_minutes(publication) if form == IssueItem.Form.FULL else 0
    return Choice(radio, encoded(sizes[post.pk][form]), minutes)


def letter_of(issue: Issue, now: datetime) -> dict[str, Any]:
    """Return what the page says of the letter as it is saved now."""
    letter = freeze(issue)
    publication = Publication.objects.current()
    in_full = issue.items.filter(form=IssueItem.Form.FULL).select_related("post").defer("post__body")
    return rehearsal_of(issue, now, letter) | {
        "letter": letter,
        "weight": weigh(issue, letter),
        "part_max": PART_BYTES_MAX,
        "minutes": sum(item.post.reading_minutes(publication) for item in in_full),
    }


def rehearsal_of(issue: Issue, now: datetime, letter: FrozenLetter | None = None) -> dict[str, Any]:
    """Return what the page says of the rehearsal; letter: the issue as it is frozen already."""
    content_hash = (letter or freeze(issue)).content_hash
    latest = Rehearsal.objects.latest_of(issue)
    standing = latest.standing(digest_of(content_hash, ""), now) if latest else Standing.NONE
    remarks = latest.remarks if latest and standing in {Standing.VALID, Standing.FAULTY} else []
    grave = [one for one in remarks if one["level"] in {ERROR, WARNING}]
    is_draft = issue.sent_at is None and not issue.mailings.open().exists()
    return {
        "rehearsal": latest,
        "standing": standing,
        "grave": sorted(grave, key=lambda one: one["level"] != ERROR),
        "fine": len(remarks) - len(grave),
        "comes_by_itself": is_draft and standing in UNSETTLED and issue.items.exists(),
    }
