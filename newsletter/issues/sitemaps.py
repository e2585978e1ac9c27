"""What search engines are told: every address that readers may find, and when its page changed."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap
from django.core.paginator import Paginator
from django.db.models import Max, OuterRef, Subquery
from django.db.models.functions import Greatest
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from newsletter.issues.models import Issue, IssueQuerySet
from newsletter.posts.models import Post, PostQuerySet, Tag, TagQuerySet
from newsletter.publication.models import Publication
from newsletter.publication.pages import kept

MOST = 50_000  # addresses in one file: https://www.sitemaps.org/protocol.html


def _changed() -> Greatest:
    return Greatest("updated_at", "published_at")


class _OurSitemap(Sitemap):  # type: ignore[type-arg]  # not subscriptable at run time
    """Addresses begin with SITE_URL, whatever host was asked."""

    @cached_property
    def paginator(self) -> "Paginator[Any]":
        """Return the pages of this part, asked of the database once."""
        return Paginator(list(self.items()), self.limit)

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme

    def get_domain(self, site: object = None) -> str:
        return urlsplit(settings.SITE_URL).netloc


class PageSitemap(_OurSitemap):
    """The pages that list others change with these."""

    def items(self) -> list[tuple[str, datetime]]:
        sent = Issue.objects.archived().order_by("-sent_at").values("sent_at")
        changed = Post.objects.published(timezone.now()).annotate(at=_changed()).order_by("-at").values("at")
        dates = Publication.objects.values_list("updated_at", Subquery(sent[:1]), Subquery(changed[:1])).get()
        publication, issue, post = (date or dates[0] for date in dates)
        return [
            ("issues:home", max(publication, issue, post)),
            ("issues:archive", issue),
            ("posts:index", post),
            ("issues:start_here", max(publication, post)),
            ("issues:about", publication),
            ("subscribers:subscribe", publication),
        ]

    def location(self, item: tuple[str, datetime]) -> str:
        return reverse(item[0])

    def lastmod(self, item: tuple[str, datetime]) -> datetime:
        return item[1]


class IssueSitemap(_OurSitemap):
    def items(self) -> IssueQuerySet:
        sent = Issue.objects.archived().only("number", "sent_at")
        return sent.annotate(corrected_at=Max("corrections__made_at"))

    def lastmod(self, item: Any) -> datetime:
        at: datetime = max(item.sent_at, item.corrected_at or item.sent_at)
        return at


class PostSitemap(_OurSitemap):
    def items(self) -> PostQuerySet:
        return Post.objects.published(timezone.now()).only("words", "updated_at", "published_at")

    def lastmod(self, item: Post) -> datetime:
        """Return when its page changed: one that was scheduled changed when it came out."""
        return max(item.updated_at, item.published_at or item.updated_at)


class TagSitemap(_OurSitemap):
    def items(self) -> TagQuerySet:
        now = timezone.now()
        posts = Post.objects.published(now).filter(tags=OuterRef("pk")).annotate(at=_changed())
        return Tag.objects.in_use(now).annotate(at=Subquery(posts.order_by("-at").values("at")[:1]))

    def lastmod(self, item: Any) -> datetime:
        at: datetime = item.at
        return at


SITEMAPS: dict[str, type[_OurSitemap]] = {
    "pages": PageSitemap,
    "issues": IssueSitemap,
    "posts": PostSitemap,
    "tags": TagSitemap,
}


@kept(Post.objects.next_change)
def everything(request: HttpRequest) -> TemplateResponse:
    """Answer with one file of all addresses; with a list of files when they are too many for one."""
    sections = {name: kind() for name, kind in SITEMAPS.items()}
    if sum(section.paginator.count for section in sections.values()) <= MOST:
        return sitemap(request, dict(sections))
    files = [
        settings.SITE_URL + reverse("sitemap_part", args=[name]) + (f"?p={number}" if number > 1 else "")
        for name, section in sections.items()
        for number in section.paginator.page_range
    ]
    context = {"sitemaps": [{"location": file} for file in files]}
    return TemplateResponse(request, "sitemap_index.xml", context, content_type="application/xml")


@kept(Post.objects.next_change)
def part(request: HttpRequest, section: str) -> TemplateResponse:
    return sitemap(request, dict(SITEMAPS), section=section)
