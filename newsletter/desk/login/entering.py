"""The way in: name and password, then a code or a passkey; or a passkey alone."""

from typing import Any, cast

from allauth.account.internal.flows.login import perform_login
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from newsletter.desk import tasks
from newsletter.desk.accounts import alarms, passkeys, sessions
from newsletter.desk.accounts.stages import SecondFactorStage
from newsletter.desk.forms import CodeForm
from newsletter.desk.login import proving
from newsletter.operation.accounts import factors
from newsletter.publication import limits
from newsletter.publication.wakeups import wake

TRIES_MAX = 5  # wrong codes behind one password
CHALLENGES_MAX, CHALLENGES_SECONDS = 60, 600  # asked for by one network: each is a row of a session
CHALLENGE_LIVES_SECONDS = 600


# --- Name and password ---


class DeskLogin(LoginView):
    """Django's own, which leads through the second factor before it logs in."""

    authentication_form = AdminAuthenticationForm
    template_name = "admin/login.html"
    next_page = "admin:index"

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        return _enter(self.request, form.get_user(), self.get_success_url(), {})


def log_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Show the form of the desk, or go on with what was typed."""
    wanted = _wanted(request)
    if request.method == "GET" and admin.site.has_permission(request):
        return redirect(wanted)
    context = {
        **admin.site.each_context(request),
        "title": _("Log in"),
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
        REDIRECT_FIELD_NAME: wanted,
        "takes_passkeys": passkeys.can_be_used(request),
        **(extra_context or {}),
    }
    return cast("HttpResponse", DeskLogin.as_view(extra_context=context)(request))


def _wanted(request: HttpRequest) -> str:
    """Return where to go after the login: an address of this site alone."""
    view = LoginView()
    view.setup(request)
    return view.get_redirect_url() or reverse("admin:index")


def _enter(request: HttpRequest, user: User, wanted: str, state: dict[str, Any]) -> HttpResponse:
    """Begin a login, which its stages may interrupt; it is bound to the password of now."""
    clear_login(request)
    begun = Login(user=user, redirect_url=wanted, state={"bound_to": user.get_session_auth_hash(), **state})
    return cast("HttpResponse", perform_login(request, begun))


# --- A code or a passkey, behind the password ---


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of the account whose password was right."""
    stage = _stage(request)
    if stage is None:
        return redirect("admin:login")
    user, form = stage.login.user, CodeForm(request.POST or None)
    if form.is_valid() and proving.is_proven(request, user, form):
        return _leave(request, stage, form)
    if request.session.get(proving.TRIES, 0) >= TRIES_MAX:
        return _turn_away(request, user)
    context = {"title": _("Second factor"), "form": form, "has_passkey": _takes_passkey(request, user)}
    return render(request, "desk/second_factor.html", {**admin.site.each_context(request), **context})


def _stage(request: HttpRequest) -> Any:
    """Return the stage of a login that waits for its second factor; None if there is none, or it is out of date."""
    stage = LoginStageController.enter(request, SecondFactorStage.key)
    user = stage and stage.login.user
    is_good = user and user.is_active and factors.has_any(user)
    if not is_good or not constant_time_compare(stage.login.state["bound_to"], user.get_session_auth_hash()):
        clear_login(request)
        return None
    return stage


def _takes_passkey(request: HttpRequest, user: User) -> bool:
    return factors.has_passkey(user) and passkeys.can_be_used(request)


def _turn_away(request: HttpRequest, user: User) -> HttpResponse:
    """End a login with too many wrong codes: whoever tries on has to give the password again."""
    request.session.flush()
    report(request, alarms.Kind.WRONG_CODES, user)
    messages.error(request, _("Too many wrong codes. Log in again."))
    return redirect("admin:login")


def _leave(request: HttpRequest, stage: Any, form: Form) -> HttpResponse:
    """Log in: two factors were proven, so the browser counts as known from now on."""
    response: HttpResponse = stage.exit()
    proving.accept(request)
    if form.cleaned_data.get("factor") == Authenticator.Type.RECOVERY_CODES:
        report(request, alarms.Kind.CODE_USED, stage.login.user)
    return response


def begin_session(request: HttpRequest, user: User) -> None:
    """Put a login, by whichever way, on the list of sessions; mail the account's owner when the browser is new."""
    if sessions.begin(request, user, timezone.now()):
        report(request, alarms.Kind.NEW_BROWSER, user)


def report(request: HttpRequest, kind: alarms.Kind, user: User, *, addresses: str = "") -> None:
    """Log what happened to an account, and have it mailed to its owner."""
    if facts := alarms.about(kind, user, request, timezone.now(), addresses=addresses):
        wake(tasks.tell_account, facts)


# --- A passkey alone ---


@never_cache
@csrf_protect
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """Return what the browser is to sign: for who is logged in, whose password was right, or anybody."""
    stage = None if request.user.is_authenticated else _stage(request)
    known = request.user if request.user.is_authenticated else stage and stage.login.user
    if not known:
        client = limits.neighbourhood(limits.client_address(request))
        if limits.is_over("passkey", client, limit=CHALLENGES_MAX, seconds=CHALLENGES_SECONDS):
            return JsonResponse({"error": str(_("Too many attempts"))}, status=429)
        request.session.set_expiry(CHALLENGE_LIVES_SECONDS)
    return JsonResponse(passkeys.asked_to_log_in(known))


@never_cache
@csrf_protect
@require_POST
def by_passkey(request: HttpRequest) -> HttpResponse:
    """Log in whoever has signed with a passkey that was asked to make sure of its owner: two factors in one."""
    form = CodeForm(request.POST)
    try:
        passkey = passkeys.authenticate(None, form.cleaned_data.get("credential") if form.is_valid() else None)
    except passkeys.Refused:
        messages.error(request, _("This passkey does not open the desk."))
        return redirect("admin:login")
    user = passkey.user
    if not (user.is_active and user.is_staff):
        messages.error(request, _("This passkey does not open the desk."))
        return redirect("admin:login")
    response = _enter(request, user, _wanted(request), {"by_passkey": True})
    proving.accept(request)
    return response
