"""Template tags about issues."""

from collections.abc import Iterable
from datetime import datetime

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.issues import schedule
from newsletter.issues.annotations import attach_contents
from newsletter.issues.models import Correction, Issue, StartingPoint
from newsletter.mail.html import demote_headings
from newsletter.publication.linked_data import Article
from newsletter.publication.models import Publication
from newsletter.publication.templatetags.structured_data import day_element, schema_site, script

register = template.Library()


@register.filter
def entries(contents: Iterable[tuple[str, str]]) -> SafeString:
    return format_html_join("", '<li><a href="{}">{}</a></li>', contents)


@register.filter
def demoted(html: str) -> SafeString:
    return mark_safe(demote_headings(html))  # noqa: S308  # nosec B308, B703  # as safe as what came


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
    """Date, number of posts and reading time. issue: from `attach_contents`."""
    number = _spans([as_issue(issue.number)] if shows_number else [])
    sent = format_html("{}\n", day_element(timezone.localtime(issue.sent_at))) if issue.sent_at else ""
    counts = [as_posts(issue.post_count), as_minutes(issue.reading_minutes)] if issue.post_count else [as_posts(0)]
    return format_html('<p class="byline">\n{}{}{}</p>', number, sent, _spans(counts))


def _spans(words: Iterable[str]) -> SafeString:
    return format_html_join("", "<span>{}</span>\n", ((word,) for word in words))


@register.simple_tag
def is_asking(issue: Issue) -> bool:
    """Whether its question is open now. A preview has set a future `sent_at`, so it is open there too."""
    return issue.takes_votes(timezone.now())


@register.simple_tag
def issue_data(issue: Issue, corrections: Iterable[Correction]) -> SafeString:
    sent_at = issue.sent_at or issue.updated_at
    changes = [correction.made_at for correction in corrections]
    article = Article(
        path=issue.get_absolute_url(),
        title=issue.subject,
        description=issue.preheader or Publication.objects.current().promise,
        image=issue.preview_card_url,
        published_at=sent_at,
        changed_at=max([sent_at, *changes]),
        trail=[(reverse("issues:archive"), _("All issues"))],
        issues=[(issue.number, sent_at)],
        keywords=[],
    )
    return script(schema_site().article(article))


@register.simple_tag
def latest_issues(count: int) -> list[Issue]:
    return attach_contents(Issue.objects.archived().defer("introduction", "closing")[:count], timezone.now())


@register.simple_tag
def starting_points(count: int) -> list[StartingPoint]:
    return list(StartingPoint.objects.public(timezone.now())[:count])


@register.simple_tag
def next_slots(publication: Publication, count: int) -> list[datetime]:
    return schedule.next_slots(publication, after=timezone.now(), count=count)
