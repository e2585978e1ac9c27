"""What pages say of posts, drafts and hits: how a title is set, how long reading takes, tags, outline, schema.org."""

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

from newsletter.posts.models import Post, Tag
from newsletter.posts.models.renderings import rendered
from newsletter.posts.search.index import Result
from newsletter.posts.search.snippets import Piece
from newsletter.posts.text import measures
from newsletter.posts.text.measures import PUNCTUATION, SHARED, WIDE
from newsletter.publication.linked_data import Article
from newsletter.publication.templatetags.findable import day, script, site

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
    return _("%(minutes)s min read") % {"minutes": post.reading_minutes(context["publication"])}


@register.simple_tag(takes_context=True)
def post_byline(context: Context, post: Post) -> SafeString:
    """Return when a post came out, and the minutes that reading takes: a list would include a template for each."""
    published = day(timezone.localtime(post.published_at))
    return format_html("{}\n<span>{}</span>\n", published, reading_minutes(context, post))


@register.filter
def linked(tags: Iterable[Tag]) -> SafeString:
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


@register.simple_tag
def preview_url(post: Post) -> str:
    """Return the address that opens the draft now; "" if none does."""
    is_open = post.preview_until is not None and post.preview_until > timezone.now()
    return settings.SITE_URL + reverse("posts:preview", args=[post.preview_token]) if is_open else ""


@register.simple_tag
def kind_of(result: Result) -> str:
    """Return what was found: an issue by its number, which its address ends in, or a post."""
    if result.kind != "issue":
        return _("Post")
    return _("Issue %(number)s") % {"number": result.url.strip("/").rpartition("/")[2]}


@register.filter
def highlighted(pieces: Iterable[Piece]) -> SafeString:
    """Return a text with its hits in `mark`. A page has hundreds of pieces, each of which a template would look up."""
    shown = (f"<mark>{escape(piece.text)}</mark>" if piece.is_hit else escape(piece.text) for piece in pieces)
    return mark_safe("".join(shown))  # noqa: S308  # nosec B308, B703  # each piece is escaped


@register.filter
def markdown(source: str) -> SafeString:
    return rendered(source)


FEWEST: Final = 3  # headings: a shorter list says nothing that scrolling does not
HEADING: Final = re.compile(r'<h([1-3]) id="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
NOTE: Final = re.compile(r"<sup\b.*?</sup>", re.DOTALL)  # the number of a footnote is no word of the heading


@dataclass(frozen=True)
class Heading:
    level: int  # 1 for the highest of this post
    id: str
    text: str


@register.simple_tag
def outline(html: str) -> list[Heading]:
    """Return the two highest levels of headings; none where they are few, or the author has set their own contents."""
    found = [(int(level), anchor, _words(inner)) for level, anchor, inner in HEADING.findall(html)]
    if 'class="toc"' in html or not found:
        return []
    top = min(level for level, _anchor, _text in found)
    shown = [Heading(level - top + 1, anchor, text) for level, anchor, text in found if text and level <= top + 1]
    return shown if len(shown) >= FEWEST else []


def _words(html: str) -> str:
    return " ".join(unescape(strip_tags(NOTE.sub("", html))).split())


@register.simple_tag
def post_data(post: Post) -> SafeString:
    """Describe a published post with `tags` and `issues` at hand."""
    published_at = post.published_at or post.updated_at
    carriers = [(issue.number, issue.sent_at) for issue in post.issues.all() if issue.sent_at]
    article = Article(
        path=post.get_absolute_url(),
        title=post.title,
        description=post.excerpt,
        image=post.cover.get_absolute_url() if post.cover else post.card_url,
        published_at=published_at,
        changed_at=max(post.updated_at, published_at),
        trail=[(reverse("posts:index"), _("Posts"))],
        issues=carriers,
        keywords=[tag.name for tag in post.tags.all()],
        length=post.rendering.han_count + post.rendering.word_count,
    )
    return script(site().article(article))
