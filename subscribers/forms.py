"""Forms of readers (sign-up, name, address, pause) and of the author (readers, suppressions)."""

import re
from datetime import date, datetime, time, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta
from django import forms
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from newsletter.mail import tokens
from newsletter.publication.forms import CleanTextModelForm
from newsletter.publication.models import Publication
from subscribers import origins
from subscribers.addresses import (
    ADDRESS_LENGTH_MAX,
    AddressError,
    display_address,
    is_disposable,
    normalise,
    one_line,
    suggested_address,
)
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.tags import TAGS_LENGTH_MAX, join_tags, split_tags

TYPING_SECONDS_MIN = 2  # a person takes at least this long to type an address
STAMP_SECONDS_MAX = 24 * 3600  # a page may be open, or cached, this long
PASS_SECONDS_MAX = 1800  # the page with the second button, or the proof of work, may be open this long
PAUSE_DAYS_MAX = 366
PLACE_MAX = 20  # characters
NAME_MAX = 80  # characters
ADVERTISEMENT = re.compile(r"[/@]|www\.|\w\.\w{2}", re.IGNORECASE)
SIGNED_MAX = 400  # characters of a signed form field

# Salts of signed form fields.
STAMP_SALT = "subscribers.stamp"
PERSON_SALT = "subscribers.person"  # of the second button


def sign_timestamp(now: datetime) -> str:
    return Signer(salt=STAMP_SALT).sign(str(int(now.timestamp())))


def sign_address(email: str, now: datetime) -> str:
    """The value that the button of a follow-up page sends."""
    return Signer(salt=PERSON_SALT).sign(f"{int(now.timestamp())} {email}")


class AddressField(forms.CharField):
    widget = forms.EmailInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=ADDRESS_LENGTH_MAX, **kwargs)

    def clean(self, value: Any) -> str:
        try:
            return normalise(str(value or ""))
        except AddressError as error:
            raise ValidationError(str(error)) from error


class ReaderAddressForm(forms.Form):
    """An address typed by a reader; one that looks mistyped is asked about before it is used."""

    email = AddressField(label=_("Your e-mail address"))
    sure = forms.CharField(required=False)  # the suggested address was declined

    @property
    def typed(self) -> str:
        """The address as people write it, for the page that answers."""
        return display_address(self.cleaned_data["email"])

    @property
    def suggestion(self) -> str:
        """A corrected address to suggest; "" if there is none or it was declined."""
        return "" if self.cleaned_data["sure"] else suggested_address(self.cleaned_data["email"])


class SignupForm(ReaderAddressForm):
    """The form of `{% signup_form %}`, with the fields that its follow-up pages send along."""

    website = forms.CharField(required=False)  # honeypot: hidden
    place = forms.CharField(required=False)
    stamp = forms.CharField(required=False)
    person = forms.CharField(required=False)
    altcha = forms.CharField(required=False)
    waits = forms.CharField(required=False)  # without a proof of work, the mail may come later instead
    came = forms.CharField(required=False)
    name = forms.CharField(required=False)
    invite = forms.CharField(required=False)  # token of the inviting reader

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if Publication.objects.current().refuses_throwaway and is_disposable(email):
            raise ValidationError(_("Mailboxes at this address soon end. Write one that you keep."))
        return email

    def clean_place(self) -> str:
        return "".join(char for char in self.cleaned_data["place"][:PLACE_MAX] if char.isascii() and char.isalnum())

    def clean_name(self) -> str:
        """The name, or "" if it looks like an advertisement: anybody can sign up a stranger's address with it."""
        name = one_line(self.cleaned_data["name"])[:NAME_MAX]
        return name if Publication.objects.current().asks_name and not ADVERTISEMENT.search(name) else ""

    def clean_invite(self) -> str:
        typed: str = self.cleaned_data["invite"]
        return typed if tokens.unverified_id(typed) else ""

    def clean_came(self) -> str:
        return origins.merge_origins(self.cleaned_data["came"])

    def is_from_person(self, now: datetime) -> bool:
        age = _age_seconds(_unsign(STAMP_SALT, self.cleaned_data["stamp"]), now)
        return not self.cleaned_data["website"] and age is not None and TYPING_SECONDS_MIN <= age <= STAMP_SECONDS_MAX

    def has_pass(self, now: datetime) -> bool:
        shown_at, _space, email = _unsign(PERSON_SALT, self.cleaned_data["person"]).partition(" ")
        age = _age_seconds(shown_at, now)
        return email == self.cleaned_data["email"] and age is not None and 0 <= age <= PASS_SECONDS_MAX


class NameForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=NAME_MAX, required=False)

    def clean_name(self) -> str:
        return one_line(self.cleaned_data["name"])


class AddressForm(ReaderAddressForm):
    email = AddressField(label=_("Your new address"))

    def __init__(self, *args: Any, subscriber: Subscriber, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subscriber = subscriber

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if address_hash(email) == self.subscriber.address_hash:
            raise ValidationError(_("The letters come to this address already."))
        return email


class ReaderChangeForm(CleanTextModelForm):
    tag_names = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=TAGS_LENGTH_MAX,
        help_text=_("Separated by commas."),
        widget=forms.TextInput({"class": "vTextField"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["tag_names"] = join_tags(self.instance.tag_names)

    def clean_name(self) -> str:
        return one_line(self.cleaned_data["name"])

    def clean_tag_names(self) -> list[str]:
        return split_tags(one_line(self.cleaned_data["tag_names"]))


class ReaderAddForm(ReaderChangeForm):
    email = AddressField(label=_("address"))
    consent = forms.CharField(
        label=_("How did this reader agree?"),
        max_length=180,
        help_text=_("For example: by e-mail on 3 March. It is kept as the proof that the law asks for."),
    )

    class Meta:
        model = Subscriber
        fields = ["email", "name"]

    def clean_consent(self) -> str:
        return one_line(self.cleaned_data["consent"])

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        known_as = address_hash(email)
        if Subscriber.objects.filter(address_hash=known_as).exists():
            raise ValidationError(
                _("This address is in the list already; those who have left sign up again themselves.")
            )
        if Suppression.objects.filter(address_hash=known_as).exists():
            raise ValidationError(_("This address must not be mailed: see the suppressed addresses."))
        if (suggestion := suggested_address(email)) and "sure" not in self.data:
            raise ValidationError(self._question(email, suggestion.rpartition("@")[2]))
        return email

    def _question(self, email: str, domain: str) -> SafeString:
        box = format_html(
            '<input type="checkbox" name="sure" value="yes"> {}', _("No, it is %(email)s") % {"email": email}
        )
        return format_html("{} <label>{}</label>", _("Is it %(domain)s?") % {"domain": domain}, box)


class SuppressionForm(CleanTextModelForm):
    email = AddressField(label=_("address"))

    class Meta:
        model = Suppression
        fields = ["email", "reason", "note"]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if Suppression.objects.filter(address_hash=address_hash(email)).exists():
            raise ValidationError(_("This address is suppressed already."))
        return email

    def clean_note(self) -> str:
        return one_line(self.cleaned_data["note"])


class OwnPauseForm(forms.Form):
    CHOICES = [("1", _("for a month")), ("2", _("for two months")), ("3", _("for three months")), ("date", _("until"))]

    length = forms.ChoiceField(choices=CHOICES, initial="1", widget=forms.RadioSelect)
    until_on = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("This is not a date. One looks like 2027-01-31.")},
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        length = data.get("length")
        if length and length != "date":
            data["until_on"] = self.today + relativedelta(months=int(length))
        elif "until_on" not in self.errors:
            self._check(data.get("until_on"))
        return data

    def resume_at(self) -> datetime:
        """The start of the first day after the pause, in the local zone."""
        return timezone.make_aware(datetime.combine(self.cleaned_data["until_on"], time()))

    def _check(self, day: date | None) -> None:
        if day is None:
            self.add_error("until_on", _("Choose the day on which letters should come again."))
        elif day <= self.today:
            self.add_error("until_on", _("Choose a day after today."))
        elif day > self.today + timedelta(days=PAUSE_DAYS_MAX):
            self.add_error("until_on", _("A pause lasts a year at most. You can also unsubscribe."))


def _unsign(salt: str, text: str) -> str:
    try:
        return Signer(salt=salt).unsign(text) if len(text) <= SIGNED_MAX else ""
    except BadSignature:
        return ""


def _age_seconds(shown_at: str, now: datetime) -> float | None:
    return now.timestamp() - int(shown_at) if shown_at.isdecimal() else None
