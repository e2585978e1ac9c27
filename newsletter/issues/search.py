"""Issues in the index of the search."""

from collections.abc import Iterator

from newsletter.issues.models import Issue
from newsletter.posts.models.renderings import render_cached
from newsletter.posts.search.index import Document, index_document
from newsletter.posts.text.prose import plain_text


def search_document(issue: Issue) -> Document:
    """The entry of the search index. Without a date, as an unsent issue, nobody finds it."""
    return Document(
        kind="issue",
        key=issue.pk,
        url=issue.get_absolute_url(),
        title=issue.subject,
        body="\n".join(plain_text(render_cached(part)) for part in (issue.introduction, issue.closing) if part),
        published_at=issue.sent_at,
        tags=f"第 {issue.number} 期、Issue {issue.number}、#{issue.number}",  # whichever way somebody asks for it
        summary=issue.preheader,
    )


def index_issue(issue: Issue) -> None:
    """Upsert the issue's index entry, in the transaction that changes the issue."""
    index_document(search_document(issue))


def search_documents() -> Iterator[Document]:
    return map(search_document, Issue.objects.order_by("number").iterator())
