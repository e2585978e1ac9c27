"""sitemap.xml and llms.txt."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from newsletter.issues.models import Issue, IssueQuerySet
from newsletter.page_cache.pages import cached_page
from newsletter.posts.models import Post, PostQuerySet, Series, Tag, attach_renderings
from newsletter.publication.models import Publication

PAGE_NAMES = [
    "issues:home",
    "issues:archive",
    "posts:index",
    "issues:start_here",
    "issues:about",
    "subscribers:subscribe",
]


class _OurSitemap(Sitemap):  # type: ignore[type-arg]  # not subscriptable at run time
    """URLs begin with SITE_URL, whatever the request's host. A file may have 50,000: https://www.sitemaps.org."""

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme

    def get_domain(self, site: object = None) -> str:
        return urlsplit(settings.SITE_URL).netloc


class PageSitemap(_OurSitemap):
    def items(self) -> list[str]:
        return PAGE_NAMES

    def location(self, item: str) -> str:
        return reverse(item)


class IssueSitemap(_OurSitemap):
    def items(self) -> IssueQuerySet:
        sent = Issue.objects.archived().only("number", "sent_at")
        return sent.annotate(corrected_at=Max("corrections__made_at"))

    def lastmod(self, item: Any) -> datetime:
        at: datetime = max(item.sent_at, item.corrected_at or item.sent_at)
        return at


class PostSitemap(_OurSitemap):
    def items(self) -> PostQuerySet:
        return Post.objects.found_by_engines(timezone.now()).only("words", "is_page", "updated_at", "published_at")

    def lastmod(self, item: Post) -> datetime:
        """A scheduled post changes when it is published."""
        return max(item.updated_at, item.published_at or item.updated_at)


class TagSitemap(_OurSitemap):
    def items(self) -> QuerySet[Any]:
        return Tag.objects.in_use(timezone.now())


class SeriesSitemap(_OurSitemap):
    def items(self) -> QuerySet[Any]:
        return Series.objects.in_use(timezone.now())


SITEMAPS: dict[str, type[_OurSitemap]] = {
    "pages": PageSitemap,
    "issues": IssueSitemap,
    "posts": PostSitemap,
    "tags": TagSitemap,
    "series": SeriesSitemap,
}


@cached_page(until=Post.objects.next_change_at)
def sitemap_xml(request: HttpRequest) -> TemplateResponse:
    return sitemap(request, dict(SITEMAPS))


NEWEST_MAX = 100  # posts, and issues


@cached_page(until=Post.objects.next_change_at)
def llms_txt(request: HttpRequest) -> HttpResponse:
    """The newest posts (URLs of their Markdown) and issues; 404 if robots.txt refuses all AI crawlers."""
    if Publication.objects.current().crawlers == Publication.Crawlers.NONE:
        raise Http404
    posts = attach_renderings(Post.objects.listed(timezone.now())[:NEWEST_MAX])
    issues = Issue.objects.archived().defer("introduction", "closing")[:NEWEST_MAX]
    context = {"posts": posts, "issues": issues}
    return render(request, "issues/llms.txt", context, content_type="text/markdown; charset=utf-8")
