"""What search engines are told: every address that readers may find."""

from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.urls import reverse
from django.utils import timezone

from newsletter.issues.models import Issue, IssueQuerySet
from newsletter.posts.models import Post, PostQuerySet, Tag, TagQuerySet


class _OurSitemap(Sitemap):  # type: ignore[type-arg]  # not subscriptable at run time
    """Addresses begin with SITE_URL, whatever host was asked."""

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme

    def get_domain(self, site: object = None) -> str:
        return urlsplit(settings.SITE_URL).netloc


class PageSitemap(_OurSitemap):
    def items(self) -> list[str]:
        return ["issues:home", "issues:archive", "posts:index", "issues:about"]

    def location(self, item: str) -> str:
        return reverse(item)


class IssueSitemap(_OurSitemap):
    def items(self) -> IssueQuerySet:
        return Issue.objects.archived().only("number", "sent_at")

    def lastmod(self, item: Issue) -> datetime | None:
        return item.sent_at


class PostSitemap(_OurSitemap):
    def items(self) -> PostQuerySet:
        return Post.objects.published(timezone.now()).only("words", "updated_at")

    def lastmod(self, item: Post) -> datetime:
        return item.updated_at


class TagSitemap(_OurSitemap):
    def items(self) -> TagQuerySet:
        return Tag.objects.in_use(timezone.now())


SITEMAPS = {
    "pages": PageSitemap,
    "issues": IssueSitemap,
    "posts": PostSitemap,
    "tags": TagSitemap,
}
