"""What an author types about webhooks."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.api.hooks import calling
from newsletter.api.hooks.events import CHOSEN
from newsletter.api.hooks.models import Hook
from newsletter.publication.forms import TypedForm


class HookForm(TypedForm, forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    events = forms.MultipleChoiceField(
        label=_("Told of"), choices=CHOSEN, widget=forms.CheckboxSelectMultiple, help_text=_("From now on.")
    )

    class Meta:
        model = Hook
        fields = ("url", "note", "shows_addresses")
        labels = {
            "url": pgettext_lazy("of a webhook", "Address"),
            "note": _("What it is for"),
            "shows_addresses": _("Send the mail address of the reader along"),
        }
        help_texts = {
            "url": _("Begins with https://. Whoever made the other program gives it to you."),
            "note": _("For yourself, such as “customer list”. Empty: the name of the host."),
            "shows_addresses": _(
                "Without the tick only numbers leave, by which a program with a token of yours can ask for more. "
                "With it, the privacy notice names the host of the other program."
            ),
        }
        widgets = {"url": forms.URLInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"})}

    field_order = ("url", "note", "events", "shows_addresses")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["events"] = list(self.instance.events.values_list("event", flat=True))

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if not calling.is_allowed(url):
            raise ValidationError(
                _("Write an address that begins with https://, without a password, at port 443 or 8443.")
            )
        return url


class SinceForm(TypedForm, forms.Form):
    """Since when everything is sent again. zone: of what was typed."""

    since = forms.DateTimeField(
        label=_("Since"), widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )

    def __init__(self, *args: Any, zone: ZoneInfo | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean_since(self) -> datetime:
        since: datetime = self.cleaned_data["since"]
        return since.replace(tzinfo=self.zone)
