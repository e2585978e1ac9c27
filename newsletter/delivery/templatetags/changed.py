"""Whether the page of an issue links to its changes."""

from django import template
from django.utils import timezone

from newsletter.delivery.readers.changes import versions
from newsletter.issues.models import Issue

register = template.Library()


@register.simple_tag
def was_changed(issue: Issue) -> bool:
    """Whether the text of a sent issue differs from the letter that was mailed. Needs prefetched `items`.

    Costs no query for an issue whose rows were not touched since, as nearly all.
    """
    touched_at = max([issue.updated_at, *(item.post.updated_at for item in issue.items.all())])
    if issue.sent_at is None or touched_at <= issue.sent_at:
        return False
    return len(versions(issue, timezone.now())) > 1
