"""What there is to read here, for programs: the sitemap of search engines, and llms.txt of assistants."""

from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import DateTimeField, Func, IntegerField, Max, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from newsletter.issues.models import Issue, IssueQuerySet
from newsletter.posts.models import BY_DATES, IS_LISTED, Post, PostQuerySet, Tag, TagQuerySet, with_renderings
from newsletter.publication.kept.pages import asked_number, kept
from newsletter.publication.models import Publication

MOST = 250  # addresses in one file, each 25 µs; 50,000 may be: https://www.sitemaps.org/protocol.html
PAGES = {  # and with what each changes
    "issues:home": ("publication", "issue", "post"),
    "issues:archive": ("issue",),
    "posts:index": ("post",),
    "issues:start_here": ("publication", "post"),
    "issues:about": ("publication",),
    "subscribers:subscribe": ("publication",),
}
# When one of the listed posts of a tag changed last: those that were scheduled when they came out.
_CHANGED = """
SELECT MAX(CASE WHEN p.updated_at > p.published_at THEN p.updated_at ELSE p.published_at END)
FROM posts_post_tags t JOIN posts_post p {by_dates} ON p.id = t.post_id
WHERE t.tag_id = posts_tag.id AND {is_listed}
"""
_COUNT = Func(function="COUNT", template="COUNT(*)", output_field=IntegerField())


class _OurSitemap(Sitemap):  # type: ignore[type-arg]  # not subscriptable at run time
    """Addresses begin with SITE_URL, whatever host was asked."""

    limit = MOST

    @cached_property
    def paginator(self) -> "Paginator[Any]":
        return Paginator(cast("QuerySet[Any]", self.items()), self.limit)

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme

    def get_domain(self, site: object = None) -> str:
        return urlsplit(settings.SITE_URL).netloc


class PageSitemap(_OurSitemap):
    """The pages that list others change with these."""

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Return when publication, issues and posts changed last, and how many addresses the other parts may have."""
        sent, listed = Issue.objects.archived(), Post.objects.listed(timezone.now())
        values = {
            "issue": sent.order_by("-sent_at").values("sent_at")[:1],
            "came": listed.values("published_at")[:1],
            "changed": listed.order_by("-updated_at").values("updated_at")[:1],
            "issues": sent.order_by().annotate(counted=_COUNT).values("counted"),
            "posts": listed.order_by().annotate(counted=_COUNT).values("counted"),
            "tags": Tag.objects.order_by().annotate(counted=_COUNT).values("counted"),
        }
        found = Publication.objects.annotate(**{name: Subquery(rows) for name, rows in values.items()})
        return dict(found.values("updated_at", *values).get())

    def items(self) -> list[str]:
        return list(PAGES)

    def location(self, item: str) -> str:
        return reverse(item)

    def lastmod(self, item: str) -> datetime:
        publication: datetime = self.facts["updated_at"]
        post = max(self.facts["came"] or publication, self.facts["changed"] or publication)
        dates = {"publication": publication, "issue": self.facts["issue"] or publication, "post": post}
        return max(dates[name] for name in PAGES[item])


class IssueSitemap(_OurSitemap):
    def items(self) -> IssueQuerySet:
        sent = Issue.objects.archived().only("number", "sent_at")
        return sent.annotate(corrected_at=Max("corrections__made_at"))

    def lastmod(self, item: Any) -> datetime:
        at: datetime = max(item.sent_at, item.corrected_at or item.sent_at)
        return at


class PostSitemap(_OurSitemap):
    def items(self) -> PostQuerySet:
        return Post.objects.listed(timezone.now()).only("words", "updated_at", "published_at")

    def lastmod(self, item: Post) -> datetime:
        """Return when its page changed: one that was scheduled changed when it came out."""
        return max(item.updated_at, item.published_at or item.updated_at)


class TagSitemap(_OurSitemap):
    def items(self) -> TagQuerySet:
        now = timezone.now()
        at = connection.ops.adapt_datetimefield_value(now)
        sql = _CHANGED.format(by_dates=BY_DATES[connection.vendor], is_listed=IS_LISTED)
        changed = RawSQL(sql, [at], output_field=DateTimeField())  # noqa: S611  # nosec B611  # our own words
        return Tag.objects.in_use(now).annotate(at=changed)

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
    pages = PageSitemap()
    sections = {name: kind() for name, kind in SITEMAPS.items()} | {"pages": pages}
    facts = pages.facts
    if len(PAGES) + facts["issues"] + facts["posts"] + facts["tags"] > MOST:
        return _files(request, sections)
    for section in sections.values():
        section.paginator = Paginator(list(section.items()), MOST)  # asked of the database once
    return sitemap(request, dict(sections))


def _files(request: HttpRequest, sections: "dict[str, _OurSitemap]") -> TemplateResponse:
    files = [
        settings.SITE_URL + reverse("sitemap_part", args=[name]) + (f"?p={number}" if number > 1 else "")
        for name, section in sections.items()
        for number in section.paginator.page_range
    ]
    context = {"sitemaps": [{"location": file} for file in files]}
    return TemplateResponse(request, "sitemap_index.xml", context, content_type="application/xml")


@kept(Post.objects.next_change, parameters=["p"])
def part(request: HttpRequest, section: str) -> TemplateResponse:
    asked_number(request, "p")  # Django takes other spellings too
    return sitemap(request, dict(SITEMAPS), section=section)


NEWEST = 100  # posts, and issues


@kept(Post.objects.next_change)
def llms(request: HttpRequest) -> HttpResponse:
    """List the newest posts, by the addresses of their Markdown, and the issues; 404 where no assistant is welcome."""
    if Publication.objects.current().crawlers == Publication.Crawlers.NONE:
        raise Http404
    posts = with_renderings(Post.objects.listed(timezone.now())[:NEWEST])
    issues = Issue.objects.archived().defer("introduction", "closing")[:NEWEST]
    context = {"posts": posts, "issues": issues}
    return render(request, "issues/llms.txt", context, content_type="text/markdown; charset=utf-8")
