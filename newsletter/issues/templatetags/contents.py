"""What an issue holds, in links and in words.

A year has hundreds of links and dozens of words, each of which a template would look up by itself.
"""

from collections.abc import Iterable

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.issues.models import Issue
from newsletter.publication.templatetags.findable import day

register = template.Library()


@register.filter
def entries(contents: Iterable[tuple[str, str]]) -> SafeString:
    """Return an item with a link for each address and title."""
    return format_html_join("", '<li><a href="{}">{}</a></li>', contents)


@register.filter
def as_issue(number: int) -> str:
    return _("Issue %(number)s") % {"number": number}


@register.filter
def as_posts(count: int) -> str:
    return ngettext("%(count)s post", "%(count)s posts", count) % {"count": count}


@register.filter
def as_minutes(minutes: int) -> str:
    return _("%(minutes)s min read") % {"minutes": minutes}


@register.simple_tag
def issue_byline(issue: Issue, *, shows_number: bool = False) -> SafeString:
    """Return when an issue that is `measured` was sent, and what it holds."""
    number = _spans([as_issue(issue.number)] if shows_number else [])
    sent = format_html("{}\n", day(timezone.localtime(issue.sent_at))) if issue.sent_at else ""
    held = [as_posts(issue.post_count), as_minutes(issue.reading_minutes)] if issue.post_count else [as_posts(0)]
    return format_html('<p class="byline">\n{}{}{}</p>', number, sent, _spans(held))


def _spans(words: Iterable[str]) -> SafeString:
    return format_html_join("", "<span>{}</span>\n", ((word,) for word in words))
