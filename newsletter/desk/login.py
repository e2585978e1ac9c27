"""Login, second factor, and re-authentication before sensitive screens."""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, cast

from allauth.account.internal.flows.login import perform_login
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import REDIRECT_FIELD_NAME, authenticate, logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
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

from newsletter.desk import permissions, tasks
from newsletter.desk.accounts import login_attempts, passkeys, security_alerts, sessions
from newsletter.desk.accounts.sessions import IS_NEW_KEY, PROVEN_AT_KEY, SecondFactorStage
from newsletter.desk.forms import CodeForm, PasswordForm
from newsletter.limits import client_ip, rate_limits
from newsletter.operation.accounts import second_factors
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit

TRIES_MAX = 5  # wrong proofs in a row until the session ends
TRIES_KEY = "desk_proof_tries"  # in the session
PROOF_PREFIX = "_proof"  # distinguishes the proof's fields from those of the original request
SENDER_FIELDS = ("sender_name", "sender_email", "reply_to", "bounces_to")


# --- When re-authentication is needed ---


def _always(request: HttpRequest) -> bool:
    return True


def _when_posted(request: HttpRequest) -> bool:
    return request.method == "POST"


def _when_sender_changes(request: HttpRequest) -> bool:
    """When a POST changes sender or reply addresses; not for the postal address."""
    posted, now = request.POST, Publication.objects.current()
    return any(name in posted and posted[name].strip() != getattr(now, name) for name in SENDER_FIELDS)


def _when_second_factor_changes(request: HttpRequest) -> bool:
    is_needed_now = Publication.objects.current().owners_need_second_factor
    return request.method == "POST" and ("owners_need_second_factor" in request.POST) != is_needed_now


def _when_browser_is_new(request: HttpRequest) -> bool:
    """For a browser that is new to the account and has not proved its user since."""
    return request.method == "POST" and bool(request.session.get(IS_NEW_KEY))


# By URL name: views that need re-authentication although no permission of theirs does. Readers: permissions.py.
PROOF_CONDITIONS: dict[str, Callable[[HttpRequest], bool]] = {
    "settings_sender": _when_sender_changes,
    "settings_security": _when_second_factor_changes,
    "password_change": _always,  # already on GET: typed passwords would be lost
    "settings_mail": _always,  # the same
    "auth_user_start_link": _when_posted,  # the link opens the account, and removes its second factors
    "auth_user_add": _always,
    "issue_send": _when_browser_is_new,
    "issue_correct": _when_browser_is_new,
    "mailing_at_once": _when_browser_is_new,
}
TRASH_VIEWS = {"posts_post_delete", "issues_issue_delete"}  # one press brings back what they take away
PROOF_CONDITIONS_BY_AFFIX: tuple[tuple[str, str, Callable[[HttpRequest], bool]], ...] = (
    ("", "_delete", _when_posted),
    ("factor_", "", _always),
)


def is_proof_needed(request: HttpRequest) -> bool:
    name = getattr(request.resolver_match, "url_name", None) or ""
    if name in TRASH_VIEWS or sessions.has_fresh_proof(request, timezone.now()):
        return False
    if any(map(permissions.needs_proof, permissions.permissions_used_by(request))):
        return True
    if asks := PROOF_CONDITIONS.get(name):
        return asks(request)
    family = (asks for begin, end, asks in PROOF_CONDITIONS_BY_AFFIX if name.startswith(begin) and name.endswith(end))
    return any(asks(request) for asks in family)


def mark_proven(request: HttpRequest) -> None:
    request.session[PROVEN_AT_KEY], request.session[IS_NEW_KEY] = timezone.now().timestamp(), False
    request.session.pop(TRIES_KEY, None)


# --- The proof ---


def ask_for_proof(request: HttpRequest, go_on: Callable[[], HttpResponse]) -> HttpResponse:
    """Show the page for re-authentication; after it succeeds, run the original request."""
    user = cast("User", request.user)
    form = proof_form(user, request)
    if form.is_valid() and is_proven(request, user, form):
        mark_proven(request)
        return _resume(request, go_on)
    if request.session.get(TRIES_KEY, 0) >= TRIES_MAX:
        logout(request)
        messages.error(request, _("Too many wrong answers: you were logged out."))
        return redirect("admin:login")
    return _page(request, user, form)


def proof_form(user: User, request: HttpRequest) -> Form:
    kind = CodeForm if second_factors.has_second_factor(user) else PasswordForm
    is_answer = any(name.startswith(f"{PROOF_PREFIX}-") for name in request.POST)
    return kind(request.POST if is_answer else None, prefix=PROOF_PREFIX)


def is_proven(request: HttpRequest, user: User, form: Form) -> bool:
    """Check the form's proof. A wrong one is counted and adds an error."""
    typed = form.cleaned_data
    if isinstance(form, PasswordForm):
        return _is_password(request, user, form)
    if typed.get("credential"):
        return _is_passkey(request, user, form)
    return is_correct_code(request, user, form)


def is_correct_code(request: HttpRequest, user: User, form: Form) -> bool:
    """Check the typed code. Adds an error if it is wrong."""
    known = login_attempts.is_known_browser(request, user)
    try:
        factor = second_factors.check_code(user, form.cleaned_data["code"], timezone.now(), is_known_browser=known)
    except second_factors.TooManyFailures:
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
    except passkeys.PasskeyRejected:
        _refuse(request, user)
        form.add_error(None, _("This passkey does not belong to your account."))
        return False
    return True


def _is_password(request: HttpRequest, user: User, form: Form) -> bool:
    if authenticate(request, username=user.get_username(), password=form.cleaned_data["password"]) == user:
        return True
    request.session[TRIES_KEY] = request.session.get(TRIES_KEY, 0) + 1
    form.add_error("password", _("This is not your password."))
    return False


def _refuse(request: HttpRequest, user: User) -> None:
    """Count a failure in the session and among failed logins, which are logged."""
    request.session[TRIES_KEY] = request.session.get(TRIES_KEY, 0) + 1
    login_attempts.record_failure(request, user.get_username(), "code")


def _page(request: HttpRequest, user: User, form: Form) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Please prove that it is you"),
        "form": form,
        "carried": list(_carried(request)),
        "files": list(request.FILES),
        "method": request.POST.get(f"{PROOF_PREFIX}-method", request.method),
        "has_passkey": _takes_passkey(request, user),
    }
    response = render(request, "desk/proof.html", context, status=403)
    response.headers["Cache-Control"] = "no-store"
    return response


def _carried(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Fields of the original request to send again, without passwords."""
    for name, values in request.POST.lists():
        if not name.startswith(PROOF_PREFIX) and name != "csrfmiddlewaretoken" and "password" not in name:
            yield from ((name, str(value)) for value in values)


def _resume(request: HttpRequest, go_on: Callable[[], HttpResponse]) -> HttpResponse:
    if request.POST.get(f"{PROOF_PREFIX}-method") in {"GET", "HEAD"}:
        return redirect(request.get_full_path())
    posted = request.POST.copy()
    for name in [name for name in posted if name.startswith(PROOF_PREFIX)]:
        del posted[name]
    request.POST = posted  # type: ignore[assignment]  # a QueryDict that was not changed since
    return go_on()


# URL names that an owner may open before setting up a required second factor.
OPEN_WITHOUT_FACTOR = {
    "account",
    "factor_app",
    "factor_passkey",
    "passkey_creation",
    "passkey_options",
    "logout",
    "jsi18n",
}


# The same for an owner who has not said yet whose newsletter this is.
OPEN_BEFORE_SETUP = {*OPEN_WITHOUT_FACTOR, "setup", "setup_preview"}


def _is_setup_missing(user: User) -> bool:
    return not Publication.objects.current().is_set_up and user.has_perm("publication.change_publication")


def guard_view[V: Callable[..., HttpResponse]](view: V) -> V:
    @wraps(view)
    def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = cast("User", request.user)
        name = getattr(request.resolver_match, "url_name", None)
        if name not in OPEN_WITHOUT_FACTOR and second_factors.is_factor_missing(user):
            return redirect("admin:account")
        if name not in OPEN_BEFORE_SETUP and _is_setup_missing(user):
            return redirect("admin:setup")
        sessions.record_use(request, timezone.now())
        go_on = partial(view, request, *args, **kwargs)
        if is_proof_needed(request):
            return ask_for_proof(request, go_on)
        try:
            return go_on()
        except permissions.ProofNeeded:
            return ask_for_proof(request, go_on)

    return cast("V", guard)


CHALLENGES_MAX, CHALLENGES_SECONDS = 60, 600  # per network: each makes a session row
CHALLENGE_LIVES_SECONDS = 600


# --- Name and password ---


class DeskLogin(LoginView):
    """Django's login, with the second factor before the session begins."""

    authentication_form = AdminAuthenticationForm
    template_name = "admin/login.html"
    next_page = "admin:index"

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        return _enter(self.request, form.get_user(), self.get_success_url(), {})


def login_view(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    wanted = _wanted(request)
    if request.method == "GET" and admin.site.has_permission(request):
        return redirect(wanted)
    context = {
        **admin.site.each_context(request),
        "title": _("Log in"),
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
        REDIRECT_FIELD_NAME: wanted,
        "takes_passkeys": passkeys.are_supported(request),
        **(extra_context or {}),
    }
    return cast("HttpResponse", DeskLogin.as_view(extra_context=context)(request))


def _wanted(request: HttpRequest) -> str:
    """Where to go after the login: only within this site."""
    view = LoginView()
    view.setup(request)
    return view.get_redirect_url() or reverse("admin:index")


def _enter(request: HttpRequest, user: User, wanted: str, state: dict[str, Any]) -> HttpResponse:
    """Start allauth's login stages. Bound to the current password."""
    clear_login(request)
    begun = Login(user=user, redirect_url=wanted, state={"bound_to": user.get_session_auth_hash(), **state})
    return cast("HttpResponse", perform_login(request, begun))


# --- A code or a passkey, behind the password ---


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    stage = _stage(request)
    if stage is None:
        return redirect("admin:login")
    user, form = stage.login.user, CodeForm(request.POST or None)
    if form.is_valid() and is_proven(request, user, form):
        return _finish(request, stage, form)
    if request.session.get(TRIES_KEY, 0) >= TRIES_MAX:
        return _turn_away(request, user)
    context = {"title": _("Second factor"), "form": form, "has_passkey": _takes_passkey(request, user)}
    return render(request, "desk/second_factor.html", {**admin.site.each_context(request), **context})


def _stage(request: HttpRequest) -> Any:
    stage = LoginStageController.enter(request, SecondFactorStage.key)
    user = stage and stage.login.user
    is_good = user and user.is_active and second_factors.has_second_factor(user)
    if not is_good or not constant_time_compare(stage.login.state["bound_to"], user.get_session_auth_hash()):
        clear_login(request)
        return None
    return stage


def _takes_passkey(request: HttpRequest, user: User) -> bool:
    return second_factors.has_passkey(user) and passkeys.are_supported(request)


def _turn_away(request: HttpRequest, user: User) -> HttpResponse:
    request.session.flush()
    report_event(request, security_alerts.SecurityEvent.WRONG_CODES, user)
    messages.error(request, _("Too many wrong codes. Log in again."))
    return redirect("admin:login")


def _finish(request: HttpRequest, stage: Any, form: Form) -> HttpResponse:
    """Complete the login. The browser counts as known from now on."""
    response: HttpResponse = stage.exit()
    mark_proven(request)
    if form.cleaned_data.get("factor") == Authenticator.Type.RECOVERY_CODES:
        report_event(request, security_alerts.SecurityEvent.CODE_USED, stage.login.user)
    return response


def begin_session(request: HttpRequest, user: User) -> None:
    """Record any login in the list of sessions; alert the owner if the browser is new."""
    if sessions.record_login(request, user, timezone.now()):
        report_event(request, security_alerts.SecurityEvent.NEW_BROWSER, user)


def report_event(request: HttpRequest, kind: security_alerts.SecurityEvent, user: User, *, addresses: str = "") -> None:
    if facts := security_alerts.record_event(kind, user, request, timezone.now(), addresses=addresses):
        enqueue_on_commit(tasks.tell_account, facts)


@never_cache
@csrf_protect
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """Passkey options: for the current user, for one whose password was right, or for any account."""
    stage = None if request.user.is_authenticated else _stage(request)
    known = request.user if request.user.is_authenticated else stage and stage.login.user
    if not known:
        client = client_ip.client_network(client_ip.client_address(request))
        if rate_limits.count_and_check_limit("passkey", client, limit=CHALLENGES_MAX, seconds=CHALLENGES_SECONDS):
            return JsonResponse({"error": str(_("Too many attempts"))}, status=429)
        request.session.set_expiry(CHALLENGE_LIVES_SECONDS)
    return JsonResponse(passkeys.login_options(known))


@never_cache
@csrf_protect
@require_POST
def log_in_by_passkey(request: HttpRequest) -> HttpResponse:
    """Log in by a passkey with user verification: two factors in one."""
    form = CodeForm(request.POST)
    try:
        passkey = passkeys.authenticate(None, form.cleaned_data.get("credential") if form.is_valid() else None)
    except passkeys.PasskeyRejected:
        passkey = None
    if passkey is None or not (passkey.user.is_active and passkey.user.is_staff):
        messages.error(request, _("This passkey does not open the desk."))
        return redirect("admin:login")
    response = _enter(request, passkey.user, _wanted(request), {"by_passkey": True})
    mark_proven(request)
    return response
