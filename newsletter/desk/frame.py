"""The frame of the desk: its six words, the pages under each, and which of them somebody may open.

Nobody is shown a link that would lead them to a refusal. The pages themselves ask again: see rights.py.
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

TODAY, WRITING, ISSUES, READERS, CALENDAR, SETTINGS = (
    *("today", "writing", "issues", "readers", "calendar", "settings"),
)
LABELS: dict[str, Promise] = {
    TODAY: pgettext_lazy("desk", "Today"),
    WRITING: pgettext_lazy("desk", "Writing"),
    ISSUES: pgettext_lazy("desk", "Issues"),
    READERS: pgettext_lazy("desk", "Readers"),
    CALENDAR: pgettext_lazy("desk", "Calendar"),
    SETTINGS: pgettext_lazy("desk", "Settings"),
}
# The pages that stand side by side under a word, the first of them where the word leads. A page is a list of the
# admin, named by room.model, or a screen, named by its address.
PAGES: dict[str, tuple[tuple[str, Promise], ...]] = {
    WRITING: (
        ("posts.post", _("Posts")),
        ("posts.image", _("Pictures")),
        ("posts.tag", _("Tags")),
        ("posts.pattern", _("Patterns")),
    ),
    ISSUES: (
        ("issues.issue", pgettext_lazy("desk", "Issues")),
        ("delivery.mailing", _("Mailings")),
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
        ("admin:settings_feeds", pgettext_lazy("settings", "Robots")),
        ("posts.redirect", pgettext_lazy("settings", "Old addresses")),
        ("admin:move_in", pgettext_lazy("settings", "Move in")),
        ("auth.user", pgettext_lazy("settings", "Team")),
        ("api.token", pgettext_lazy("settings", "API")),
        ("admin:webhooks", pgettext_lazy("settings", "Webhooks")),
        ("admin:account", pgettext_lazy("settings", "Security")),
        ("admin:settings_record", pgettext_lazy("settings", "Record")),
    ),
}
FEW_PAGES = 6  # of them stand in a line of a phone; where there are more, it is led back to the list of them
# Pages that share the link of another one, as tabs on it: by their address, the page and their own name.
TABS = {
    "admin:reader_replies": ("admin:reader_sentences", _("Replies")),
    "admin:reader_quotes": ("admin:reader_sentences", _("Quotes")),
}
SCREENS = {TODAY: "admin:index", CALENDAR: "admin:calendar", SETTINGS: "admin:settings"}
# By the first part of an address of the desk, if it is no word itself: under which word the page stands.
STANDS_UNDER = {
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
class Link:
    """A link of the frame. is_current: the page that is shown stands under it."""

    name: str
    label: Promise | str
    url: str
    is_current: bool


def words(request: HttpRequest, site: AdminSite) -> list[Link]:
    """Return the words that the user may open, each leading to the first of its pages that they may open."""
    current = word_of(request.path, site)
    found = ((name, _address(name, request, site)) for name in LABELS)
    return [Link(name, LABELS[name], url, name == current) for name, url in found if url]


def under(word: str, request: HttpRequest, site: AdminSite) -> list[Link]:
    here = {request.path, *(reverse(key) for tab, (key, _label) in TABS.items() if reverse(tab) == request.path)}
    return [Link(key, label, url, url in here) for key, label, url in _pages_under(word, request, site)]


def beside(request: HttpRequest, site: AdminSite) -> list[Link]:
    """Return the pages that stand beside the one that is shown; none if it stands alone, or below one of them."""
    links = under(word_of(request.path, site) or "", request, site)
    return links if len(links) > 1 and any(link.is_current for link in links) else []


def overview(request: HttpRequest, site: AdminSite) -> Link | None:
    """Return the page that lists those beside the one that is shown; None where they are few, or nothing lists them."""
    word = word_of(request.path, site) or ""
    if word not in SCREENS or len(beside(request, site)) <= FEW_PAGES:
        return None
    return Link(word, LABELS[word], _address(word, request, site), is_current=False)


def above(request: HttpRequest, site: AdminSite) -> Link | None:
    """Return the page that the one that is shown leads back to; None where there is none."""
    current = word_of(request.path, site)
    pages = under(current or "", request, site)
    if current is None or request.path in {_address(current, request, site), *(page.url for page in pages)}:
        return None
    for tab, (page, label) in TABS.items():
        if request.path == reverse(tab) and page in {one.name for one in pages}:
            return None
        if request.path.startswith(reverse(tab)) and may_open(request, tab):
            return Link(tab, label, reverse(tab), is_current=False)
    if list_above := next((page for page in pages if request.path.startswith(page.url)), None):
        return list_above
    return Link(current, LABELS[current], _address(current, request, site), is_current=False)


def word_of(path: str, site: AdminSite) -> str | None:
    """Return the name of the word under which an address stands; None outside of the desk."""
    root = reverse(f"{site.name}:index")
    if not path.startswith(root):
        return None
    part, _slash, rest = path.removeprefix(root).partition("/")
    room = f"{part}/{rest.partition('/')[0]}"
    return part if part in LABELS else STANDS_UNDER.get(room) or STANDS_UNDER.get(part)


def may_open(request: HttpRequest, name: str) -> bool:
    return request.user.has_perms(getattr(resolve(reverse(name)).func, "needs", ()))


def options_of(key: str, site: AdminSite) -> Any:
    """Return the admin of a model, named by room.model; None if it has none, or there is no such model."""
    try:
        model = apps.get_model(key)
    except (LookupError, ValueError):
        return None
    return site.get_model_admin(model) if site.is_registered(model) else None


def _address(word: str, request: HttpRequest, site: AdminSite) -> str:
    if word not in SCREENS:
        return next((url for _key, _label, url in _pages_under(word, request, site)), "")
    try:
        return reverse(SCREENS[word]) if may_open(request, SCREENS[word]) else ""
    except NoReverseMatch:  # no room has this screen yet
        return ""


def _pages_under(word: str, request: HttpRequest, site: AdminSite) -> Iterator[tuple[str, Promise, str]]:
    for key, label in PAGES.get(word, ()):
        if options := options_of(key, site):
            if options.has_view_or_change_permission(request):
                yield key, label, reverse(f"{site.name}:{key.replace('.', '_')}_changelist")
        elif may_open(request, key):
            yield key, label, reverse(key)
