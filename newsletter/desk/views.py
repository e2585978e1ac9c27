"""Pages that are no model's admin: the account by a one-time link, too many attempts, 404, health and metrics."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import login as start_session
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.desk import login
from newsletter.desk.accounts import login_attempts
from newsletter.desk.accounts.security_alerts import SecurityEvent
from newsletter.desk.forms import StartForm
from newsletter.operation import readiness, site_visit
from newsletter.operation.accounts import author, second_factors
from newsletter.operation.metrics import may_read_metrics, metrics_text
from newsletter.posts import redirects
from newsletter.publication.models import Publication


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness only: a database failure is no reason to restart the process."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def site_echo(request: HttpRequest, token: str) -> HttpResponse:
    """Tell the doctor, which visits SITE_URL, what proxies have made of its request."""
    if not site_visit.is_valid(token, timezone.now()):
        raise Http404
    return JsonResponse(site_visit.echo(request, token))


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    parts = readiness.by_part()
    readiness.log_readiness(parts)
    ready = all(answer == "ok" for answer in parts.values())
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus. 404 without permission."""
    if not may_read_metrics(request):
        raise Http404
    text, content_type = metrics_text()
    return HttpResponse(text, content_type=content_type)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For staff under /admin/ with the desk's navigation; otherwise redirects of old URLs, then the public 404."""
    user = getattr(request, "user", None)
    if not request.path.startswith("/admin/") or user is None or not user.is_staff:
        return redirects.page_not_found_or_moved(request, exception)
    context = admin.site.each_context(request) | {"title": _("There is no page here")}
    response = render(request, "desk/missing.html", context, status=HTTPStatus.NOT_FOUND)
    add_never_cache_headers(response)
    return response


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Set name and password by a one-time link; only the POST spends it."""
    if seconds := login_attempts.locked_seconds(request, None):
        return too_many_attempts(request, seconds=seconds)
    user = author.user_of_link(uid, token)
    if user is None:
        login_attempts.record_failure(request, None, "start-link")
        return _admin_page(request, "desk/start_spent.html", {"title": _("This link no longer works")}, status=410)
    form = StartForm(request.POST or None, instance=user)
    if form.is_valid():
        return _enter(request, user, form)
    context = {"title": _("Your account"), "form": form, "has_second_factor": second_factors.has_second_factor(user)}
    return _admin_page(request, "desk/start.html", context)


def _enter(request: HttpRequest, user: User, form: StartForm) -> HttpResponse:
    chosen, former = form.cleaned_data, form.initial["email"]
    if not author.claim_account(
        user, username=chosen["username"], email=chosen["email"], password=chosen["password1"]
    ):  # another request spent the link meanwhile
        return redirect(request.path)
    if user.last_login:
        addresses = ",".join(filter(None, dict.fromkeys([former, chosen["email"]])))
        login.report_event(request, SecurityEvent.ONE_TIME_LINK_USED, user, addresses=addresses)
    start_session(request, user)
    login.mark_proven(request)  # a fresh proof of identity: the link comes from an owner or the server's operator
    if Publication.objects.current().is_set_up:
        messages.success(request, _("Welcome, %(name)s. This is your desk.") % {"name": user.username})
    return redirect("admin:index")


def with_attempt_limit[R: HttpResponseBase](
    request: HttpRequest, username: str, view: Callable[[HttpRequest], R]
) -> R | HttpResponse:
    seconds = login_attempts.locked_seconds(request, username) if request.method == "POST" else 0
    return too_many_attempts(request, seconds=seconds) if seconds else view(request)


def too_many_attempts(request: HttpRequest, *, seconds: int) -> HttpResponse:
    """Refuse without checking: a guesser must not learn that the eleventh guess was right."""
    response = _admin_page(request, "desk/too_many.html", {"title": _("Too many attempts")}, status=429)
    response["Retry-After"] = str(seconds)
    return response


def _admin_page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), **context}, status=status)
