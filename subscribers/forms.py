"""What readers type: an address, a name, the end of a pause."""

import re
from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter.mail import tokens
from newsletter.publication.forms import TypedModelForm
from newsletter.publication.models import Publication
from subscribers import origins
from subscribers.addresses import LENGTH_MAX, AddressError, is_throwaway, normalise, one_line, suggested_address
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.tags import TAGS_LENGTH_MAX, joined, split_tags

PERSON_SECONDS = 2  # a person needs longer than this to type an address
STAMP_SECONDS = 24 * 3600  # a page may have been open, or cached, this long
PASS_SECONDS = 1800  # how long the page with the second button, or with the proof of work, may be open
PAUSE_DAYS_MAX = 366
PLACE_MAX = 20  # characters
NAME_MAX = 80  # characters
ADVERTISEMENT = re.compile(r"[/@]|www\.|\w\.\w{2}", re.IGNORECASE)
SIGNED_MAX = 400  # characters of what a form carries signed: an address, a moment and the signature

# Salts of what a form carries signed.
STAMP = "subscribers.stamp"
PERSON = "subscribers.person"
TICKET = "subscribers.ticket"


def stamp(now: datetime) -> str:
    """Return a signed note of when a form was shown."""
    return Signer(salt=STAMP).sign(str(int(now.timestamp())))


def person_pass(email: str, now: datetime) -> str:
    """Return what the second button sends along: the address was asked about, and when."""
    return Signer(salt=PERSON).sign(f"{int(now.timestamp())} {email}")


def waiting_ticket(email: str, now: datetime) -> str:
    """Return what the page of the proof sends along: without a proof the letter may take a place and wait."""
    return Signer(salt=TICKET).sign(f"{int(now.timestamp())} {email}")


class AddressField(forms.CharField):
    """An address in any spelling; cleaned, it is the one spelling that is stored."""

    widget = forms.EmailInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LENGTH_MAX, **kwargs)

    def clean(self, value: Any) -> str:
        try:
            return normalise(str(value or ""))
        except AddressError as error:
            raise ValidationError(str(error)) from error


class SignupForm(forms.Form):
    """The form of `{% signup_form %}`: one field for people, three for machines, and what further pages send along."""

    email = AddressField()
    website = forms.CharField(required=False)  # hidden: only a machine fills it
    place = forms.CharField(required=False)
    stamp = forms.CharField(required=False)
    person = forms.CharField(required=False)
    altcha = forms.CharField(required=False)
    ticket = forms.CharField(required=False)
    came = forms.CharField(required=False)
    name = forms.CharField(required=False)
    invite = forms.CharField(required=False)  # the token of the letter that brought them
    sure = forms.CharField(required=False)  # the address was asked about, and this is the answer

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if Publication.objects.current().refuses_throwaway and is_throwaway(email):
            raise ValidationError(_("Mailboxes at this address soon end. Write one that you keep."))
        return email

    def clean_place(self) -> str:
        return "".join(char for char in self.cleaned_data["place"][:PLACE_MAX] if char.isascii() and char.isalnum())

    @property
    def meant(self) -> str:
        """Return the address that was probably meant, as long as nobody has been asked; "" for a good one."""
        return "" if self.cleaned_data["sure"] else suggested_address(self.cleaned_data["email"])

    def clean_name(self) -> str:
        """Return a name, or "" for an advertisement: anybody may type it beside somebody else's address."""
        name = one_line(self.cleaned_data["name"])[:NAME_MAX]
        return name if Publication.objects.current().asks_name and not ADVERTISEMENT.search(name) else ""

    def clean_invite(self) -> str:
        typed: str = self.cleaned_data["invite"]
        return typed if tokens.number_of(typed) else ""

    def clean_came(self) -> str:
        return origins.joined(self.cleaned_data["came"])

    def is_from_person(self, now: datetime) -> bool:
        age = _age_seconds(_opened(STAMP, self.cleaned_data["stamp"]), now)
        return not self.cleaned_data["website"] and age is not None and PERSON_SECONDS <= age <= STAMP_SECONDS

    def has_pass(self, now: datetime) -> bool:
        return self._carries(PERSON, self.cleaned_data["person"], now)

    def has_ticket(self, now: datetime) -> bool:
        """Return whether its sender was asked for a proof of work, and would rather wait."""
        return self._carries(TICKET, self.cleaned_data["ticket"], now)

    def _carries(self, salt: str, text: str, now: datetime) -> bool:
        shown_at, _space, email = _opened(salt, text).partition(" ")
        age = _age_seconds(shown_at, now)
        return email == self.cleaned_data["email"] and age is not None and 0 <= age <= PASS_SECONDS


class DoorForm(forms.Form):
    """The address of whoever asks for a link to their own data."""

    email = AddressField(label=_("Your e-mail address"))


class NameForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=NAME_MAX, required=False)

    def clean_name(self) -> str:
        return one_line(self.cleaned_data["name"])


class AddressForm(forms.Form):
    """Where a reader's letters shall go from now on."""

    email = AddressField(label=_("Your new address"))

    def __init__(self, *args: Any, subscriber: Subscriber, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subscriber = subscriber

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if address_hash(email) == self.subscriber.address_hash:
            raise ValidationError(_("The letters come to this address already."))
        return email


class TaggedForm(TypedModelForm):
    """A reader whom the author knows: the name, and the tags in one line."""

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
            self.initial["tag_names"] = joined(self.instance.tag_names)

    def clean_name(self) -> str:
        return one_line(self.cleaned_data["name"])

    def clean_tag_names(self) -> list[str]:
        return split_tags(one_line(self.cleaned_data["tag_names"]))


class ReaderForm(TaggedForm):
    """A reader whom the author adds by hand; how they agreed is kept as their consent."""

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
                _("This address is in the list already; those who have left sign up anew themselves.")
            )
        if Suppression.objects.filter(address_hash=known_as).exists():
            raise ValidationError(_("This address must not be mailed: see the suppressed addresses."))
        return email


class SuppressionForm(TypedModelForm):
    """An address that the author wants never to be mailed."""

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


class PauseForm(forms.Form):
    """When a pause ends: in some months, or on a date."""

    CHOICES = [("1", _("for a month")), ("2", _("for two months")), ("3", _("for three months")), ("date", _("until"))]

    length = forms.ChoiceField(choices=CHOICES, initial="1", widget=forms.RadioSelect)
    until_on = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("This is not a date. Write it like 2027-01-31.")},
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        length = data.get("length")
        if length and length != "date":
            data["until_on"] = months_later(self.today, int(length))
        elif "until_on" not in self.errors:
            self._check(data.get("until_on"))
        return data

    def until(self) -> datetime:
        """Return the first moment after the pause: the start of the day on which letters come again, here."""
        return timezone.make_aware(datetime.combine(self.cleaned_data["until_on"], time()))

    def _check(self, day: date | None) -> None:
        if day is None:
            self.add_error("until_on", _("Choose the day on which letters should come again."))
        elif day <= self.today:
            self.add_error("until_on", _("Choose a day after today."))
        elif day > self.today + timedelta(days=PAUSE_DAYS_MAX):
            self.add_error("until_on", _("A pause lasts a year at most. You can also unsubscribe."))


def months_later(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of a shorter month."""
    years, month = divmod(day.month - 1 + months, 12)
    last = monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


def _opened(salt: str, text: str) -> str:
    try:
        return Signer(salt=salt).unsign(text) if len(text) <= SIGNED_MAX else ""
    except BadSignature:
        return ""


def _age_seconds(shown_at: str, now: datetime) -> float | None:
    return now.timestamp() - int(shown_at) if shown_at.isdecimal() else None
