"""Numbers as people read them."""

from django import template

register = template.Library()


@register.filter
def thousands(count: int) -> str:
    """Return a number with a comma after each thousand."""
    return f"{count:,}"
