"""What the search finds of issues: their own words; their posts are found by themselves."""

from collections.abc import Iterator

from newsletter.issues.models import Issue
from newsletter.posts.models.renderings import rendered
from newsletter.posts.search.index import Document, index
from newsletter.posts.text.measures import plain


def document(issue: Issue) -> Document:
    """Return what is to be found of `issue`; one that was not sent has no date, and is found by nobody."""
    return Document(
        kind="issue",
        key=issue.pk,
        url=issue.get_absolute_url(),
        title=issue.subject,
        body="\n".join(plain(rendered(part)) for part in (issue.introduction, issue.closing) if part),
        published_at=issue.sent_at,
        tags=f"第 {issue.number} 期、Issue {issue.number}、#{issue.number}",  # whichever way somebody asks for it
        summary=issue.preheader,
    )


def index_issue(issue: Issue) -> None:
    """Put `issue` into the index, in place of what was there; call it in the transaction that changes it."""
    index(document(issue))


def documents() -> Iterator[Document]:
    """Return every issue for `search.rebuild`."""
    return map(document, Issue.objects.order_by("number").iterator())
