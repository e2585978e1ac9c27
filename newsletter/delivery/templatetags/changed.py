"""Whether the page of an issue leads to what was changed in it."""

from django import template
from django.utils import timezone

from newsletter.delivery.readers.changes import versions
from newsletter.issues.models import Issue

register = template.Library()


@register.simple_tag
def was_changed(issue: Issue) -> bool:
    """Return whether a sent issue, with its `items` at hand, says something else than the letter that left from here.

    An issue whose rows were not touched since then, as nearly all, costs no query.
    """
    touched_at = max([issue.updated_at, *(item.post.updated_at for item in issue.items.all())])
    if issue.sent_at is None or touched_at <= issue.sent_at:
        return False
    return len(versions(issue, timezone.now())) > 1
