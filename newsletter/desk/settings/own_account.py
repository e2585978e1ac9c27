"""The user's own account: second factors, recovery codes and sessions."""

import base64
from typing import Any, cast

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter.desk.accounts import passkeys, sessions
from newsletter.desk.accounts.security_alerts import SecurityEvent
from newsletter.desk.forms import AuthenticatorAppForm, PasskeyForm
from newsletter.desk.login import report_event
from newsletter.operation.accounts import second_factors

APP_SECRET_SESSION_KEY = "desk_app_secret"  # noqa: S105  # in the session, while an app is being added


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    context = {
        "title": _("Your account"),
        "factors": second_factors.factors_of(user),
        "is_missing": second_factors.is_factor_missing(user),
        "takes_passkeys": passkeys.are_supported(request),
        "sessions": sessions.active_sessions(user, request.session.session_key),
    }
    return _page(request, "desk/account.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, {**admin.site.each_context(request), **context})
    response.headers["Cache-Control"] = "no-store"
    return response


def _codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Show new recovery codes, once."""
    lines = "".join(f"{code}\r\n" for code in codes)
    file = base64.b64encode(lines.encode()).decode("ascii")
    return _page(request, "desk/codes.html", {"title": _("Recovery codes"), "codes": codes, "file": file})


@require_http_methods(["GET", "HEAD", "POST"])
def add_app(request: HttpRequest) -> HttpResponse:
    user, form = cast("User", request.user), AuthenticatorAppForm(request.POST or None)
    if second_factors.factors_of(user).totp:
        return redirect("admin:account")
    secret = request.session.setdefault(APP_SECRET_SESSION_KEY, generate_totp_secret())
    if form.is_valid():
        step = second_factors.time_step_of(secret, form.cleaned_data["code"], timezone.now())
        if step is not None:
            return _add_app(request, user, secret, step)
        form.add_error("code", _("This is not the code of now. Look at the clock of your device: it must be right."))
    adapter = get_adapter()
    address = adapter.build_totp_url(user, secret)
    picture = base64.b64encode(adapter.build_totp_svg(address).encode()).decode("ascii")
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    shown = {"title": _("Add an app"), "form": form, "picture": picture, "secret": spaced, "address": address}
    return _page(request, "desk/factor_app.html", shown)


def _add_app(request: HttpRequest, user: User, secret: str, step: int) -> HttpResponse:
    codes = second_factors.add_totp(user, secret, step)
    del request.session[APP_SECRET_SESSION_KEY]
    return _added(request, user, codes, _("The app is added. From now on a login asks for its code."))


def _added(request: HttpRequest, user: User, codes: list[str], words: str) -> HttpResponse:
    report_event(request, SecurityEvent.FACTOR_ADDED, user)
    messages.success(request, words)
    return _codes(request, codes) if codes else redirect("admin:account")


@require_http_methods(["GET", "HEAD", "POST"])
def add_passkey(request: HttpRequest) -> HttpResponse:
    user, form = cast("User", request.user), PasskeyForm(request.POST or None)
    if form.is_valid():
        try:
            codes = passkeys.register(user, form.cleaned_data["name"], form.cleaned_data["credential"])
        except passkeys.PasskeyRejected:
            form.add_error(None, _("The browser has made no passkey that can be used here. Try it once more."))
        else:
            return _added(request, user, codes, _("The passkey is added. It opens the desk without a password."))
    context = {"title": _("Add a passkey"), "form": form, "takes_passkeys": passkeys.are_supported(request)}
    return _page(request, "desk/factor_passkey.html", context)


@require_POST
def passkey_creation(request: HttpRequest) -> HttpResponse:
    return JsonResponse(passkeys.registration_options(cast("User", request.user)))


@require_http_methods(["GET", "HEAD", "POST"])
def remove_factor(request: HttpRequest, pk: int) -> HttpResponse:
    user = cast("User", request.user)
    mine = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)
    factor = get_object_or_404(mine, pk=pk)
    if request.method == "POST":
        second_factors.remove_factor(factor)
        report_event(request, SecurityEvent.FACTOR_REMOVED, user)
        messages.success(request, _("The second factor is removed."))
        return redirect("admin:account")
    context = {"title": _("Remove a second factor"), "factor": factor, "is_last": mine.count() == 1}
    return _page(request, "desk/factor_remove.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def renew_codes(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    if not second_factors.has_second_factor(user):
        return redirect("admin:account")
    if request.method == "POST":
        codes = second_factors.renew_codes(user)
        report_event(request, SecurityEvent.CODES_RENEWED, user)
        return _codes(request, codes)
    return _page(
        request,
        "desk/factor_codes.html",
        {"title": _("New recovery codes"), "factors": second_factors.factors_of(user)},
    )


@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    user, key = cast("User", request.user), request.session.session_key
    chosen = request.POST.get("session", "")
    if chosen == "others":
        count = sessions.end_others(user, key)
        text = ngettext("%(count)d other session was ended.", "%(count)d other sessions were ended.", count)
        messages.success(request, text % {"count": count})
    elif chosen.isdecimal() and len(chosen) < 19 and sessions.end_session(user, int(chosen)):
        messages.success(request, _("The session was ended."))
    else:
        messages.warning(request, _("This session has ended already."))
    return redirect("admin:account")
