"""The history of an issue: edits, steps of its mailings, answers to reminders, and missed slots."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.mailing import MailingStep
from newsletter.delivery.models.reminders import Reminder
from newsletter.desk.templatetags.calendar_days import long_moment
from newsletter.issues.forms import IssueForm
from newsletter.issues.models import Issue
from newsletter.issues.search import index_issue
from newsletter.mail.mailers import OUTBOX_NAME
from newsletter.posts.json_saves import StaleTextError, is_autosave
from newsletter.posts.storing import was_logged_recently
from newsletter.publication.audit import HistoryEntry, TrashAdmin, actor_text
from newsletter.publication.changes import Via


def is_number_fixed(issue: Issue) -> bool:
    """Whether the issue was ever scheduled or sent: its number is then in mails and links."""
    return bool(issue.sent_at or issue.mailings.exists())


def save_text(issue: Issue, seen_version: int) -> None:
    """Save the form's fields. Raises StaleTextError if the version has changed since `seen_version`."""
    if not Issue.objects.filter(pk=issue.pk, version=seen_version).update(version=F("version") + 1):
        raise StaleTextError
    issue.save(update_fields=[*IssueForm.Meta.fields, "updated_at"])


def save_posts_and_texts(form: IssueForm) -> None:
    form.add_posts()
    form.save_kept_texts()
    index_issue(Issue.objects.get(pk=form.instance.pk))  # reload: it may have been sent meanwhile


def change_detail(fields: Iterable[str], form: IssueForm, formsets: Iterable[Any], *, is_new: bool) -> dict[str, Any]:
    """The detail of a Change. Posts ticked in the form count as added."""
    put_in, taken_out, arranged = [str(post) for post in form.added_posts], [], []
    for formset in () if is_new else formsets:
        put_in = [*(str(item) for item in formset.new_objects), *put_in]
        taken_out += [str(item) for item in formset.deleted_objects]
        arranged += [str(item) for item, _fields in formset.changed_objects]
    texts = [name for name in fields if name in IssueForm.Meta.fields]
    found = {"fields": texts, "put_in": put_in, "taken_out": taken_out, "arranged": arranged}
    return {name: values for name, values in found.items() if values}


ANSWER_TEXTS = {
    Reminder.Response.MOVED: gettext_lazy("Put off by a week"),
    Reminder.Response.SKIPPED: gettext_lazy("The slot was skipped"),
}
StepKind = MailingStep.Kind


class AuditedIssueAdmin(TrashAdmin):
    """Shows changes of the issue, steps of its mailings and reminders as one history."""

    def construct_change_message(  # type: ignore[override]
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> dict[str, Any]:
        detail = super().construct_change_message(request, form, formsets, add)
        return change_detail(detail.get("fields", []), form, formsets or (), is_new=add)

    # Unlike Django's method, returns no LogEntry; nobody uses it.
    def log_change(self, request: HttpRequest, obj: Issue, message: Any) -> None:  # type: ignore[override]
        """Log every change, but autosaves of the text at most once an hour."""
        is_text = message and set(message) == {"fields"}
        if not (is_text and is_autosave(request) and was_logged_recently(obj)):
            super().log_change(request, obj, message)

    def history_of(self, request: HttpRequest, obj: Issue) -> list[HistoryEntry]:  # type: ignore[override]  # obj is an Issue here
        changes = super().history_of(request, obj)
        if not request.user.has_perm("delivery.view_mailing"):
            return changes
        steps = MailingStep.objects.filter(mailing__issue=obj).select_related("mailing").order_by("-pk")
        reminders = Reminder.objects.filter(issue=obj)
        return [
            *(step_entry(step) for step in steps.defer("mailing__html", "mailing__text")),
            *(_missed_entry(reminder) for reminder in reminders.filter(kind=Reminder.Kind.MISSED)),
            *changes,
            *(_answer_entry(reminder) for reminder in reminders.filter(answer__in=ANSWER_TEXTS)),
        ]


def mailing_entries(mailing: Mailing) -> list[HistoryEntry]:
    return [step_entry(step, mailing) for step in mailing.steps.order_by("-pk")]


def step_entry(step: MailingStep, mailing: Mailing | None = None) -> HistoryEntry:
    """A history entry; it links to the mailing, except on the mailing's own page."""
    url = "" if mailing else reverse("admin:mailing", args=[step.mailing_id])
    return HistoryEntry(
        step.at, _step_text(step, mailing or step.mailing), actor_text(step.by, step.via), tuple(_details(step)), url
    )


def _step_text(step: MailingStep, mailing: Mailing) -> str:
    is_correction = mailing.kind == Mailing.Kind.CORRECTION
    if step.what == StepKind.APPROVED:
        return _approval_text(step, is_correction=is_correction)
    if step.what == StepKind.BEGUN:
        return _("Sending of the correction began") if is_correction else _("Sending began")
    if step.what == StepKind.FINISHED:
        return _("Closed: the correction is sent") if is_correction else _("Closed: the issue is sent")
    if step.what in _COUNT_KINDS:
        return _uncertain_text(step)
    return str(_STEP_TEXTS[StepKind(step.what)])


def _approval_text(step: MailingStep, *, is_correction: bool) -> str:
    if is_correction:
        return _("A correction was scheduled")
    if step.via == Via.MAIL_LINK:
        return _("Approved by the link in the letter")
    return _("Goes out without an answer") if step.via == Via.ENGINE else _("Scheduled")


def _uncertain_text(step: MailingStep) -> str:
    count = int(step.detail) if step.detail.isdecimal() else 0
    sent = ngettext("%(count)d uncertain copy counted as sent", "%(count)d uncertain copies counted as sent", count)
    again = ngettext("%(count)d uncertain copy to be sent again", "%(count)d uncertain copies to be sent again", count)
    return (sent if step.what == StepKind.COUNTED_AS_SENT else again) % {"count": count}


_STEP_TEXTS = {
    StepKind.AT_ONCE: gettext_lazy("Not waited any longer: to be sent at once"),
    StepKind.MOVED: gettext_lazy("Moved to another time"),
    StepKind.PAUSED: gettext_lazy("Paused"),
    StepKind.RESUMED: gettext_lazy("Resumed"),
    StepKind.REPLACED: gettext_lazy("The text was replaced by the current one"),
    StepKind.SWITCHED: gettext_lazy("Another provider carries the rest"),
    StepKind.REFUSALS_ACCEPTED: gettext_lazy("Addresses that do not exist were suppressed"),
    StepKind.REFUSALS_DOUBTED: gettext_lazy("The mail server was not believed about addresses"),
    StepKind.CANCELLED: gettext_lazy("Cancelled"),
    StepKind.WITHHELD: gettext_lazy("The text was taken out of the public list of changes"),
    StepKind.SHOWN: gettext_lazy("The text was put back into the public list of changes"),
}
_HASH_KINDS, _PROVIDER_KINDS = {StepKind.APPROVED, StepKind.REPLACED}, {StepKind.BEGUN, StepKind.SWITCHED}
_COUNT_KINDS = {StepKind.COUNTED_AS_SENT, StepKind.SEND_AGAIN}


def _details(step: MailingStep) -> Iterator[str]:
    if step.send_at:
        yield _("Leaves on %(time)s") % {"time": long_moment(step.send_at)}
    if step.what in _HASH_KINDS:
        yield _("Text %(hash)s") % {"hash": step.detail[:12]}
    elif step.what in _PROVIDER_KINDS:
        yield _("Provider: %(name)s") % {"name": provider_text(step.detail)}
    elif step.detail and step.what not in _COUNT_KINDS:
        yield step.detail


def provider_text(name: str) -> str:
    return _("the outbox: kept on this server, mailed to nobody") if name == OUTBOX_NAME else name


def _answer_entry(letter: Reminder) -> HistoryEntry:
    details = [_("Leaves on %(time)s") % {"time": long_moment(letter.moved_to)}] if letter.moved_to else []
    details += [_("Slot of %(time)s") % {"time": long_moment(letter.slot_at)}]
    at = letter.answered_at or letter.at
    return HistoryEntry(
        at, str(ANSWER_TEXTS[Reminder.Response(letter.answer)]), actor_text("", Via.MAIL_LINK), tuple(details)
    )


def _missed_entry(letter: Reminder) -> HistoryEntry:
    text = _("Not sent at the slot of %(time)s") % {"time": long_moment(letter.slot_at)}
    details = (str(letter.get_reason_display()), letter.detail)
    return HistoryEntry(letter.at, text, actor_text("", Via.ENGINE), tuple(filter(None, details)))
