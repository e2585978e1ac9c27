"""Pages linked in mails to the author: approve, move or skip, cancel, and the calendar. GET changes nothing."""

from collections.abc import Callable, Sequence
from datetime import datetime
from difflib import unified_diff
from functools import cached_property

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery.author import icalendar_feed, reminders
from newsletter.delivery.author.alerts import mailing_by_token
from newsletter.delivery.author.reminder_mails import reminder_by_token
from newsletter.delivery.letter.losses import LOSSES_SHOWN, losses
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning.approving import PlanningError
from newsletter.issues import schedule
from newsletter.issues.models import Issue
from newsletter.limits.public_views import same_origin, secret_url
from newsletter.mail import outbox
from newsletter.mail.views import is_trial_user
from newsletter.publication.changes import Via, acting_as
from newsletter.publication.models import Publication
from subscribers.models import cached_tally
from subscribers.pages.views import invalid_link

LINES_MAX = 60  # changed lines shown

SEND = "issues.send_issue"
ACTIONS: dict[str, Callable[[Reminder, datetime], object]] = {
    "approve": reminders.approve,
    "move": reminders.move,
    "skip": reminders.skip,
}


class CurrentIssue:
    """The issue of a letter as it is now, frozen lazily and once."""

    def __init__(self, reminder: Reminder) -> None:
        self.reminder = reminder

    @property
    def issue(self) -> Issue:
        assert self.reminder.issue is not None  # noqa: S101 - a letter is of an issue
        return self.reminder.issue

    @cached_property
    def letter(self) -> FrozenLetter:
        return freeze(self.issue)

    @cached_property
    def lost(self) -> Sequence[object]:
        """Losses, which must be acknowledged at the desk."""
        return losses(self.issue, self.letter)[:LOSSES_SHOWN]


@secret_url
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def approve(request: HttpRequest, token: str) -> HttpResponse:
    """Show the possible answers to a letter; POST answers, once."""
    reminder = reminder_by_token(token)
    if reminder is None:
        return invalid_link(request)
    if not came_by_mail(request):
        return asked_who_it_is(request)
    now, problem, current = timezone.now(), "", CurrentIssue(reminder)
    act = ACTIONS.get(request.POST.get("do", ""))
    limit = Publication.objects.current().number_typed_above
    asks_number = cached_tally(now).mailable > limit
    if act is reminders.approve and asks_number and not _names_the_issue(request, current.issue):
        problem = _("Type %(number)s, the number of this issue.") % {"number": current.issue.number}
    elif act and _standing(current, now) in {"open", "unshown", "changed"}:
        problem = _answer(request, act, reminder, now)
        current = CurrentIssue(reminder)  # a concurrent edit may be the reason
    standing = _standing(current, now)
    context = {
        "reminder": reminder,
        "issue": reminder.issue,
        "standing": standing,
        "problem": problem,
        "asks_number": asks_number,
        "number_typed_above": f"{limit:,}",
        "wish": request.GET.get("do", ""),
        "week_later": reminders.a_week_later(reminder.slot_at),
        "next_slot": schedule.next_slot(Publication.objects.current(), now),
        "changes": _changes(current) if standing == "changed" else [],
        "lost": current.lost if standing == "unshown" else [],
    }
    return render(request, "delivery/approve.html", context, status=409 if act and not reminder.answer else 200)


def _names_the_issue(request: HttpRequest, issue: Issue) -> bool:
    """Whether the issue's number was typed, which prevents accidental taps on large lists."""
    return request.POST.get("number", "").strip() == str(issue.number)


def came_by_mail(request: HttpRequest) -> bool:
    """Whether the link authenticates its holder. While mail goes to the outbox, others can read it too."""
    is_kept_here = outbox.directory() is not None and not is_trial_user(request)
    return not is_kept_here or request.user.has_perm(SEND)


def asked_who_it_is(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        raise PermissionDenied(SEND)
    return redirect_to_login(request.path, reverse("admin:login"))


def _answer(
    request: HttpRequest, act: Callable[[Reminder, datetime], object], reminder: Reminder, now: datetime
) -> str:
    """Apply the author's answer; return why it is impossible, "" on success."""
    try:
        with acting_as(request.user.get_username(), Via.LETTER), transaction.atomic():
            act(reminder, now)
    except (reminders.IssueChanged, reminders.OffRhythm):
        reminder.refresh_from_db()
    except PlanningError as error:
        reminder.refresh_from_db()
        return str(error)
    return ""


def _standing(current: CurrentIssue, now: datetime) -> str:
    """The state of a letter: "answered", "passed", "settled", "off_rhythm", "changed", "unshown" or "open"."""
    reminder = current.reminder
    if reminder.answer:
        return "answered"
    if reminder.slot_at <= now:
        return "passed"
    if reminders.is_settled(reminder.slot_at) or _is_under_way(reminder):
        return "settled"
    if not reminders.is_slot(reminder.slot_at):
        return "off_rhythm"
    if current.letter.content_hash != reminder.content_hash:
        return "changed"
    return "unshown" if current.lost else "open"


def _is_under_way(reminder: Reminder) -> bool:
    return reminder.issue is not None and reminder.issue.mailings.open().exists()


def _changes(current: CurrentIssue) -> list[tuple[str, str]]:
    """The diff since the letter: ("out" or "in", a line); [] if only its look changed."""
    now = current.letter.text.splitlines()
    lines = list(unified_diff(current.reminder.text.splitlines(), now, lineterm="", n=0))[2:]
    names = {"-": "out", "+": "in"}
    return [(names[line[0]], line[1:]) for line in lines if line[0] in names and line[1:].strip()][:LINES_MAX]


@secret_url
@require_safe
def calendar(request: HttpRequest, token: str) -> HttpResponse:
    publication = Publication.objects.fresh()
    if not icalendar_feed.is_calendar_token(token, publication):
        return invalid_link(request)
    octets = icalendar_feed.calendar(publication, timezone.now())
    return HttpResponse(octets, content_type="text/calendar; charset=utf-8")


@secret_url
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for confirmation; POST cancels the mailing, even if it has begun."""
    mailing = mailing_by_token(token)
    if mailing is None:
        return invalid_link(request)
    if not came_by_mail(request):
        return asked_who_it_is(request)
    is_late = False
    if request.method == "POST":
        with acting_as(request.user.get_username(), Via.LETTER):
            is_late = not mailing.cancel(timezone.now()) and mailing.state != Mailing.State.CANCELLED
    counts = mailing.counts()
    context = {
        "mailing": mailing,
        "issue": mailing.issue,
        "is_open": mailing.state in Mailing.OPEN_STATES,
        "is_cancelled": mailing.state == Mailing.State.CANCELLED,
        "left": counts.sent + counts.uncertain + counts.sending,
    }
    return render(request, "delivery/cancel.html", context, status=409 if is_late else 200)
