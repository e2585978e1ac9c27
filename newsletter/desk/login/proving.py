"""A fresh proof of identity before what cannot be undone: who asks too much of an old session proves who they are.

The proof is asked in answer to the request itself. Its page carries what was typed, and brings it back with the
proof: nothing is lost, nothing is stored, and no script is needed.
"""

from collections.abc import Callable, Iterator
from typing import cast

from django.contrib import admin, messages
from django.contrib.auth import authenticate, logout
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.desk import rights
from newsletter.desk.accounts import attempts, browsers, passkeys, sessions
from newsletter.desk.accounts.sessions import IS_NEW, PROVEN_AT
from newsletter.desk.forms import CodeForm, PasswordForm
from newsletter.operation.accounts import factors
from newsletter.publication.models import Publication

TRIES_MAX = 5  # wrong proofs in a row, after which the session ends
TRIES = "desk_proof_tries"  # in the session
PREFIX = "_proof"  # of the fields of the proof itself, among those that it carries
SENDER = ("sender_name", "sender_email", "reply_to", "bounces_to")


# --- What asks for it ---


def _always(request: HttpRequest) -> bool:
    return not is_fresh(request)


def _when_posted(request: HttpRequest) -> bool:
    return request.method == "POST" and not is_fresh(request)


def _when_sender_changes(request: HttpRequest) -> bool:
    """Ask when a POST changes from whom mails come, or where what comes back goes: not for the postal address."""
    posted, now = request.POST, Publication.objects.current()
    changes = any(name in posted and posted[name].strip() != getattr(now, name) for name in SENDER)
    return changes and not is_fresh(request)


def _when_second_factor_changes(request: HttpRequest) -> bool:
    """Ask when a POST changes whether owners need a second factor."""
    is_needed_now = Publication.objects.current().owners_need_second_factor
    changes = request.method == "POST" and ("owners_need_second_factor" in request.POST) != is_needed_now
    return changes and not is_fresh(request)


def _when_browser_is_new(request: HttpRequest) -> bool:
    """Ask a browser that is new to the account and has not proved since who it is, unless it has just logged in."""
    return request.method == "POST" and bool(request.session.get(IS_NEW)) and not is_fresh(request)


# By the name of the address: what must wait although no right says so. Readers are not among them: see rights.py.
ASKING: dict[str, Callable[[HttpRequest], bool]] = {
    "settings_sender": _when_sender_changes,
    "settings_security": _when_second_factor_changes,
    "password_change": _always,  # when it is opened: passwords would have to be typed again
    "auth_user_start_link": _when_posted,  # the link opens the account, and removes its second factors
    "auth_user_add": _always,
    "issue_send": _when_browser_is_new,
    "issue_correct": _when_browser_is_new,
    "mailing_at_once": _when_browser_is_new,
}
FAMILIES: tuple[tuple[str, str, Callable[[HttpRequest], bool]], ...] = (
    ("", "_delete", _when_posted),
    ("factor_", "", _always),
)


def is_needed(request: HttpRequest) -> bool:
    """Return whether this request must wait for a proof before its view is called."""
    if not is_fresh(request) and any(map(rights.needs_proof, rights.used_by(request))):
        return True
    name = getattr(request.resolver_match, "url_name", None) or ""
    if asks := ASKING.get(name):
        return asks(request)
    family = (asks for begin, end, asks in FAMILIES if name.startswith(begin) and name.endswith(end))
    return any(asks(request) for asks in family)


def is_fresh(request: HttpRequest) -> bool:
    return sessions.is_fresh(request, timezone.now())


def accept(request: HttpRequest) -> None:
    """Count the session as proven from now on, and its browser as no longer new."""
    request.session[PROVEN_AT], request.session[IS_NEW] = timezone.now().timestamp(), False
    request.session.pop(TRIES, None)


# --- Asking ---


def ask(request: HttpRequest, go_on: Callable[[], HttpResponse]) -> HttpResponse:
    """Show the page that asks; once it is answered, do what the request wanted."""
    user = cast("User", request.user)
    form = form_for(user, request)
    if form.is_valid() and is_proven(request, user, form):
        accept(request)
        return _resume(request, go_on)
    if request.session.get(TRIES, 0) >= TRIES_MAX:
        logout(request)
        messages.error(request, _("Too many wrong answers: you were logged out."))
        return redirect("admin:login")
    return _page(request, user, form)


def form_for(user: User, request: HttpRequest) -> Form:
    """Return the form that asks this account: for a code or a passkey, if it has any; else for the password."""
    kind = CodeForm if factors.has_any(user) else PasswordForm
    is_answer = any(name.startswith(f"{PREFIX}-") for name in request.POST)
    return kind(request.POST if is_answer else None, prefix=PREFIX)


def is_proven(request: HttpRequest, user: User, form: Form) -> bool:
    """Return whether the answer is right; count a wrong one, and add an error to the form."""
    typed = form.cleaned_data
    if isinstance(form, PasswordForm):
        return _is_password(request, user, form)
    if typed.get("credential"):
        return _is_passkey(request, user, form)
    return is_code(request, user, form)


def is_code(request: HttpRequest, user: User, form: Form) -> bool:
    """Return whether the typed code is accepted; add an error to the form if not."""
    known = browsers.is_known(request, user)
    try:
        factor = factors.accepts(user, form.cleaned_data["code"], timezone.now(), is_known_browser=known)
    except factors.TooManyFailures:
        form.add_error(None, _("Too many wrong codes. Wait ten minutes, or use a passkey."))
        return False
    except ValidationError as error:
        form.add_error(None, error)
        return False
    if factor:
        form.cleaned_data["factor"] = factor
        return True
    _refuse(request, user)
    form.add_error("code", _("This code is wrong, or was used before. An app shows a new one every 30 seconds."))
    return False


def _is_passkey(request: HttpRequest, user: User, form: Form) -> bool:
    try:
        passkeys.authenticate(user, form.cleaned_data["credential"])
    except passkeys.Refused:
        _refuse(request, user)
        form.add_error(None, _("This passkey does not belong to your account."))
        return False
    return True


def _is_password(request: HttpRequest, user: User, form: Form) -> bool:
    if authenticate(request, username=user.get_username(), password=form.cleaned_data["password"]) == user:
        return True
    request.session[TRIES] = request.session.get(TRIES, 0) + 1
    form.add_error("password", _("This is not your password."))
    return False


def _refuse(request: HttpRequest, user: User) -> None:
    """Count a failure in this session, and among the attempts to get into the desk, which also logs it."""
    request.session[TRIES] = request.session.get(TRIES, 0) + 1
    attempts.record_failure(request, user.get_username(), "code")


# --- What the page carries ---


def _page(request: HttpRequest, user: User, form: Form) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Please prove that it is you"),
        "form": form,
        "carried": list(_carried(request)),
        "files": list(request.FILES),
        "method": request.POST.get(f"{PREFIX}-method", request.method),
        "has_passkey": factors.has_passkey(user) and passkeys.can_be_used(request),
    }
    response = render(request, "desk/proof.html", context, status=403)
    response.headers["Cache-Control"] = "no-store"
    return response


def _carried(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Yield what was typed, to be repeated; passwords are typed again."""
    for name, values in request.POST.lists():
        if not name.startswith(PREFIX) and name != "csrfmiddlewaretoken" and "password" not in name:
            yield from ((name, str(value)) for value in values)


def _resume(request: HttpRequest, go_on: Callable[[], HttpResponse]) -> HttpResponse:
    if request.POST.get(f"{PREFIX}-method") in {"GET", "HEAD"}:
        return redirect(request.get_full_path())
    posted = request.POST.copy()
    for name in [name for name in posted if name.startswith(PREFIX)]:
        del posted[name]
    request.POST = posted  # type: ignore[assignment]  # a QueryDict that was not changed since
    return go_on()
