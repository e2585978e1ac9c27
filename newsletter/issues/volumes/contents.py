"""What a volume holds, read an issue at a time: a year of texts does not stand in memory at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from django.db.models import Max

from newsletter.issues.models import Issue, IssueItem, named_apart
from newsletter.posts.models import Image, Post, with_renderings
from newsletter.posts.models.renderings import rendered


@dataclass(frozen=True)
class Contents:
    """The issues of a year, as readers may see them now."""

    year: int
    now: datetime

    @cached_property
    def _places(self) -> list[tuple[int, int, datetime, datetime]]:
        issues = Issue.objects.archived().in_year(self.year)
        items = IssueItem.objects.filter(issue__in=issues.order_by(), post__published_at__lte=self.now)
        rows = items.order_by("issue__sent_at", "issue__number", "position", "pk")
        return list(rows.values_list("post_id", "issue__number", "post__updated_at", "issue__updated_at"))

    @cached_property
    def numbers(self) -> list[int]:
        return list(Issue.objects.archived().in_year(self.year).values_list("number", flat=True))

    @cached_property
    def issue_of(self) -> dict[int, int]:
        """Return the number of the issue in which each post stands first."""
        return {post: number for post, number, *_changes in reversed(self._places)}

    @property
    def changed_at(self) -> datetime:
        """Return when the latest of its texts was changed."""
        newest: datetime = Issue.objects.archived().in_year(self.year).aggregate(at=Max("updated_at"))["at"]
        return max([newest, *(max(post, issue) for _post, _number, post, issue in self._places)])

    @property
    def digest(self) -> str:
        """Return what changes with every text and every place."""
        return sha256(repr((self.numbers, self._places, self.changed_at)).encode()).hexdigest()

    def issues(self) -> Iterator["BoundIssue"]:
        """Yield the issues one after the other, each with all that a page shows of it."""
        for number in self.numbers:
            if issue := Issue.objects.archived().filter(number=number).first():
                yield self._bound(issue)

    def _bound(self, issue: Issue) -> "BoundIssue":
        # Not by `fetch_whole`: an issue and items that know each other stay in memory until Python looks for rings.
        items = list(
            IssueItem.objects.filter(issue_id=issue.pk, post__published_at__lte=self.now).select_related("post__cover")
        )
        with_renderings(item.post for item in items)
        posts = tuple(self._post(item, issue.number) for item in items)
        introduction, closing = rendered(issue.introduction), rendered(issue.closing)
        before, after = f"i{issue.number}", f"c{issue.number}"
        return BoundIssue(issue, named_apart(introduction, before), named_apart(closing, after), posts)

    def _post(self, item: IssueItem, number: int) -> "BoundPost":
        first = self.issue_of.get(item.post_id, number)
        return BoundPost(item.post, item.html, None) if first == number else BoundPost(item.post, "", first)


@dataclass(frozen=True)
class BoundPost:
    """A post in a volume. told_in: the number of the issue that has told it before; then it has no `html` here."""

    post: Post
    html: str
    told_in: int | None

    @property
    def cover(self) -> Image | None:
        return self.post.cover if self.told_in is None else None


@dataclass(frozen=True)
class BoundIssue:
    """An issue in a volume, all its texts as HTML whose names are its own."""

    issue: Issue
    introduction: str
    closing: str
    posts: tuple[BoundPost, ...]
