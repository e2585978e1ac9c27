"""Pages linked in mails to the author: approve, move or skip, cancel, and the calendar. GET changes nothing."""

from collections.abc import Callable
from datetime import datetime
from difflib import unified_diff

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
from newsletter.delivery.letter.rendering import FrozenLetter, freeze_letter
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning.approving import PlanningError
from newsletter.issues import schedule
from newsletter.limits.public_views import private_view, same_origin
from newsletter.mail import outbox
from newsletter.mail.views import is_trial_user
from newsletter.publication.changes import Via, acting_as
from newsletter.publication.models import Publication
from subscribers.models import cached_reader_counts
from subscribers.pages.views import invalid_link

DIFF_LINES_MAX = 60  # changed lines shown

SEND_PERMISSION = "issues.send_issue"
ACTIONS: dict[str, Callable[[Reminder, datetime], object]] = {
    "approve": reminders.approve,
    "move": reminders.move,
    "skip": reminders.skip,
}


@private_view
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def answer_reminder(request: HttpRequest, token: str) -> HttpResponse:
    """Show the author's options; POST applies one, once."""
    reminder = reminder_by_token(token)
    if reminder is None:
        return invalid_link(request)
    if not is_link_trusted(request):
        return login_redirect(request)
    assert reminder.issue is not None  # noqa: S101 - a reminder that asks for approval always has an issue
    now, problem, letter = timezone.now(), "", freeze_letter(reminder.issue)
    action, state = ACTIONS.get(request.POST.get("do", "")), _reminder_state(reminder, letter, now)
    limit = Publication.objects.current().number_typed_above
    asks_number = cached_reader_counts(now).mailable > limit
    typed = request.POST.get("number", "").strip()
    if action is reminders.approve and asks_number and typed != str(reminder.issue.number):
        problem = _("Type %(number)s, the number of this issue.") % {"number": reminder.issue.number}
    elif action and state in {"open", "has_losses", "changed"}:
        problem = _apply_answer(request, action, reminder, now)
        letter = freeze_letter(reminder.issue)  # if the answer was refused, a concurrent edit may be why
        state = _reminder_state(reminder, letter, now)
    context = {
        "reminder": reminder,
        "issue": reminder.issue,
        "state": state,
        "problem": problem,
        "asks_number": asks_number,
        "number_typed_above": f"{limit:,}",
        "preselected": request.GET.get("do", ""),
        "week_later": reminders.week_later(reminder.slot_at),
        "next_slot": schedule.next_slot(Publication.objects.current(), now),
        "changes": _diff_lines(reminder.text, letter.text) if state == "changed" else [],
        "losses": losses(reminder.issue, letter)[:LOSSES_SHOWN] if state == "has_losses" else [],
    }
    return render(request, "delivery/approve.html", context, status=409 if action and not reminder.answer else 200)


def is_link_trusted(request: HttpRequest) -> bool:
    """Whether the link alone authenticates. Not while others can read the outbox: then SEND_PERMISSION is needed."""
    is_in_outbox = outbox.directory() is not None and not is_trial_user(request)
    return not is_in_outbox or request.user.has_perm(SEND_PERMISSION)


def login_redirect(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        raise PermissionDenied(SEND_PERMISSION)
    return redirect_to_login(request.path, reverse("admin:login"))


def _apply_answer(
    request: HttpRequest, action: Callable[[Reminder, datetime], object], reminder: Reminder, now: datetime
) -> str:
    """Apply the answer; return a PlanningError's text, else "", also if the issue or the slot has changed."""
    try:
        with acting_as(request.user.get_username(), Via.MAIL_LINK), transaction.atomic():
            action(reminder, now)
    except (reminders.IssueChanged, reminders.NotASlot):
        reminder.refresh_from_db()
    except PlanningError as error:
        reminder.refresh_from_db()
        return str(error)
    return ""


def _reminder_state(reminder: Reminder, letter: FrozenLetter, now: datetime) -> str:
    """One of "answered", "passed", "settled", "off_rhythm", "changed", "has_losses" or "open".

    letter: of the issue as it is now; its losses must be acknowledged at the desk.
    """
    assert reminder.issue is not None  # noqa: S101 - a reminder that asks for approval always has an issue
    if reminder.answer:
        return "answered"
    if reminder.slot_at <= now:
        return "passed"
    if reminders.has_mailing_on_day(reminder.slot_at) or reminder.issue.mailings.open().exists():
        return "settled"
    if not reminders.is_slot(reminder.slot_at):
        return "off_rhythm"
    if letter.content_hash != reminder.content_hash:
        return "changed"
    return "has_losses" if losses(reminder.issue, letter) else "open"


def _diff_lines(before: str, after: str) -> list[tuple[str, str]]:
    """The diff since the reminder was mailed: ("out" or "in", line); empty if only its style changed."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    classes = {"-": "out", "+": "in"}
    return [(classes[line[0]], line[1:]) for line in lines if line[0] in classes and line[1:].strip()][:DIFF_LINES_MAX]


@private_view
@require_safe
def calendar(request: HttpRequest, token: str) -> HttpResponse:
    publication = Publication.objects.fresh()
    if not icalendar_feed.is_calendar_token(token, publication):
        return invalid_link(request)
    feed = icalendar_feed.calendar_bytes(publication, timezone.now())
    return HttpResponse(feed, content_type="text/calendar; charset=utf-8")


@private_view
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for confirmation; POST cancels the mailing, even if it has begun."""
    mailing = mailing_by_token(token)
    if mailing is None:
        return invalid_link(request)
    if not is_link_trusted(request):
        return login_redirect(request)
    is_late = False
    if request.method == "POST":
        with acting_as(request.user.get_username(), Via.MAIL_LINK):
            is_late = not mailing.cancel(timezone.now()) and mailing.state != Mailing.State.CANCELLED
    counts = mailing.counts()
    context = {
        "mailing": mailing,
        "issue": mailing.issue,
        "is_open": mailing.state in Mailing.OPEN_STATES,
        "is_cancelled": mailing.state == Mailing.State.CANCELLED,
        "handed_over_count": counts.sent + counts.uncertain + counts.sending,
    }
    return render(request, "delivery/cancel.html", context, status=409 if is_late else 200)
