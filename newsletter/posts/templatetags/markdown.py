"""Short texts that are written in Markdown too: an introduction, the page about us."""

from django import template
from django.utils.safestring import SafeString

from newsletter.posts.models.renderings import rendered

register = template.Library()


@register.filter
def markdown(source: str) -> SafeString:
    return rendered(source)
