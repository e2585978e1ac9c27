"""The desk's own pages: first start, the home of the admin site, and what machines ask."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery.models import Mailing
from newsletter.desk.accounts import attempts
from newsletter.desk.accounts.alarms import Kind
from newsletter.desk.forms import StartForm
from newsletter.desk.issues import progress
from newsletter.desk.login import entering, proving
from newsletter.issues import rhythm
from newsletter.issues.models import Issue, in_no_issue, not_yet_mailed
from newsletter.operation import diagnosis
from newsletter.operation.accounts import author, factors
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

LEFT_OUT_SHOWN = 4  # posts that no issue has, by their titles

# --- What machines ask ---


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process lives. Asks nothing else: a dead database is no reason to kill it."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether this process can serve; 503 names what is missing."""
    parts = diagnosis.readiness()
    ready = all(answer == "ok" for answer in parts.values())
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


# --- The first start ---


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Let the holder of a one-time link choose name and password; only the POST spends the link."""
    if seconds := attempts.refused(request, None):
        return too_many(request, seconds=seconds)
    user = author.from_link(uid, token)
    if user is None:
        attempts.record_failure(request, None, "start-link")
        return _admin_page(request, "desk/start_spent.html", {"title": _("This link is spent")}, status=410)
    form = StartForm(request.POST or None, instance=user)
    if form.is_valid():
        return _enter(request, user, form)
    context = {"title": _("Your account"), "form": form, "has_second_factor": factors.has_any(user)}
    return _admin_page(request, "desk/start.html", context)


def _enter(request: HttpRequest, user: User, form: StartForm) -> HttpResponse:
    chosen, former = form.cleaned_data, form.initial["email"]
    if not author.take_over(
        user, username=chosen["username"], email=chosen["email"], password=chosen["password1"]
    ):  # another request spent the link a moment ago
        return redirect(request.path)
    if user.last_login:
        addresses = ",".join(filter(None, dict.fromkeys([former, chosen["email"]])))
        entering.tell(request, Kind.TAKEN_OVER, user, addresses=addresses)
    login(request, user)
    proving.accept(request)  # whoever has the link runs the machine, or was given it by who does
    messages.success(request, _("Welcome, %(name)s. This is your desk.") % {"name": user.username})
    return redirect("admin:index")


# --- Attempts to get in ---


def unless_refused[R: HttpResponseBase](
    request: HttpRequest, name: str, view: Callable[[HttpRequest], R]
) -> R | HttpResponse:
    """Ask `view`, unless this is one of too many attempts."""
    seconds = attempts.refused(request, name) if request.method == "POST" else 0
    return too_many(request, seconds=seconds) if seconds else view(request)


def too_many(request: HttpRequest, *, seconds: int) -> HttpResponse:
    """Refuse, right or wrong: a guesser must not learn that the eleventh guess was the password."""
    response = _admin_page(request, "desk/too_many.html", {"title": _("Too many attempts")}, status=429)
    response["Retry-After"] = str(seconds)
    return response


def _admin_page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), **context}, status=status)


# --- The home of the desk ---


def home(user: Any, now: datetime) -> dict[str, Any]:
    """Return what a user sees first, as far as they may: what comes next, what went out, who reads, what is wrong."""
    may = user.has_perm
    home: dict[str, Any] = {}
    if may("issues.view_issue"):
        home |= _next_issue(now)
    if may("delivery.view_mailing"):
        home |= _mailings()
    if may("issues.send_issue") or may("subscribers.see_readers"):
        readers = Subscriber.objects.order_by().values_list("state").annotate(Count("pk"))
        home["readers"] = dict.fromkeys(Subscriber.State.values, 0) | dict(readers)
    if may("publication.change_publication"):
        home["findings"] = diagnosis.for_the_author(now)
    elif may("issues.send_issue"):
        home["findings"] = diagnosis.for_an_editor(now)
    return home


def _next_issue(now: datetime) -> dict[str, Any]:
    issue, slot = Issue.objects.unsent().first(), rhythm.next_slot(Publication.objects.current(), now)
    left_out = in_no_issue(Post.objects.published(now)).only("title", "published_at")
    count = left_out.count()
    return {
        "next_slot": slot,
        "slot_wait": progress.wait_in_words(slot - now),
        "next_issue": issue,
        "next_mailing": issue and issue.mailings.first(),
        "waiting_posts": not_yet_mailed(Post.objects.published(now)).count(),
        "left_out": left_out[:LEFT_OUT_SHOWN],
        "left_out_more": max(0, count - LEFT_OUT_SHOWN),
    }


def _mailings() -> dict[str, Any]:
    """Return what is on its way now, and what was sent last: never what is only planned."""
    mailings = Mailing.objects.select_related("issue").defer("html", "text")
    return {
        "on_their_way": mailings.open().filter(planned_at__isnull=False),
        "latest_mailing": mailings.filter(state=Mailing.State.SENT).order_by("-finished_at").first(),
        "shows_mailing": True,
        "has_archive": Issue.objects.archived().exists(),
    }
