"""The history of an issue: what was written, what became of its mailings, and what was answered to its letters."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.mailing import Step
from newsletter.delivery.models.reminders import Reminder
from newsletter.issues.archiving import index_issue
from newsletter.issues.forms import IssueForm
from newsletter.issues.models import Issue
from newsletter.mail.mailers import OUTBOX_NAME
from newsletter.posts.saving import StaleText, is_auto
from newsletter.posts.working import was_logged_lately
from newsletter.publication.audit import AuditedAdmin, Entry, changes_of, keyed, keys_of, newest_first, who
from newsletter.publication.changes import Via


def is_number_fixed(issue: Issue) -> bool:
    """Return whether an issue was approved: its number stands in mails and links."""
    return bool(issue.sent_at or issue.mailings.exists())


def store_words(issue: Issue, seen: int) -> None:
    """Save what was typed; `sent_at` is not the author's. Raises StaleText if the version that was seen is gone."""
    if not Issue.objects.filter(pk=issue.pk, version=seen).update(version=F("version") + 1):
        raise StaleText
    issue.save(update_fields=[*IssueForm.Meta.fields, "updated_at"])


def store_rest(form: IssueForm) -> None:
    """Put in the posts that were ticked, keep the texts that were named, and let the issue be found as it is now."""
    form.add_posts()
    form.keep_texts()
    index_issue(Issue.objects.get(pk=form.instance.pk))  # as it is now: it may have been sent meanwhile


def detail_of(fields: Iterable[str], form: IssueForm, formsets: Iterable[Any], *, is_new: bool) -> dict[str, Any]:
    """Return the detail of a Change; the posts that were ticked or named are shown as put in."""
    put_in, taken_out, arranged = [str(post) for post in form.put_in], [], []
    for formset in () if is_new else formsets:
        put_in = [*(str(item) for item in formset.new_objects), *put_in]
        taken_out += [str(item) for item in formset.deleted_objects]
        arranged += [str(item) for item, _fields in formset.changed_objects]
    words = [name for name in fields if name in IssueForm.Meta.fields]
    found = {"fields": words, "put_in": put_in, "taken_out": taken_out, "arranged": arranged}
    return {name: values for name, values in found.items() if values}


STEP, ANSWER, MISSED = "step", "answer", "missed"  # the sources of a line, beside a change
ANSWERS = {
    Reminder.Answer.MOVED: gettext_lazy("Put off by a week"),
    Reminder.Answer.SKIPPED: gettext_lazy("The slot was skipped"),
}
What = Step.What


class AuditedIssueAdmin(AuditedAdmin):
    """An issue: its own changes with its posts, the steps of its mailings, and its letters, as one list."""

    def construct_change_message(  # type: ignore[override]
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> dict[str, Any]:
        detail = super().construct_change_message(request, form, formsets, add)
        return detail_of(detail.get("fields", []), form, formsets or (), is_new=add)

    # Django gives back the entry, which nobody reads; a save that is not written down has none.
    def log_change(self, request: HttpRequest, obj: Issue, message: Any) -> None:  # type: ignore[override]
        """Write down what happened to posts each time, and that a text goes on saving itself once an hour."""
        is_text = message and set(message) == {"fields"}
        if not (is_text and is_auto(request) and was_logged_lately(obj)):
            super().log_change(request, obj, message)

    def history_of(self, request: HttpRequest, obj: Issue) -> QuerySet[Any]:  # type: ignore[override]
        changes = changes_of(obj)
        if not request.user.has_perm("delivery.view_mailing"):
            return newest_first(changes)
        steps = keyed(Step.objects.filter(mailing__issue=obj), "at", STEP)
        letters = Reminder.objects.filter(issue=obj)
        answers = keyed(letters.filter(answer__in=ANSWERS), "answered_at", ANSWER)
        missed = keyed(letters.filter(kind=Reminder.Kind.MISSED), "at", MISSED)
        return newest_first(changes.union(steps, answers, missed, all=True))

    def entries_of(self, rows: list[tuple[datetime, str, int]]) -> dict[tuple[str, int], Entry]:
        steps = Step.objects.filter(pk__in=keys_of(rows, STEP)).select_related("mailing")
        letters = Reminder.objects.in_bulk([*keys_of(rows, ANSWER), *keys_of(rows, MISSED)])
        found = super().entries_of(rows)
        found |= {(STEP, one.pk): entry_of(one) for one in steps.defer("mailing__html", "mailing__text")}
        found |= {(ANSWER, key): _answered(letters[key]) for key in keys_of(rows, ANSWER)}
        return found | {(MISSED, key): _missed(letters[key]) for key in keys_of(rows, MISSED)}


# --- The words ---


def entries_of(mailing: Mailing) -> list[Entry]:
    return [entry_of(step, mailing) for step in mailing.steps.order_by("-pk")]


def entry_of(step: Step, mailing: Mailing | None = None) -> Entry:
    """Return the line of a step, which links to its mailing, except on the mailing's own page."""
    url = "" if mailing else reverse("admin:mailing", args=[step.mailing_id])
    return Entry(step.at, _verb(step, mailing or step.mailing), who(step.by, step.via), tuple(_details(step)), url)


def _verb(step: Step, mailing: Mailing) -> str:
    is_correction = mailing.kind == Mailing.Kind.CORRECTION
    if step.what == What.APPROVED:
        return _approved(step, is_correction=is_correction)
    if step.what == What.BEGUN:
        return _("Sending of the correction began") if is_correction else _("Sending began")
    if step.what == What.FINISHED:
        return _("Closed: the correction is sent") if is_correction else _("Closed: the issue is sent")
    if step.what in _NUMBERS:
        return _decided(step)
    return str(_VERBS[What(step.what)])


def _approved(step: Step, *, is_correction: bool) -> str:
    if is_correction:
        return _("A correction was scheduled")
    if step.via == Via.LETTER:
        return _("Approved by the link in the letter")
    return _("Goes out without an answer") if step.via == Via.ENGINE else _("Scheduled")


def _decided(step: Step) -> str:
    count = int(step.detail) if step.detail.isdecimal() else 0
    sent = ngettext("%(count)d uncertain copy counted as sent", "%(count)d uncertain copies counted as sent", count)
    again = ngettext("%(count)d uncertain copy to be sent again", "%(count)d uncertain copies to be sent again", count)
    return (sent if step.what == What.COUNTED else again) % {"count": count}


_VERBS = {
    What.AT_ONCE: gettext_lazy("Not waited any longer: to be sent at once"),
    What.MOVED: gettext_lazy("Moved to another time"),
    What.PAUSED: gettext_lazy("Paused"),
    What.RESUMED: gettext_lazy("Resumed"),
    What.REPLACED: gettext_lazy("The text was replaced by the current one"),
    What.SWITCHED: gettext_lazy("Another provider carries the rest"),
    What.BELIEVED: gettext_lazy("Addresses that do not exist were suppressed"),
    What.DOUBTED: gettext_lazy("The mail server was not believed about addresses"),
    What.CANCELLED: gettext_lazy("Cancelled"),
    What.WITHHELD: gettext_lazy("The text was taken out of the public list of changes"),
    What.SHOWN: gettext_lazy("The text was put back into the public list of changes"),
}
_HASHES, _PROVIDERS = {What.APPROVED, What.REPLACED}, {What.BEGUN, What.SWITCHED}
_NUMBERS = {What.COUNTED, What.AGAIN}


def _details(step: Step) -> Iterator[str]:
    if step.send_at:
        yield _("Leaves on %(time)s") % {"time": _words(step.send_at)}
    if step.what in _HASHES:
        yield _("Text %(hash)s") % {"hash": step.detail[:12]}
    elif step.what in _PROVIDERS:
        yield _("Provider: %(name)s") % {"name": provider_in_words(step.detail)}
    elif step.detail and step.what not in _NUMBERS:
        yield step.detail


def provider_in_words(name: str) -> str:
    """Return a provider's name in the ledger as it is shown: that of the outbox means nothing to an author."""
    return _("the outbox: kept on this server, mailed to nobody") if name == OUTBOX_NAME else name


def _answered(letter: Reminder) -> Entry:
    details = [_("Leaves on %(time)s") % {"time": _words(letter.moved_to)}] if letter.moved_to else []
    details += [_("Slot of %(time)s") % {"time": _words(letter.slot_at)}]
    at = letter.answered_at or letter.at
    return Entry(at, str(ANSWERS[Reminder.Answer(letter.answer)]), who("", Via.LETTER), tuple(details))


def _missed(letter: Reminder) -> Entry:
    what = _("Not sent at the slot of %(time)s") % {"time": _words(letter.slot_at)}
    details = (str(letter.get_reason_display()), letter.detail)
    return Entry(letter.at, what, who("", Via.ENGINE), tuple(text for text in details if text))


def _words(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")
