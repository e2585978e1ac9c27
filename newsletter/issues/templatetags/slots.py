"""The next slots of the rhythm, for pages of rooms that may not ask `issues` themselves."""

from datetime import datetime

from django import template
from django.utils import timezone

from newsletter.issues import rhythm
from newsletter.publication.models import Publication

register = template.Library()


@register.simple_tag
def next_slots(publication: Publication, count: int) -> list[datetime]:
    """Return the next `count` times at which an issue may leave, in UTC."""
    return rhythm.slots(publication, after=timezone.now(), count=count)
