"""The last issues, for pages of rooms that may not ask `issues` themselves."""

from django import template
from django.utils import timezone

from newsletter.issues.lengths import measured
from newsletter.issues.models import Issue

register = template.Library()


@register.simple_tag
def latest_issues(count: int) -> list[Issue]:
    """Return the last `count` sent issues, the newest first."""
    return measured(Issue.objects.archived().defer("introduction", "closing")[:count], timezone.now())
