"""Forms of the settings pages, and base classes that clean typed text."""

import re
import zoneinfo
from collections.abc import Callable
from datetime import date, timedelta
from importlib import import_module
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise, cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsletter.mail.characters import single_line, without_control_characters
from newsletter.publication import gifts
from newsletter.publication.models import Publication
from newsletter.publication.pictures.icons import square_crop, with_halo
from newsletter.publication.pictures.storages import media, unavailable_message
from newsletter.publication.pictures.uploads import BYTES_MAX, PictureError, prepare_picture
from newsletter.publication.rhythm import (
    DATE_CODES,
    RULE_PATTERN,
    WEEK_LABELS,
    WEEKDAY_OF_CODE,
    RuleKind,
    date_choices,
    split_rule,
)

LOGO_WIDTH_MAX = 640  # pixels: sharp at 320 on a dense screen
HOLD_MINUTES_MAX = 24 * 60
DAYS_MIN, DAYS_MAX = 7, 366
RHYTHM_LABELS = {7: _("Every week"), 14: _("Every two weeks"), 28: _("Every four weeks")}  # offered at the setup
COMMON_COUNTRIES = {
    "TW": _("Taiwan"),
    "HK": _("Hong Kong"),
    "JP": _("Japan"),
    "KR": _("South Korea"),
    "SG": _("Singapore"),
    "MY": _("Malaysia"),
    "US": _("United States"),
    "CA": _("Canada"),
    "GB": _("United Kingdom"),
    "AU": _("Australia"),
    "NZ": _("New Zealand"),
    "DE": _("Germany"),
    "FR": _("France"),
}


ONE_LINE_ATTRIBUTE = "data-one-line"  # marks a growing textarea that holds one line


class CleanTextForm(forms.BaseForm):
    """Removes control characters from all text fields before validation.

    Word and chat programs paste some (U+000B, U+0002), which feeds must not contain. Browsers send CRLF, which does not
    count as a change.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"label_suffix": ""} | kwargs))
        if self.is_bound:
            self.data = self._clean_data()

    def _clean_data(self) -> Any:
        data: Any = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict, or a dict
        for name, field in self.fields.items():
            key = self.add_prefix(name)
            if isinstance(field, forms.CharField) and isinstance(data.get(key), str):
                has_lines = isinstance(field.widget, forms.Textarea) and ONE_LINE_ATTRIBUTE not in field.widget.attrs
                data[key] = _lines(data[key]) if has_lines else single_line(data[key])
        return data

    @cached_property
    def changed_data(self) -> list[str]:
        return [name for name in super().changed_data if not self._is_unchanged(name)]

    def _is_unchanged(self, name: str) -> bool:
        bound = self[name]
        was, typed = bound.initial, bound.data
        return isinstance(was, str) and isinstance(typed, str) and _lines(was).strip() == _lines(typed).strip()


def _lines(text: str) -> str:
    return without_control_characters(text.replace("\r\n", "\n"))


class CleanTextModelForm(CleanTextForm, forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    """The same for model forms."""


COMMON_ZONES: dict[str, Promise] = {
    "Asia/Taipei": _("Taipei"),
    "Asia/Hong_Kong": _("Hong Kong"),
    "Asia/Macau": _("Macau"),
    "Asia/Shanghai": _("Shanghai"),
    "Asia/Singapore": _("Singapore"),
    "Asia/Kuala_Lumpur": _("Kuala Lumpur"),
    "Asia/Tokyo": _("Tokyo"),
    "America/Los_Angeles": _("Los Angeles"),
    "America/New_York": _("New York"),
    "Europe/London": _("London"),
    "Europe/Berlin": _("Berlin"),
    "Australia/Sydney": _("Sydney"),
}


def zone_groups() -> list[tuple[Promise, list[tuple[str, Promise | str]]]]:
    """Choices of all zones; names without a region, such as GB and ROC, are legacy and left out."""
    names = sorted(name for name in zoneinfo.available_timezones() - COMMON_ZONES.keys() if "/" in name)
    others: list[tuple[str, Promise | str]] = [(name, name.replace("_", " ")) for name in names]
    return [(_("Often chosen"), list(COMMON_ZONES.items())), (_("Others"), others)]


class PublicationForm(CleanTextModelForm):
    """Each settings page has a subclass with its fields."""

    class Meta:
        model = Publication
        fields: tuple[str, ...] = ()

    def clean(self) -> dict[str, Any]:
        """Store new files if all fields are valid; a storage error becomes a field error."""
        cleaned = super().clean() or {}
        for name, file in list(cleaned.items()):
            if isinstance(file, ContentFile) and not self.errors:
                try:
                    media.save(str(file.name), file)
                except OSError:
                    self.add_error(name, unavailable_message())
        return cleaned


class NewsletterForm(PublicationForm):
    time_zone = forms.TypedChoiceField(label=_("Time zone"), choices=zone_groups)

    class Meta(PublicationForm.Meta):
        fields = (
            *("name", "promise", "author", "about", "language", "time_zone", "data_place"),
            *("takes_readers", "counts_links"),
        )
        widgets = {"promise": forms.Textarea({"rows": 2}), "about": forms.Textarea({"rows": 8})}


class LookForm(PublicationForm):
    logo = forms.FileField(
        label=_("Logo"),
        required=False,
        widget=forms.ClearableFileInput({"accept": "image/jpeg,image/png,image/gif,image/webp"}),
        help_text=_("JPEG, PNG, GIF or WebP, at most 10 MB; best with a clear background."),
    )
    face = forms.FileField(
        label=_("Your face"),
        required=False,
        widget=forms.ClearableFileInput({"accept": "image/jpeg,image/png,image/gif,image/webp"}),
        help_text=_(
            "A photograph beside your name: at the head of every issue by mail, above a post and on the page about "
            "you. It is cut to a square."
        ),
    )

    class Meta(PublicationForm.Meta):
        fields = (
            *("theme", "accent", "logo", "logo_alt", "face", "face_alt"),
            *("look", "heading_font", "numbered", "signature", "footer"),
        )
        widgets = {
            "theme": forms.RadioSelect({"class": "looks"}),
            "accent": forms.TextInput({"type": "color"}),
            "footer": forms.Textarea({"rows": 2}),
            "signature": forms.Textarea({"rows": 4}),
        }

    def clean_logo(self) -> Any:
        return _prepare_upload(self.cleaned_data["logo"], "logo", with_halo)

    def clean_face(self) -> Any:
        return _prepare_upload(self.cleaned_data["face"], "face", square_crop)


def _prepare_upload(chosen: Any, name: str, change: Callable[[bytes], bytes]) -> Any:
    """Prepare an upload; the former file, or False to clear it, is returned unchanged."""
    if not isinstance(chosen, UploadedFile):
        return chosen
    try:
        drawn = prepare_picture(chosen.read(BYTES_MAX + 1), width_max=LOGO_WIDTH_MAX)
        picture = prepare_picture(change(drawn.data), width_max=LOGO_WIDTH_MAX)
    except PictureError as error:
        raise ValidationError(str(error)) from error
    return ContentFile(picture.data, name=f"{picture.digest}/{picture.file_name(name)}")


class SenderForm(PublicationForm):
    class Meta(PublicationForm.Meta):
        fields = (
            *("sender_name", "sender_email", "reply_to", "postal_address", "bounces_to"),
            *("warm_up_from", "number_typed_above"),
        )
        widgets = {"warm_up_from": forms.DateInput({"type": "date"}, format="%Y-%m-%d")}


class GiftInput(forms.ClearableFileInput):
    """Shows the name, the size and the count of the stored gift, which has no public address."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        file_input = forms.FileInput(self.attrs).render(name, None, attrs)
        return render_to_string("publication/_gift.html", self.get_context(name, value, attrs) | {"input": file_input})


class SignupSettingsForm(PublicationForm):
    gift = forms.FileField(
        label=_("a gift"),
        required=False,
        widget=GiftInput({"accept": ",".join(gifts.GIFT_TYPES)}),
        help_text=_(
            "PDF, EPUB, MP3 or M4A, at most 20 MB. The welcome links to it, for each reader by a link of their own; it "
            "is counted how often it was fetched, not by whom."
        ),
    )

    class Meta(PublicationForm.Meta):
        widgets = {"welcome": forms.Textarea({"rows": 6})}

    def clean_gift(self) -> Any:
        """The new file under the name that it is stored by; the former file, or False to remove it."""
        chosen = self.cleaned_data["gift"]
        if not isinstance(chosen, UploadedFile):
            return chosen
        data = chosen.read(gifts.GIFT_BYTES + 1)
        return ContentFile(data, name=gifts.stored_name(data, chosen.name or ""))

    def clean(self) -> dict[str, Any]:
        """The count begins anew with another gift."""
        cleaned = super().clean()
        new = cleaned.get("gift")
        if isinstance(new, ContentFile) and new.name != self.instance.gift.name:
            self.instance.gift_bytes, self.instance.gift_count = new.size, 0
        return cleaned


def countries() -> list[tuple[Any, Any]]:
    """Choices of countries that the library `holidays` knows, COUNTRIES first."""
    known = import_module("holidays.registry").COUNTRIES.values()  # slow import: see issues/public_holidays.py
    names = {code: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) for name, code, *_more in known}
    others = sorted((code, f"{code} {name}") for code, name in names.items() if code not in COMMON_COUNTRIES)
    return [("", _("no holidays")), *COMMON_COUNTRIES.items(), (_("Others"), others)]


class RuleForm(PublicationForm):
    """How often an issue leaves. `cadence_rule` is chosen as a kind, and cleaned to a rule with its days."""

    cadence_rule = forms.ChoiceField(label=_("how often"), choices=RuleKind.choices, required=False)
    cadence_days = forms.IntegerField(label=_("days between issues"), required=False)
    weekdays = forms.MultipleChoiceField(
        label=_("days of the week"),
        choices=list(WEEKDAY_OF_CODE.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    on_date = forms.ChoiceField(label=_("date of the month"), choices=date_choices, required=False)
    on_second_date = forms.ChoiceField(
        label=_("and on"), choices=lambda: [("", _("no other date")), *date_choices()], required=False
    )
    which = forms.ChoiceField(label=_("which one"), choices=list(WEEK_LABELS.items()), required=False)
    weekday = forms.ChoiceField(label=_("weekday"), choices=list(WEEKDAY_OF_CODE.items()), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rule_before = self.instance.cadence_rule
        kind, days = split_rule(self.rule_before)
        self.initial["cadence_rule"] = kind.value
        if kind == RuleKind.WEEKLY:
            self.initial["weekdays"] = days
        elif kind == RuleKind.DATE:
            self.initial.update(zip(("on_date", "on_second_date"), days, strict=False))
        elif kind == RuleKind.WEEKDAY:
            self.initial.update(which=days[0][:-2], weekday=days[0][-2:])

    @cached_property
    def changed_data(self) -> list[str]:
        """Fields of the model alone, after cleaning: a browser sends the parts of other kinds, too."""
        parts = {"cadence_rule", "weekdays", "on_date", "on_second_date", "which", "weekday"}
        is_new = self.is_bound and self.cleaned_data.get("cadence_rule", "") != self.rule_before
        return ["cadence_rule"] * is_new + [name for name in super().changed_data if name not in parts]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("cadence_rule"):
            self.errors.pop("cadence_days", None)
            cleaned["cadence_days"] = self.instance.cadence_days
            self._clean_rule(cleaned)
        elif not DAYS_MIN <= (cleaned.get("cadence_days") or 0) <= DAYS_MAX:
            message = _("Enter a number from 7 to 366. Every two weeks is 14; for more often, choose days of the week.")
            self.add_error("cadence_days", message)
        return cleaned

    def _clean_rule(self, cleaned: dict[str, Any]) -> None:
        kind = RuleKind(cleaned.pop("cadence_rule"))
        dates = {cleaned.get("on_date"), cleaned.get("on_second_date")}
        days, field, message = {
            RuleKind.WEEKLY: (
                cleaned.get("weekdays", []),
                "weekdays",
                _("Choose one day or more, and leave one free."),
            ),
            RuleKind.DATE: ([date for date in DATE_CODES if date in dates], "on_date", _("Choose a date.")),
            RuleKind.WEEKDAY: ([f"{cleaned.get('which')}{cleaned.get('weekday')}"], "weekday", _("Choose a weekday.")),
        }[kind]
        rule = f"{kind}={','.join(days)}"
        if RULE_PATTERN.fullmatch(rule):
            cleaned["cadence_rule"] = rule
        else:
            self.add_error(field, message)


class CadenceForm(RuleForm):
    holiday_country = forms.ChoiceField(
        label=_("holidays of"),
        choices=countries,
        required=False,
        help_text=_("The calendar shows them, and asks what to do with a slot on one."),
    )

    class Meta(PublicationForm.Meta):
        fields = (
            *("cadence_rule", "cadence_days", "weekdays", "on_date", "on_second_date", "which", "weekday"),
            *("cadence_anchor_on", "cadence_at", "holiday_country"),
            *("hold_minutes", "unapproved", "tells_results"),
        )
        widgets = {
            "cadence_anchor_on": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            "cadence_at": forms.TimeInput({"type": "time"}, format="%H:%M"),
        }

    def clean_hold_minutes(self) -> int:
        minutes: int = self.cleaned_data["hold_minutes"]
        if minutes > HOLD_MINUTES_MAX:
            raise ValidationError(_("At most 1440 minutes, which is a day."))
        return minutes


HOLIDAYS_OF_ZONE = {
    "Asia/Taipei": "TW",
    "Asia/Hong_Kong": "HK",
    "Asia/Singapore": "SG",
    "Asia/Kuala_Lumpur": "MY",
    "Asia/Tokyo": "JP",
    "America/Los_Angeles": "US",
    "America/New_York": "US",
    "Europe/London": "GB",
    "Europe/Berlin": "DE",
    "Australia/Sydney": "AU",
}


class SetupForm(PublicationForm):
    """What is asked before a newsletter begins. Its first slot is the next `weekday`."""

    time_zone = forms.TypedChoiceField(label=_("Time zone"), choices=lambda: [("", _("Choose …")), *zone_groups()])
    cadence_days = forms.TypedChoiceField(
        label=_("How often"), choices=list(RHYTHM_LABELS.items()), coerce=int, initial=14, widget=forms.RadioSelect
    )
    weekday = forms.TypedChoiceField(label=_("Day of the week"), choices=list(WEEKDAYS.items()), coerce=int, initial=1)

    class Meta(PublicationForm.Meta):
        fields = ("name", "author", "promise", "language", "time_zone", "cadence_days", "cadence_at")
        widgets = {
            "name": forms.TextInput({"autocomplete": "off", "autofocus": True}),
            "author": forms.TextInput({"autocomplete": "name"}),
            "promise": forms.Textarea({"rows": 2, ONE_LINE_ATTRIBUTE: True}),
            "cadence_at": forms.TimeInput({"type": "time"}, format="%H:%M"),
        }
        labels = {
            "name": _("Name of the newsletter"),
            "author": _("Your name"),
            "promise": _("One sentence to your readers"),
        }
        help_texts = {"promise": ""}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, example in setup_examples().items():
            self.fields[name].widget.attrs["placeholder"] = example

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "weekday" in cleaned:
            self.instance.cadence_anchor_on = _next_weekday(timezone.localdate(), cleaned["weekday"])
        self.instance.holiday_country = HOLIDAYS_OF_ZONE.get(cleaned.get("time_zone", ""), "")
        return cleaned


def _next_weekday(today: date, weekday: int) -> date:
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def setup_examples() -> dict[str, str]:
    return {
        "name": gettext("The Tuesday Letter"),
        "author": gettext("Anna Miller"),
        "promise": gettext("A letter every two weeks, about building things with other people."),
    }


class WritingForm(PublicationForm):
    checks_off = forms.MultipleChoiceField(
        label=_("What the format check keeps quiet about"),
        required=False,
        choices=Publication.Check.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Ticked: not looked for, in no post."),
    )

    class Meta(PublicationForm.Meta):
        fields = ("terms", "han_per_minute", "words_per_minute", "checks_off")


class CrawlersForm(PublicationForm):
    class Meta(PublicationForm.Meta):
        fields = ("crawlers",)


class SecurityForm(PublicationForm):
    class Meta(PublicationForm.Meta):
        fields = ("owners_need_second_factor", "security_contact")
