"""Rights on the desk: what each is called, which ask for a fresh proof of identity, and the page that refuses."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.defaults import permission_denied

from newsletter.desk.accounts import sessions
from newsletter.operation.accounts import roles

OPEN_DESK, MANAGE_ACCOUNTS = (
    "open_desk",
    "manage_accounts",
)  # these two are no permissions: `is_staff`, and owners alone
WORDS: dict[str, Promise | str] = {
    OPEN_DESK: _("open the desk"),
    MANAGE_ACCOUNTS: _("manage accounts and roles"),
    "posts.publish_post": _("publish posts, and work on those of others"),
    "issues.send_issue": _("send issues to readers"),
    "subscribers.see_readers": _("see who the readers are"),
    "subscribers.export_readers": _("take the list of readers away as a file"),
    "publication.see_mail": _("read the mails in the outbox"),
}
VERBS = {
    "view": _("look at: %(what)s"),
    "add": _("add: %(what)s"),
    "change": _("change: %(what)s"),
    "delete": _("delete: %(what)s"),
}
# With these, readers leave the building or cannot be had back: each is used only with a fresh proof of identity.
TAKE_READERS, BAR, LIFT = (
    "subscribers.export_readers",
    "subscribers.add_suppression",
    "subscribers.delete_suppression",
)
PROVEN = {TAKE_READERS, BAR, "api.add_token"}  # a token opens what its maker may, for months
PROVEN_VERBS = {"delete", "erase"}  # of permissions, and of the actions of a list
SCREENS = {"changelist": "view", "history": "view", "add": "add", "change": "change", "delete": "delete"}


class ProofNeeded(Exception):
    """The session has proved nothing lately. login.py asks in answer to the request, and then calls the view again."""


def require(request: HttpRequest, *permissions: str) -> None:
    """Refuse somebody who lacks one of `permissions`; ask for a fresh proof where one of them needs it."""
    if missing := [one for one in permissions if not request.user.has_perm(one)]:
        raise PermissionDenied(missing[0])
    if any(map(needs_proof, permissions)):
        prove(request)


def prove(request: HttpRequest) -> None:
    """Raise ProofNeeded unless the session has proved lately who it is. To be called before anything is done."""
    if not sessions.is_fresh(request, timezone.now()):
        raise ProofNeeded


def needs_proof(permission: str) -> bool:
    verb = permission.partition(".")[2].partition("_")[0]
    return permission in PROVEN or verb in PROVEN_VERBS or (permission.startswith("auth.") and verb != "view")


def needs(*permissions: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let only those open a screen who have all of `permissions`; the frame reads them in its attribute `needs`."""

    def guard(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            require(request, *permissions)
            return view(request, *args, **kwargs)

        guarded.needs = permissions  # type: ignore[attr-defined]
        return guarded

    return guard


def words(permission: str) -> str:
    """Return what a permission lets somebody do: "change: posts"."""
    if permission in WORDS:
        return str(WORDS[permission])
    room, codename = permission.split(".")
    verb, model = codename.split("_", 1)
    return str(VERBS[verb]) % {"what": apps.get_model(room, model)._meta.verbose_name_plural}


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403: to a user in the look of the desk, with the right that is missing; to others as ever."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return permission_denied(request, exception)
    permission = _named_by(exception) or _asked_by(request)
    is_held = bool(permission) and user.has_perm(permission)  # then it is about the thing, not about the account
    context = admin.site.each_context(request) | {
        "title": gettext("This cannot be done") if is_held else gettext("Not for this account"),
        "is_held": is_held,
        "right": words(permission) if permission else "",
        "roles": gettext(", ").join(_roles_with(permission)),
        "is_closed": permission == OPEN_DESK,
    }
    response = render(request, "desk/refused.html", context, status=403)
    add_never_cache_headers(response)
    return response


def _named_by(exception: Exception) -> str:
    """Return the permission that one of our own screens has asked for; Django's name none."""
    named = str(exception.args[0]) if exception.args else ""
    verb = named.partition(".")[2].partition("_")[0]
    return named if named in WORDS or verb in VERBS else ""


def _asked_by(request: HttpRequest) -> str:
    """Return the permission that a screen of the admin asks for, by the name of its address; "" if that is none."""
    options, verb = _stock_screen(request)
    if options is None:
        return ""
    room, kind = options.opts.app_label, options.opts.model_name
    return MANAGE_ACCOUNTS if room == "auth" else _narrowest(room, str(kind), verb)


def used_by(request: HttpRequest) -> list[str]:
    """Return the permissions that a form of the stock admin uses: of its screen, and of the action of a list."""
    options, verb = _stock_screen(request)
    if options is None or request.method != "POST":
        return []
    verbs = {verb}
    if chosen := request.POST.getlist("action"):  # several: there is one above the list, and one below
        actions = [one.func for name, one in options.get_actions(request).items() if name in chosen]
        verbs |= {one for do in actions for one in getattr(do, "allowed_permissions", ())}
    return [f"{options.opts.app_label}.{one}_{options.opts.model_name}" for one in verbs]


def _stock_screen(request: HttpRequest) -> tuple[Any, str]:
    """Return whose screen of the stock admin it is, and the verb of the permission that it asks for; else None, ""."""
    name = (request.resolver_match and request.resolver_match.url_name) or ""
    of_model, _line, screen = name.rpartition("_")
    for model in apps.get_models() if screen in SCREENS else ():
        if of_model == f"{model._meta.app_label}_{model._meta.model_name}" and admin.site.is_registered(model):
            return admin.site.get_model_admin(model), SCREENS[screen]
    return None, ""


def _narrowest(room: str, kind: str, verb: str) -> str:
    return "subscribers.see_readers" if room == "subscribers" and verb == "view" else f"{room}.{verb}_{kind}"


def _roles_with(permission: str) -> list[str]:
    if permission == MANAGE_ACCOUNTS:
        return [str(roles.NAMES[roles.OWNER])]
    found = sorted(roles.including(permission), key=lambda group: group.name != roles.OWNER)
    return [roles.name_of(group) for group in found]
