"""Whether the desk speaks of replies: not before a mailbox exists."""

from django import template

from newsletter.delivery.models import Reply, are_read_here

register = template.Library()


@register.simple_tag
def replies_here() -> bool:
    return are_read_here()


@register.simple_tag
def replies_to(issue: int) -> int:
    """Return how many replies of readers an issue has."""
    return Reply.objects.by_readers().filter(issue=issue).count()
