"""What a helper may not read in words that come from elsewhere: addresses of readers in answers of mail servers."""

from django import template
from django.template.context import RequestContext

from subscribers.addresses import without_addresses

register = template.Library()


@register.simple_tag(takes_context=True)
def discreet(context: RequestContext, text: str) -> str:
    """Return a text with its addresses masked, unless the user may see readers."""
    return text if context["user"].has_perm("subscribers.see_readers") else without_addresses(str(text))
