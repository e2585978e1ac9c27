"""Actions on one reader, each with an optional reason, and notes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST

from newsletter.desk import permissions
from newsletter.desk.jobs.readers import BULK_ACTIONS, BulkAction
from newsletter.desk.models import Errand
from newsletter.publication import changes
from subscribers import author_actions
from subscribers.addresses import one_line
from subscribers.author_actions import ActionContext, ReaderActionResult, ResultCounts
from subscribers.forms import PAUSE_DAYS_MAX
from subscribers.models import Note, ReaderTag, Subscriber, Suppression
from subscribers.models.consents import REASON_LENGTH
from subscribers.models.notes import LENGTH_MAX
from subscribers.models.tags import TAGS_LENGTH_MAX, split_tags

Kind = Errand.Kind


class ActionReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        label_suffix="",
        max_length=REASON_LENGTH,
        required=False,
        help_text=gettext_lazy("For yourself: it is noted in the story of each reader."),
    )

    def clean_reason(self) -> str:
        return one_line(self.cleaned_data["reason"])

    def options(self) -> dict[str, Any]:
        return self.cleaned_data


class TagForm(ActionReasonForm):
    tag = forms.CharField(
        label=gettext_lazy("Tag"),
        label_suffix="",
        max_length=TAGS_LENGTH_MAX,
        widget=forms.TextInput({"list": "known-tags"}),
    )
    field_order = ("tag", "reason")

    def clean_tag(self) -> str:
        names = split_tags(one_line(self.cleaned_data["tag"]))
        if len(names) != 1:
            raise ValidationError(gettext_lazy("Type one tag, without a comma."))
        return names[0]


class UntagForm(ActionReasonForm):
    tag = forms.ChoiceField(
        label=gettext_lazy("Tag"),
        label_suffix="",
        choices=lambda: [(name, name) for name in ReaderTag.objects.in_use()],
    )
    field_order = ("tag", "reason")


class PauseReadersForm(ActionReasonForm):
    until_on = forms.DateField(
        label=gettext_lazy("Paused until"),
        label_suffix="",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("On this day letters come again."),
        error_messages={"invalid": gettext_lazy("This is not a date. One looks like 2027-01-31.")},
    )
    field_order = ("until_on", "reason")

    def clean_until_on(self) -> date:
        day: date = self.cleaned_data["until_on"]
        if day <= timezone.localdate():
            raise ValidationError(gettext_lazy("Choose a day after today."))
        if day > timezone.localdate() + timedelta(days=PAUSE_DAYS_MAX):
            raise ValidationError(gettext_lazy("A pause lasts a year at most."))
        return day

    def options(self) -> dict[str, Any]:
        until = timezone.make_aware(datetime.combine(self.cleaned_data["until_on"], time()))
        return {"until": until.isoformat(), "reason": self.cleaned_data["reason"]}


class EmptyForm(forms.Form):
    """For an export, which takes no options."""

    def options(self) -> dict[str, Any]:
        return {}


BULK_FORMS: dict[str, type[ActionReasonForm] | type[EmptyForm]] = {
    Kind.TAG: TagForm,
    Kind.UNTAG: UntagForm,
    Kind.PAUSE: PauseReadersForm,
    Kind.UNSUBSCRIBE: ActionReasonForm,
    Kind.SUPPRESS: ActionReasonForm,
    Kind.EXPORT: EmptyForm,
}


LIFTING_ACTIONS = ("lift", "ask_back", "reopen")


class ReaderUntagForm(ActionReasonForm):
    tag = forms.CharField(label=gettext_lazy("Tag"), label_suffix="", widget=forms.Select)
    field_order = ("tag", "reason")


@dataclass(frozen=True)
class ReaderAction:
    """label: of its button. extra_permission: needed beyond changing readers."""

    label: Promise
    form: type[ActionReasonForm]
    perform: BulkAction
    success_message: Promise
    is_grave: bool = False
    extra_permission: str = ""

    @property
    def needed_permissions(self) -> list[str]:
        return [self.extra_permission] if self.extra_permission else []


READER_ACTIONS: Final[dict[str, ReaderAction]] = {
    "tag": ReaderAction(
        gettext_lazy("Give a tag"), TagForm, BULK_ACTIONS[Kind.TAG], gettext_lazy("The reader has the tag now.")
    ),
    "untag": ReaderAction(
        gettext_lazy("Take a tag away"),
        ReaderUntagForm,
        BULK_ACTIONS[Kind.UNTAG],
        gettext_lazy("The tag was taken away."),
    ),
    "pause": ReaderAction(
        pgettext_lazy("a button", "Pause"),
        PauseReadersForm,
        BULK_ACTIONS[Kind.PAUSE],
        gettext_lazy("The reader is paused."),
    ),
    "resume": ReaderAction(
        gettext_lazy("End the pause"),
        ActionReasonForm,
        lambda readers, _options, context: author_actions.resume(readers, context),
        gettext_lazy("The pause has ended: the reader gets the next issue."),
    ),
    "unsubscribe": ReaderAction(
        gettext_lazy("Unsubscribe"),
        ActionReasonForm,
        BULK_ACTIONS[Kind.UNSUBSCRIBE],
        gettext_lazy("The reader was unsubscribed."),
        is_grave=True,
    ),
    "suppress": ReaderAction(
        pgettext_lazy("to one reader", "Never mail again"),
        ActionReasonForm,
        BULK_ACTIONS[Kind.SUPPRESS],
        gettext_lazy("No mail goes to this address any more."),
        is_grave=True,
        extra_permission=permissions.SUPPRESS,
    ),
    "lift": ReaderAction(
        gettext_lazy("Let the address be mailed again"),
        ActionReasonForm,
        lambda readers, _options, context: author_actions.lift_suppression(readers, context),
        gettext_lazy("The address may be mailed again."),
        is_grave=True,
        extra_permission=permissions.LIFT_SUPPRESSION,
    ),
    "ask_back": ReaderAction(
        gettext_lazy("Ask whether they want it again"),
        ActionReasonForm,
        lambda readers, _options, context: author_actions.ask_to_reconfirm(next(iter(readers)), context),
        gettext_lazy("The reader gets one mail with a link to confirm. Nothing else goes to them until they have."),
        extra_permission=permissions.LIFT_SUPPRESSION,
    ),
    "reopen": ReaderAction(
        gettext_lazy("Let them sign up again"),
        ActionReasonForm,
        lambda readers, _options, context: author_actions.allow_signup(next(iter(readers)), context),
        gettext_lazy("Nothing was mailed. The form takes the address again: the reader has to sign up and confirm."),
        extra_permission=permissions.LIFT_SUPPRESSION,
    ),
}
NOT_DONE_TEXTS: Final[dict[ReaderActionResult, Promise]] = {
    ReaderActionResult.ALREADY: gettext_lazy("It was so already; nothing was changed."),
    ReaderActionResult.NO_READER: gettext_lazy("They have not confirmed, or have left; nothing was changed."),
    ReaderActionResult.LONGER: gettext_lazy("They are paused for longer already; nothing was changed."),
    ReaderActionResult.TODAY: gettext_lazy("Three mails went to this mailbox today already; try again tomorrow."),
    ReaderActionResult.FULL: gettext_lazy("They have so many tags that no other fits; nothing was changed."),
}


@dataclass(frozen=True)
class OfferedAction:
    name: str
    action: ReaderAction
    form: ActionReasonForm


def offered_actions(reader: Subscriber, user: Any) -> Iterator[OfferedAction]:
    tags = reader.tag_names
    barred = Suppression.objects.filter(address_hash=reader.address_hash).first()
    way_back = _way_back(barred, reader) if barred else ""
    is_applicable = {
        "tag": True,
        "untag": bool(tags),
        "pause": reader.is_reader,
        "resume": reader.state == Subscriber.State.PAUSED,
        "unsubscribe": reader.state != Subscriber.State.UNSUBSCRIBED,
        "suppress": barred is None,
    } | {name: name == way_back for name in LIFTING_ACTIONS}
    for name, act in READER_ACTIONS.items():
        if is_applicable[name] and user.has_perms(act.needed_permissions):
            form = act.form(auto_id=f"{name}-%s")
            if name == "untag":
                form.fields["tag"].widget.choices = [(tag, tag) for tag in tags]
            yield OfferedAction(name, act, form)


def _way_back(barred: Suppression, reader: Subscriber) -> str:
    """The action that lifts a suppression; "" if there is none. Authors can lift only what they set by hand.

    Everything else ends by the reader's own confirmation; those who complained or left are not even asked for one.
    """
    if barred.reason == Suppression.Reason.MANUAL:
        return "lift"
    if barred.reason == Suppression.Reason.ERASED or barred.reopened_at is not None:
        return ""
    return "ask_back" if barred.reason == Suppression.Reason.BOUNCED and reader.is_reader else "reopen"


@require_POST
def run_action(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    if name not in READER_ACTIONS:
        raise Http404(name)
    permissions.check_permissions(request, *READER_ACTIONS[name].needed_permissions)
    reader = get_object_or_404(Subscriber, pk=pk)
    form = READER_ACTIONS[name].form(request.POST)
    if form.is_valid():
        _report(request, READER_ACTIONS[name], apply_action(reader, READER_ACTIONS[name], form))
    else:
        for error in (error for errors in form.errors.values() for error in errors):
            messages.error(request, _("Nothing was changed: %s") % error)
    return redirect("admin:subscribers_subscriber_change", pk)


def apply_action(reader: Subscriber, act: ReaderAction, form: ActionReasonForm) -> ResultCounts:
    occasion = ActionContext(timezone.now(), by=changes.current_actor().by, reason=form.cleaned_data["reason"])
    with transaction.atomic():
        return act.perform([reader.pk], form.options(), occasion)


def _report(request: HttpRequest, act: ReaderAction, ends: ResultCounts) -> None:
    if ends[ReaderActionResult.DONE]:
        messages.success(request, str(act.success_message))
    else:
        messages.info(request, str(NOT_DONE_TEXTS[next(iter(ends))]))


class NoteForm(forms.Form):
    text = forms.CharField(max_length=LENGTH_MAX, widget=forms.Textarea({"rows": 1}))

    def clean_text(self) -> str:
        """Strip control characters, such as those that change the writing direction."""
        return "\n".join(one_line(line) for line in self.cleaned_data["text"].splitlines())


@require_POST
def write_note(request: HttpRequest, pk: int) -> HttpResponse:
    reader = get_object_or_404(Subscriber, pk=pk)
    form = NoteForm(request.POST)
    if removed := request.POST.get("remove", ""):
        Note.objects.filter(subscriber=reader, pk=removed if removed.isdecimal() else 0).delete()
        messages.success(request, _("The note was removed."))
    elif form.is_valid():
        Note.objects.create(
            subscriber=reader, at=timezone.now(), by=changes.current_actor().by, text=form.cleaned_data["text"]
        )
        messages.success(request, _("The note was written."))
    else:
        messages.error(request, _("A note has words, at most %d characters.") % LENGTH_MAX)
    return redirect("admin:subscribers_subscriber_change", pk)
