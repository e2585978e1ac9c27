"""Redirects from the URLs of an old site."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.posts.models.posts import Post

PATH_MAX = 300  # characters
PARTS_MAX = 12  # path segments that are matched


def normalise_path(address: str) -> str:
    """Decoded path without trailing slash, plus the query; "" if too long. A final star is kept, for `lookup_paths`."""
    parts = urlsplit(address.strip())
    path = "/" + unquote(parts.path).strip("/")
    path = f"{path}?{parts.query}" if parts.query else path
    return path if len(path) <= PATH_MAX and path.isprintable() else ""


def lookup_paths(path: str, query: str) -> list[str]:
    own = normalise_path(path)
    if not own:
        return []
    parts = own.strip("/").split("/")[:PARTS_MAX] if own != "/" else []
    stars = ["/" + "/".join([*parts[:count], "*"]) for count in range(len(parts), -1, -1)]
    with_query = normalise_path(f"{path}?{query}") if query else ""
    return [form for form in (with_query, own, *stars) if form]


class RedirectQuerySet(models.QuerySet["Redirect"]):
    def add_for_post(self, addresses: Iterable[str], post: Post) -> None:
        """Redirect these old URLs to `post`; existing redirects stay."""
        self._add({address: {"post": post} for address in addresses})

    def add_targets(self, ends: Mapping[str, str]) -> None:
        """Redirect old URLs to other pages, by URL; existing redirects stay."""
        self._add({address: {"target": target} for address, target in ends.items()})

    def _add(self, ends: Mapping[str, Mapping[str, Any]]) -> None:
        new = {path: end for address, end in ends.items() if (path := normalise_path(address)) and path != "/"}
        known = set(self.filter(path__in=new).values_list("path", flat=True))
        rows = [Redirect(path=path, **end) for path, end in new.items() if path not in known]
        self.bulk_create(rows, ignore_conflicts=True)

    def matching(self, path: str, query: str) -> "Redirect | None":
        """The redirect of a request; the longest path wins."""
        forms = lookup_paths(path, query)
        found = {row.path: row for row in self.filter(path__in=forms).select_related("post")} if forms else {}
        return next((found[form] for form in forms if form in found), None)


class Redirect(models.Model):
    """A permanent redirect from an old site's URL to a post or page."""

    path = models.CharField(
        _("old address"),
        max_length=PATH_MAX,
        unique=True,
        help_text=_(
            "Its path, such as /2019/05/my-post or /?p=128. A star at the end stands for all that follows: /blog/*."
        ),
    )
    post = models.ForeignKey(
        Post, verbose_name=_("post"), null=True, blank=True, on_delete=models.CASCADE, related_name="redirects"
    )
    target = models.CharField(
        _("or another page"), max_length=500, blank=True, help_text=_("A path of this site, or a whole web address.")
    )

    objects = RedirectQuerySet.as_manager()

    class Meta:
        ordering = ["path"]
        verbose_name = _("old address")
        verbose_name_plural = _("old addresses")
        constraints = [
            models.CheckConstraint(
                condition=Q(post__isnull=False, target="") | (Q(post__isnull=True) & ~Q(target="")),
                name="an_old_address_has_one_end",
            )
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def end(self) -> str:
        return self.post.get_absolute_url() if self.post else self.target
