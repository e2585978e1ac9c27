"""Forms of the first start, of the login and of sending an issue."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.forms import SetPasswordMixin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from newsletter.delivery.letter.losses import Loss, losses_digest
from newsletter.delivery.models import Mailing
from newsletter.desk.accounts import login_attempts
from newsletter.desk.accounts.passkeys import NAME_LENGTH_MAX, RESPONSE_LENGTH_MAX
from newsletter.desk.templatetags.calendar_days import long_moment, short_moment
from newsletter.issues.models import Issue
from newsletter.operation.accounts.second_factors import CODE_LENGTH_MAX
from newsletter.publication.forms import CleanTextForm
from subscribers.addresses import AddressError, normalise

TEST_ADDRESSES_MAX = 5
PASSWORD_LENGTH_MAX = 4096  # characters, as Django's own form for it


class StartForm(SetPasswordMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    password1, password2 = SetPasswordMixin.create_password_fields()

    class Meta:
        model = User
        fields = ("username", "email")
        labels = {"email": _("E-mail address (optional)")}
        help_texts = {"username": _("You log in with it. Readers never see it.")}
        widgets = {
            "username": forms.TextInput(
                attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
            ),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }

    def clean(self) -> dict[str, object] | None:
        self.validate_passwords()
        return super().clean()

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook: from here on the instance has the new name
        self.validate_password_for_user(self.instance)


class OldPasswordForm(AdminPasswordChangeForm):
    """Change of password. Wrong old passwords count as failed logins, so that an open session cannot guess it."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        name, check = self.user.get_username(), partial(self.user.check_password, old)
        if not login_attempts.check_limited(self.request, name, "password-change", check):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class PasskeyResponseField(forms.JSONField):
    """The JSON response of a passkey. Untrusted: its length is checked before it is parsed."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            if len(value or "") <= RESPONSE_LENGTH_MAX:
                return super().to_python(value)
        except RecursionError:  # deeply nested JSON
            pass
        raise ValidationError(_("This is no passkey."))


class CodeForm(forms.Form):
    """A TOTP or recovery code. A script may send a passkey's response in `credential` instead."""

    code = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=CODE_LENGTH_MAX,
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
        help_text=_("The six digits that your app shows now, or one of your recovery codes."),
    )
    credential = PasskeyResponseField(required=False)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if not (cleaned.get("code") or cleaned.get("credential") or self.errors):
            self.add_error("code", _("Write a code."))
        return cleaned


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=PASSWORD_LENGTH_MAX,
        widget=forms.PasswordInput({"autocomplete": "current-password", "autofocus": True}),
    )


class AuthenticatorAppForm(forms.Form):
    code = forms.CharField(
        label=_("Six digits that the app shows"),
        max_length=CODE_LENGTH_MAX,
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class PasskeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the passkey"),
        max_length=NAME_LENGTH_MAX,
        help_text=_("By which you recognise it, such as “telephone” or “blue key”."),
    )
    credential = PasskeyResponseField(required=False)


def mailing_on_same_day(issue: Issue, at: datetime) -> Mailing | None:
    midnight = localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    others = Mailing.objects.filter(kind=Mailing.Kind.ISSUE).exclude(issue=issue)
    alive = others.exclude(state=Mailing.State.CANCELLED).select_related("issue")
    return alive.filter(send_at__gte=midnight, send_at__lt=midnight + timedelta(days=1)).first()


class AcknowledgeLossesForm(forms.Form):
    """Has a checkbox for losses that the author accepts. Its value is the digest of the losses that were shown."""

    acknowledged_digest = forms.CharField(label=_("I have read this. Send it all the same."), required=False)

    def has_accepted(self, lost: Sequence[Loss]) -> bool:
        """Has the author accepted exactly these losses? Adds an error if not."""
        if losses_digest(lost) in {"", self.cleaned_data.get("acknowledged_digest")}:
            return True
        self.add_error(None, _("Readers would not get everything as it was typed. Fix it, or tick the box below."))
        return False


class ScheduleForm(AcknowledgeLossesForm):
    when = forms.ChoiceField(
        choices=[("slot", _("At a slot of the rhythm")), ("at", _("At another time")), ("now", _("Now"))],
        widget=forms.RadioSelect,
    )
    slot = forms.CharField(label=_("Slot"), required=False, widget=forms.Select)
    at = forms.DateTimeField(
        label=_("Date and time"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    anyway = forms.BooleanField(label=_("Send both on one day"), required=False)
    unrehearsed = forms.BooleanField(label=_("Send it without a valid rehearsal"), required=False)
    number = forms.IntegerField(
        label=_("Number of the issue"),
        required=False,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, issue: Issue, slots: list[datetime], earliest_at: datetime, **kwargs: Any) -> None:
        """slots: offered. earliest_at: after the hold."""
        super().__init__(*args, **kwargs)
        self.issue, self.earliest_at = issue, earliest_at
        self.slots = {slot.isoformat(): slot for slot in slots}
        taken = {key: mailing_on_same_day(issue, slot) for key, slot in self.slots.items()}
        self.proposed = next((slot for key, slot in self.slots.items() if not taken[key]), slots[0])
        self.initial = {"when": "slot", "slot": self.proposed.isoformat()}
        widget: Any = self.fields["slot"].widget
        widget.choices = [(key, _slot_label(slot, taken[key])) for key, slot in self.slots.items()]
        self.segment = ""  # as in Mailing
        self.send_at: datetime | None = None  # None means now
        self.neighbour: Mailing | None = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("when") == "slot":
            self.send_at = self._chosen_slot(cleaned)
        elif cleaned.get("when") == "at":
            self.send_at = self._chosen_time(cleaned)
        if not self.errors:
            self._refuse_same_day(cleaned)
        return cleaned

    def has_typed_number(self) -> bool:
        """Has the author typed the number of the issue? Adds an error if not."""
        if self.cleaned_data.get("number") == self.issue.number:
            return True
        text = _("Type %(number)s, the number of this issue.")
        self.add_error("number", ValidationError(text, params={"number": self.issue.number}))
        return False

    def _chosen_slot(self, cleaned: dict[str, Any]) -> datetime | None:
        slot = self.slots.get(cleaned.get("slot", ""))
        if slot is None:
            self.add_error("slot", _("This slot has passed. Choose another one."))
        return slot

    def _chosen_time(self, cleaned: dict[str, Any]) -> datetime | None:
        at: datetime | None = cleaned.get("at")
        if at is None and "at" not in self.errors:
            self.add_error("at", _("Choose a date and a time."))
        elif at is not None and at < self.earliest_at:
            text = _("This is too soon: the first mail can leave at %(time)s.")
            self.add_error("at", ValidationError(text, params={"time": long_moment(self.earliest_at)}))
            return None  # no further checks at an impossible time
        return at

    def _refuse_same_day(self, cleaned: dict[str, Any]) -> None:
        self.neighbour = mailing_on_same_day(self.issue, self.send_at or self.earliest_at)
        if self.neighbour and not cleaned.get("anyway"):
            text = _("%(issue)s leaves on the same day, at %(time)s. Readers would get two issues.")
            facts = {"issue": self.neighbour.issue, "time": long_moment(self.neighbour.send_at)}
            raise ValidationError(text, params=facts)


class CorrectionForm(CleanTextForm, AcknowledgeLossesForm):
    note = forms.CharField(
        label=_("What was wrong?"),
        help_text=_("A sentence or two, in Markdown. Readers see it above the issue."),
        max_length=2000,
        widget=forms.Textarea({"rows": 4}),
    )


class WithholdForm(CleanTextForm, forms.Form):
    wanted = forms.ChoiceField(choices=[("withhold", ""), ("show", "")], widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Why?"),
        help_text=_("It is kept in the history of the issue, with your name. Readers do not see it."),
        max_length=500,
        widget=forms.Textarea({"rows": 3}),
    )


class TestCopyForm(forms.Form):
    addresses = forms.CharField(
        label=_("Your addresses"),
        help_text=_("Several are separated by commas."),
        widget=forms.TextInput({"inputmode": "email", "autocomplete": "email", "autocapitalize": "none"}),
    )

    def clean_addresses(self) -> list[str]:
        typed = self.cleaned_data["addresses"].replace("，", ",").replace("、", ",").replace(";", ",").split(",")
        try:
            found = list(dict.fromkeys(normalise(address) for address in typed if address.strip()))
        except AddressError as error:
            raise ValidationError(str(error)) from error
        if not 1 <= len(found) <= TEST_ADDRESSES_MAX:
            raise ValidationError(_("Between one and %(most)s addresses."), params={"most": TEST_ADDRESSES_MAX})
        return found


def _slot_label(slot: datetime, neighbour: Mailing | None) -> str:
    words = short_moment(slot)
    return f"{words} ({neighbour.issue})" if neighbour else words
