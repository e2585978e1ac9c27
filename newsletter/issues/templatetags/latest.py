"""The last issues, and where to begin, for pages of rooms that may not ask `issues` themselves."""

from django import template
from django.utils import timezone

from newsletter.issues.lengths import measured
from newsletter.issues.models import Issue, StartingPoint

register = template.Library()


@register.simple_tag
def latest_issues(count: int) -> list[Issue]:
    """Return the last `count` sent issues, the newest first."""
    return measured(Issue.objects.archived().defer("introduction", "closing")[:count], timezone.now())


@register.simple_tag
def starting_points(count: int) -> list[StartingPoint]:
    """Return the first `count` posts that the author hands to somebody who is new."""
    return list(StartingPoint.objects.public(timezone.now())[:count])
