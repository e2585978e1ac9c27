"""How long a post is: for the line under its title."""

from django import template
from django.template.context import Context
from django.utils.translation import gettext as _

from newsletter.posts.models import Post

register = template.Library()


@register.simple_tag(takes_context=True)
def reading_minutes(context: Context, post: Post) -> str:
    """Return the minutes that reading takes."""
    return _("%(minutes)s min read") % {"minutes": post.reading_minutes(context["publication"])}


@register.simple_tag(takes_context=True)
def reading_time(context: Context, post: Post) -> str:
    """Return the minutes, and the length in the script that most of the post is written in."""
    han, words = post.rendering.han_count, post.rendering.word_count
    phrase = _("about %(minutes)s min (%(length)s words)")
    if han >= words:
        phrase = _("about %(minutes)s min (%(length)s characters)")
    return phrase % {"minutes": post.reading_minutes(context["publication"]), "length": f"{max(han, words):,}"}
