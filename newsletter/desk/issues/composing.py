"""What the page of an issue shows beside its fields: how much each form of a post takes, the letter, the rehearsal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsletter.delivery.letter.rendering import freeze
from newsletter.delivery.letter.size import PART_BYTES_MAX, encoded, weigh, weights_by_form
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post
from newsletter.publication.models import Publication


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
    return {
        "letter": letter,
        "weight": weigh(issue, letter),
        "part_max": PART_BYTES_MAX,
        "minutes": sum(item.post.reading_minutes(publication) for item in in_full),
        "standing": Rehearsal.objects.standing(issue, "", letter.content_hash, now),
    }
