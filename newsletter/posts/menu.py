"""The menu of the site: what its entries may lead to.

An entry is {"to": …, "label": …}. `to` is a name of PLACES, a kind and a number (`page:12`), or an address. An empty
label is the name of what it leads to.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.posts.models import Post, Series

type Entry = dict[str, str]
type Choice = tuple[Any, Any]  # of a select: (value, label), or (group name, its choices)

ENTRIES_MAX = 7
LABEL_MAX = 20  # characters: seven fit into two lines of a phone
CHOICES_MAX = 200  # of a kind
_ADDRESS = re.compile(r"(?:https?://[^\s/]|/(?!/))[^\s]{0,500}")
PLACES: dict[str, tuple[Promise, str]] = {
    "issues": (_("Issues"), "issues:archive"),
    "posts": (_("Posts"), "posts:index"),
    "about": (_("About"), "issues:about"),
    "start": (_("Start here"), "issues:start_here"),
}
DEFAULT_ENTRIES: list[Entry] = [{"to": to, "label": ""} for to in ("issues", "posts", "about")]


@dataclass(frozen=True)
class EntryKind:
    """offered: the rows to choose from in the admin. shown: those of them that readers may open."""

    label: Promise
    offered: Callable[[], QuerySet[Any]]
    shown: Callable[[QuerySet[Any], datetime], QuerySet[Any]]


ENTRY_KINDS = {
    "page": EntryKind(pgettext_lazy("menu", "Pages"), Post.objects.pages, lambda pages, now: pages.published(now)),  # type: ignore[attr-defined]  # of PostQuerySet
    "series": EntryKind(pgettext_lazy("several", "series"), Series.objects.all, lambda series, now: series.in_use(now)),  # type: ignore[attr-defined]  # of SeriesQuerySet
}


@dataclass(frozen=True)
class MenuLink:
    label: Promise | str
    url: str


def menu_links(entries: list[Entry], now: datetime) -> list[MenuLink]:
    """The links of a menu; what readers may not open yet is left out."""
    found = {to: MenuLink(label, reverse(name)) for to, (label, name) in PLACES.items()} | _row_links(entries, now)
    outside = {entry["to"]: MenuLink(entry["label"], entry["to"]) for entry in entries if is_address(entry["to"])}
    links = [(entry["label"], (found | outside).get(entry["to"])) for entry in entries or DEFAULT_ENTRIES]
    return [MenuLink(label or link.label, link.url) for label, link in links if link]


def _row_links(entries: list[Entry], now: datetime) -> dict[str, MenuLink]:
    found = {}
    for name, kind in ENTRY_KINDS.items():
        keys = [key for word, _colon, key in (entry["to"].partition(":") for entry in entries) if word == name]
        for row in kind.shown(kind.offered().filter(pk__in=keys), now) if keys else ():
            found[f"{name}:{row.pk}"] = MenuLink(str(row), row.get_absolute_url())
    return found


def is_address(to: str) -> bool:
    """Whether it is a whole address, or a path of this site."""
    return bool(_ADDRESS.fullmatch(to))


def entry_choices() -> list[Choice]:
    """What an entry may lead to, but for addresses, as choices of a select; a kind without rows is left out."""
    rows = [
        (kind.label, [(f"{name}:{row.pk}", str(row)) for row in kind.offered()[:CHOICES_MAX]])
        for name, kind in ENTRY_KINDS.items()
    ]
    return [*((to, label) for to, (label, _url) in PLACES.items()), *((label, group) for label, group in rows if group)]
