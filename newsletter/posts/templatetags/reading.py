"""How a title is set, and how long a post is: for the line under it."""

import re
from collections.abc import Iterable

from django import template
from django.template.context import Context
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from newsletter.posts.models import Post, Tag
from newsletter.posts.text import measures
from newsletter.posts.text.han import PUNCTUATION, SHARED, WIDE
from newsletter.publication.templatetags.findable import day

register = template.Library()
LONGEST, LONGEST_ON_PHONES = 12, 9  # Han characters that a line of the largest title holds, with punctuation
_BREAKS = re.compile(rf"[\s{PUNCTUATION}{SHARED}]+")
_WIDE = re.compile(f"[{WIDE}]")


@register.filter
def phrases(title: str) -> str:
    """Return the classes of a title that breaks behind its punctuation only; "" if a phrase would not fit a line.

    Browsers break what is longer than a line anywhere, even before its comma.
    """
    longest = max((len(phrase) + len(_WIDE.findall(phrase))) / 2 for phrase in _BREAKS.split(title))
    if longest > LONGEST:
        return ""
    return "short phrases" if longest <= LONGEST_ON_PHONES else "phrases"


@register.filter
def first_sentence(excerpt: str) -> str:
    return measures.first_sentence(excerpt)


@register.simple_tag(takes_context=True)
def reading_minutes(context: Context, post: Post) -> str:
    """Return the minutes that reading takes."""
    return _("%(minutes)s min read") % {"minutes": post.reading_minutes(context["publication"])}


@register.simple_tag(takes_context=True)
def post_byline(context: Context, post: Post) -> SafeString:
    """Return when a post came out, and the minutes that reading takes: a list would include a template for each."""
    published = day(timezone.localtime(post.published_at))
    return format_html("{}\n<span>{}</span>\n", published, reading_minutes(context, post))


@register.filter
def linked(tags: Iterable[Tag]) -> SafeString:
    """Return a link for each tag."""
    return format_html_join("", '<a href="{}">#{}</a>', ((tag.get_absolute_url(), tag.name) for tag in tags))


@register.filter
def counted(tag: Tag) -> SafeString:
    """Return a link to a tag that is in use, with the number of its posts."""
    number: int = tag.post_count  # type: ignore[attr-defined]  # TagQuerySet.in_use counted
    link = '<a href="{}">{} <span class="tags-count">{}</span></a>'
    return format_html(link, tag.get_absolute_url(), tag.name, number)


@register.simple_tag(takes_context=True)
def reading_time(context: Context, post: Post) -> str:
    """Return the minutes, and the length in the script that most of the post is written in."""
    han, words = post.rendering.han_count, post.rendering.word_count
    phrase = _("about %(minutes)s min (%(length)s words)")
    if han >= words:
        phrase = _("about %(minutes)s min (%(length)s characters)")
    return phrase % {"minutes": post.reading_minutes(context["publication"]), "length": f"{max(han, words):,}"}
