"""Navigation of the desk: its six sections, the pages of each, and who may open them.

Hides links that would lead to a 403. The views check permissions again: see permissions.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import NoReverseMatch, resolve, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

TODAY, WRITING, ISSUES, READERS, CALENDAR, SETTINGS = "today", "writing", "issues", "readers", "calendar", "settings"
SECTION_LABELS: dict[str, Promise] = {
    TODAY: pgettext_lazy("desk", "Today"),
    WRITING: pgettext_lazy("desk", "Writing"),
    ISSUES: pgettext_lazy("desk", "Issues"),
    READERS: pgettext_lazy("desk", "Readers"),
    CALENDAR: pgettext_lazy("desk", "Calendar"),
    SETTINGS: pgettext_lazy("desk", "Settings"),
}
# Pages of each section; the section links to the first. "app.model" is an admin list, "admin:…" a URL name.
SECTION_PAGES: dict[str, tuple[tuple[str, Promise], ...]] = {
    WRITING: (
        ("posts.post", _("Posts")),
        ("posts.image", _("Pictures")),
        ("posts.tag", _("Tags")),
        ("posts.series", pgettext_lazy("several", "Series")),
        ("posts.pattern", _("Patterns")),
    ),
    ISSUES: (
        ("issues.issue", pgettext_lazy("desk", "Issues")),
        ("issues.startingpoint", _("Where to begin")),
        ("issues.kepttext", _("Kept texts")),
    ),
    READERS: (
        ("subscribers.subscriber", pgettext_lazy("desk", "Readers")),
        ("admin:reader_sentences", _("What readers say")),
        ("admin:reader_growth", _("Growth")),
        ("admin:reader_health", _("List health")),
        ("subscribers.suppression", _("Suppressed addresses")),
    ),
    SETTINGS: (
        ("admin:settings_letter", pgettext_lazy("settings", "The newsletter")),
        ("admin:settings_look", pgettext_lazy("settings", "Look")),
        ("admin:settings_sender", pgettext_lazy("settings", "Sender")),
        ("admin:settings_rhythm", pgettext_lazy("settings", "Rhythm")),
        ("admin:settings_newcomers", pgettext_lazy("settings", "New readers")),
        ("admin:settings_words", pgettext_lazy("settings", "Words")),
        ("auth.user", pgettext_lazy("settings", "Team")),
        ("admin:account", pgettext_lazy("settings", "Security")),
        ("admin:move_in", pgettext_lazy("settings", "Move in")),
        ("admin:settings_feeds", pgettext_lazy("settings", "Robots")),
        ("admin:settings_menu", pgettext_lazy("settings", "Menu")),
        ("posts.redirect", pgettext_lazy("settings", "Old addresses")),
        ("api.token", pgettext_lazy("settings", "API")),
        ("admin:webhooks", pgettext_lazy("settings", "Webhooks")),
        ("admin:settings_record", pgettext_lazy("settings", "Record")),
    ),
}
# Settings that are rarely changed: folded on the overview, and behind one tab.
RARE_PAGES = frozenset(key for key, _label in SECTION_PAGES[SETTINGS][8:])
FEW_PAGES = 6  # fit on a phone; larger sections link to their overview instead
# Pages shown as tabs of another page: by URL name, the page and the tab's label.
PAGE_TABS = {
    "admin:reader_replies": ("admin:reader_sentences", _("Replies")),
    "admin:reader_quotes": ("admin:reader_sentences", _("Quotes")),
}
SECTION_VIEWS = {TODAY: "admin:index", CALENDAR: "admin:calendar", SETTINGS: "admin:settings"}
# Sections of paths whose first part is not a section itself.
SECTION_OF_PATH = {
    "": TODAY,
    "posts": WRITING,
    "posts/redirect": SETTINGS,
    "delivery": ISSUES,
    "subscribers": READERS,
    "restored": ISSUES,
    "account": SETTINGS,
    "password_change": SETTINGS,
    "publication": SETTINGS,
    "auth": SETTINGS,
    "api": SETTINGS,
}


@dataclass(frozen=True)
class NavLink:
    name: str
    label: Promise | str
    url: str
    is_current: bool


def section_links(request: HttpRequest, site: AdminSite) -> list[NavLink]:
    """The sections that the user may open; each links to its first allowed page."""
    current = section_of(request.path, site)
    found = ((name, _url(name, request, site)) for name in SECTION_LABELS)
    return [NavLink(name, SECTION_LABELS[name], url, name == current) for name, url in found if url]


def page_links(section: str, request: HttpRequest, site: AdminSite) -> list[NavLink]:
    here = {request.path, *(reverse(key) for tab, (key, _label) in PAGE_TABS.items() if reverse(tab) == request.path)}
    return [NavLink(key, label, url, url in here) for key, label, url in _pages_under(section, request, site)]


def sibling_links(request: HttpRequest, site: AdminSite) -> list[NavLink]:
    """The pages of the same section; none if there is only one, or the shown page is a subpage."""
    links = page_links(section_of(request.path, site) or "", request, site)
    if len(links) < 2 or not any(link.is_current for link in links):
        return []
    often, rare = split_rare(links)
    more = NavLink("more", _("More"), reverse(SECTION_VIEWS[SETTINGS]) + "#more", is_current=False)
    return [*often, *(link for link in rare if link.is_current), *([more] if rare else [])]


def split_rare(links: list[NavLink]) -> tuple[list[NavLink], list[NavLink]]:
    return [link for link in links if link.name not in RARE_PAGES], [link for link in links if link.name in RARE_PAGES]


def overview_link(request: HttpRequest, site: AdminSite) -> NavLink | None:
    """The section's own overview page; None where it has few pages, or no overview."""
    section = section_of(request.path, site) or ""
    if section not in SECTION_VIEWS or len(sibling_links(request, site)) <= FEW_PAGES:
        return None
    return NavLink(section, SECTION_LABELS[section], _url(section, request, site), is_current=False)


def parent_link(request: HttpRequest, site: AdminSite) -> NavLink | None:
    current = section_of(request.path, site)
    pages = page_links(current or "", request, site)
    if current is None or request.path in {_url(current, request, site), *(page.url for page in pages)}:
        return None
    for tab, (page, label) in PAGE_TABS.items():
        if request.path == reverse(tab) and page in {one.name for one in pages}:
            return None
        if request.path.startswith(reverse(tab)) and may_open(request, tab):
            return NavLink(tab, label, reverse(tab), is_current=False)
    if list_above := next((page for page in pages if request.path.startswith(page.url)), None):
        return list_above
    return NavLink(current, SECTION_LABELS[current], _url(current, request, site), is_current=False)


def section_of(path: str, site: AdminSite) -> str | None:
    """The section of a path; None outside of the desk."""
    root = reverse(f"{site.name}:index")
    if not path.startswith(root):
        return None
    part, _slash, rest = path.removeprefix(root).partition("/")
    app_and_model = f"{part}/{rest.partition('/')[0]}"
    return part if part in SECTION_LABELS else SECTION_OF_PATH.get(app_and_model) or SECTION_OF_PATH.get(part)


def may_open(request: HttpRequest, name: str) -> bool:
    return request.user.has_perms(getattr(resolve(reverse(name)).func, "needs", ()))


def model_admin_of(key: str, site: AdminSite) -> Any:
    """ModelAdmin of "app.model"; None if the model is unknown or not registered."""
    try:
        model = apps.get_model(key)
    except (LookupError, ValueError):
        return None
    return site.get_model_admin(model) if site.is_registered(model) else None


def _url(section: str, request: HttpRequest, site: AdminSite) -> str:
    if section not in SECTION_VIEWS:
        return next((url for _key, _label, url in _pages_under(section, request, site)), "")
    try:
        return reverse(SECTION_VIEWS[section]) if may_open(request, SECTION_VIEWS[section]) else ""
    except NoReverseMatch:  # not registered
        return ""


def _pages_under(section: str, request: HttpRequest, site: AdminSite) -> Iterator[tuple[str, Promise, str]]:
    for key, label in SECTION_PAGES.get(section, ()):
        if options := model_admin_of(key, site):
            if options.has_view_or_change_permission(request):
                yield key, label, reverse(f"{site.name}:{key.replace('.', '_')}_changelist")
        elif may_open(request, key):
            yield key, label, reverse(key)
