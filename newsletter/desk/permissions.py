"""Permissions on the desk: labels, which of them need re-authentication, and the 403 page."""

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

OPEN_DESK, MANAGE_ACCOUNTS = ("open_desk", "manage_accounts")  # not Django permissions: `is_staff`, and owners only
PERMISSION_LABELS: dict[str, Promise | str] = {
    OPEN_DESK: _("open the desk"),
    MANAGE_ACCOUNTS: _("manage accounts and roles"),
    "posts.publish_post": _("publish posts, and work on those of others"),
    "issues.send_issue": _("send issues to readers"),
    "subscribers.see_readers": _("see who the readers are"),
    "subscribers.export_readers": _("take the list of readers away as a file"),
    "publication.see_mail": _("read the mails in the outbox"),
}
VERB_LABELS = {
    "view": _("look at: %(what)s"),
    "add": _("add: %(what)s"),
    "change": _("change: %(what)s"),
    "delete": _("delete: %(what)s"),
}
# They export readers or cannot be undone: each needs re-authentication.
EXPORT_READERS = "subscribers.export_readers"
SUPPRESS, LIFT_SUPPRESSION = "subscribers.add_suppression", "subscribers.delete_suppression"
NEEDING_PROOF = {EXPORT_READERS, SUPPRESS, "api.add_token"}  # a token has its creator's permissions for months
VERBS_NEEDING_PROOF = {"delete", "erase"}  # of permissions, and of the actions of a list
VERB_OF_SCREEN = {"changelist": "view", "history": "view", "add": "add", "change": "change", "delete": "delete"}


class ProofNeeded(Exception):
    """The session needs re-authentication. login.py asks for it, and calls the view again."""


def check_permissions(request: HttpRequest, *permissions: str) -> None:
    """Raise PermissionDenied if one of `permissions` is missing; ProofNeeded if one of them needs re-authentication."""
    if missing := [one for one in permissions if not request.user.has_perm(one)]:
        raise PermissionDenied(missing[0])
    if any(map(needs_proof, permissions)):
        require_fresh_proof(request)


def require_fresh_proof(request: HttpRequest) -> None:
    """Raise ProofNeeded unless the session was authenticated lately. Call it before changing anything."""
    if not sessions.has_fresh_proof(request, timezone.now()):
        raise ProofNeeded


def needs_proof(permission: str) -> bool:
    verb = permission.partition(".")[2].partition("_")[0]
    changes_accounts = permission.startswith("auth.") and verb != "view"
    return permission in NEEDING_PROOF or verb in VERBS_NEEDING_PROOF or changes_accounts


def requires(*permissions: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Decorate a view that needs all of `permissions`; the navigation reads its attribute `needs`."""

    def guard(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            check_permissions(request, *permissions)
            return view(request, *args, **kwargs)

        guarded.needs = permissions  # type: ignore[attr-defined]
        return guarded

    return guard


def permission_label(permission: str) -> str:
    """For display: "change: posts"."""
    if permission in PERMISSION_LABELS:
        return str(PERMISSION_LABELS[permission])
    room, codename = permission.split(".")
    verb, model = codename.split("_", 1)
    return str(VERB_LABELS[verb]) % {"what": apps.get_model(room, model)._meta.verbose_name_plural}


def forbidden_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The 403 page: for users of the desk with the missing permission, for others Django's own."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return permission_denied(request, exception)
    permission = _named_by(exception) or _asked_by(request)
    is_held = bool(permission) and user.has_perm(permission)  # then the object forbids it, not the account
    context = admin.site.each_context(request) | {
        "title": gettext("This cannot be done") if is_held else gettext("Not for this account"),
        "is_held": is_held,
        "right": permission_label(permission) if permission else "",
        "roles": gettext(", ").join(_roles_with(permission)),
        "is_closed": permission == OPEN_DESK,
    }
    response = render(request, "desk/refused.html", context, status=403)
    add_never_cache_headers(response)
    return response


def _named_by(exception: Exception) -> str:
    """The permission that our own views put into PermissionDenied; Django's carry none."""
    named = str(exception.args[0]) if exception.args else ""
    verb = named.partition(".")[2].partition("_")[0]
    return named if named in PERMISSION_LABELS or verb in VERB_LABELS else ""


def _asked_by(request: HttpRequest) -> str:
    """The permission of a stock admin screen, by its URL name; "" for any other."""
    options, verb = _stock_screen(request)
    if options is None:
        return ""
    room, kind = options.opts.app_label, options.opts.model_name
    return MANAGE_ACCOUNTS if room == "auth" else _narrowest(room, str(kind), verb)


def permissions_used_by(request: HttpRequest) -> list[str]:
    """Permissions that a POST to the stock admin uses: of its screen, and of the list's action."""
    options, verb = _stock_screen(request)
    if options is None or request.method != "POST":
        return []
    verbs = {verb}
    if chosen := request.POST.getlist("action"):  # a list: one select above the rows, one below
        actions = [one.func for name, one in options.get_actions(request).items() if name in chosen]
        verbs |= {one for do in actions for one in getattr(do, "allowed_permissions", ())}
    return [f"{options.opts.app_label}.{one}_{options.opts.model_name}" for one in verbs]


def _stock_screen(request: HttpRequest) -> tuple[Any, str]:
    """The ModelAdmin and the permission's verb of a stock screen; else None, ""."""
    name = (request.resolver_match and request.resolver_match.url_name) or ""
    of_model, _line, screen = name.rpartition("_")
    for model in apps.get_models() if screen in VERB_OF_SCREEN else ():
        if of_model == f"{model._meta.app_label}_{model._meta.model_name}" and admin.site.is_registered(model):
            return admin.site.get_model_admin(model), VERB_OF_SCREEN[screen]
    return None, ""


def _narrowest(room: str, kind: str, verb: str) -> str:
    return "subscribers.see_readers" if room == "subscribers" and verb == "view" else f"{room}.{verb}_{kind}"


def _roles_with(permission: str) -> list[str]:
    if permission == MANAGE_ACCOUNTS:
        return [str(roles.ROLE_LABELS[roles.OWNER])]
    found = sorted(roles.groups_with(permission), key=lambda group: group.name != roles.OWNER)
    return [roles.role_label(group) for group in found]
