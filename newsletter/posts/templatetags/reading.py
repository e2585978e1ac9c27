"""Template tags of the menu, posts and search results: titles, reading time, tags, outline, schema.org."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape, unescape
from typing import Final

from django import template
from django.conf import settings
from django.template.context import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from newsletter.mail.typesetting import keep_endings
from newsletter.posts.menu import MenuLink, menu_links
from newsletter.posts.models import Post, Tag
from newsletter.posts.models.renderings import render_cached
from newsletter.posts.search.index import SearchResult
from newsletter.posts.search.snippets import SnippetPart
from newsletter.posts.text import prose
from newsletter.posts.text.prose import PUNCTUATION, SHARED_PUNCTUATION, WIDE
from newsletter.publication.linked_data import Article
from newsletter.publication.models import Publication
from newsletter.publication.templatetags.structured_data import day_element, schema_site, script

register = template.Library()
LINE_LENGTH, PHONE_LINE_LENGTH = 12, 9  # Han characters in a line of the largest title, with punctuation
_BREAKS = re.compile(rf"[\s{PUNCTUATION}{SHARED_PUNCTUATION}]+")
_WIDE = re.compile(f"[{WIDE}]")


@register.simple_tag
def menu() -> list[MenuLink]:
    return menu_links(Publication.objects.current().menu, timezone.now())


@register.filter
def phrases(title: str) -> str:
    """CSS classes for a title that breaks only after punctuation; "" if a phrase is longer than a line.

    Browsers break a longer phrase anywhere, even before its comma.
    """
    longest = max((len(phrase) + len(_WIDE.findall(phrase))) / 2 for phrase in _BREAKS.split(title))
    if longest > LINE_LENGTH:
        return ""
    return "short phrases" if longest <= PHONE_LINE_LENGTH else "phrases"


@register.filter
def first_sentence(excerpt: str) -> str:
    return prose.first_sentence(excerpt)


@register.filter
def beside_picture(excerpt: str) -> SafeString:
    """A paragraph that fills the lines beside a picture: `text-wrap: pretty` would break them early."""
    shown = keep_endings(f'<p class="posts-excerpt beside">{escape(excerpt)}</p>')
    return mark_safe(shown)  # noqa: S308  # nosec B308, B703  # escaped


@register.simple_tag(takes_context=True)
def reading_minutes(context: Context, post: Post) -> str:
    return _("%(minutes)s min read") % {"minutes": post.reading_minutes(context["publication"])}


@register.simple_tag(takes_context=True)
def post_byline(context: Context, post: Post) -> SafeString:
    """Date and reading time of a post. Python, because lists would include a template per post."""
    published = day_element(timezone.localtime(post.published_at))
    return format_html("{}\n<span>{}</span>\n", published, reading_minutes(context, post))


@register.filter
def linked(tags: Iterable[Tag]) -> SafeString:
    return format_html_join("", '<a href="{}">#{}</a>', ((tag.get_absolute_url(), tag.name) for tag in tags))


@register.filter
def counted(tag: Tag) -> SafeString:
    number: int = tag.post_count  # type: ignore[attr-defined]  # TagQuerySet.in_use counted
    link = '<a href="{}">{} <span class="tags-count">{}</span></a>'
    return format_html(link, tag.get_absolute_url(), tag.name, number)


@register.simple_tag(takes_context=True)
def reading_time(context: Context, post: Post) -> str:
    phrase = _("about %(minutes)s min (%(length)s)")
    return phrase % {"minutes": post.reading_minutes(context["publication"]), "length": post.rendering.length_text}


@register.simple_tag
def preview_url(post: Post) -> str:
    """The open preview link of a draft; "" if there is none."""
    is_open = post.preview_until is not None and post.preview_until > timezone.now()
    return settings.SITE_URL + reverse("posts:preview", args=[post.preview_token]) if is_open else ""


@register.simple_tag
def kind_of(result: SearchResult) -> str:
    """Label of a search result; an issue's number is the end of its URL."""
    if result.kind != "issue":
        return _("Post")
    return _("Issue %(number)s") % {"number": result.url.strip("/").rpartition("/")[2]}


@register.filter
def highlighted(pieces: Iterable[SnippetPart]) -> SafeString:
    """Wrap hits in `mark`. Python, because a page has hundreds of parts."""
    shown = (f"<mark>{escape(piece.text)}</mark>" if piece.is_hit else escape(piece.text) for piece in pieces)
    return mark_safe("".join(shown))  # noqa: S308  # nosec B308, B703  # each piece is escaped


@register.filter
def markdown(source: str) -> SafeString:
    return render_cached(source)


MIN_HEADINGS: Final = 3  # an outline of fewer does not help
HEADING: Final = re.compile(r'<h([1-3]) id="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
FOOTNOTE_MARK: Final = re.compile(r"<sup\b.*?</sup>", re.DOTALL)  # a footnote's number is not part of the heading


@dataclass(frozen=True)
class Heading:
    level: int  # 1 for the highest of this post
    id: str
    text: str


@register.simple_tag
def outline(html: str) -> list[Heading]:
    found = [(int(level), anchor, _words(inner)) for level, anchor, inner in HEADING.findall(html)]
    if 'class="toc"' in html or not found:
        return []
    top = min(level for level, _anchor, _text in found)
    shown = [Heading(level - top + 1, anchor, text) for level, anchor, text in found if text and level <= top + 1]
    return shown if len(shown) >= MIN_HEADINGS else []


def _words(html: str) -> str:
    return " ".join(unescape(strip_tags(FOOTNOTE_MARK.sub("", html))).split())


@register.simple_tag
def post_data(post: Post) -> SafeString:
    """schema.org data of a published post; prefetch `tags` and `issues`."""
    published_at = post.published_at or post.updated_at
    carriers = [(issue.number, issue.sent_at) for issue in post.issues.all() if issue.sent_at]
    article = Article(
        path=post.get_absolute_url(),
        title=post.title,
        description=post.excerpt,
        image=post.cover.get_absolute_url() if post.cover else post.preview_card_url,
        published_at=published_at,
        changed_at=max(post.updated_at, published_at),
        trail=[(reverse("posts:index"), _("Posts"))],
        issues=carriers,
        series=(post.series.get_absolute_url(), post.series.title) if post.series and not post.is_unlisted else None,
        keywords=[tag.name for tag in post.tags.all()],
        length=post.rendering.han_count + post.rendering.word_count,
    )
    return script(schema_site().article(article))
