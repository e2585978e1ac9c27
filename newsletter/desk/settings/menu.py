"""The form of the site's menu: a row for each entry."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from newsletter.mail.characters import single_line
from newsletter.posts import menu
from newsletter.publication.forms import PublicationForm

ADDRESS_CHOICE = "address"  # the choice of an address
BLANK_ROWS = 2  # offered below the entries


class MenuInput(forms.Widget):
    """Rows of place, target, address and label. Rows without a target do not count."""

    use_fieldset = True

    def id_for_label(self, id_: str) -> str:
        return ""  # it is several fields: the legend names them

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[menu.Entry]:
        rows = []
        for number in range(1, menu.ENTRIES_MAX + 1):
            place, to, address, label = (
                single_line(str(data.get(f"{name}-{number}-{part}", ""))).strip()
                for part in ("place", "to", ADDRESS_CHOICE, "label")
            )
            if to:
                rows.append((int(place) if place.isdecimal() and len(place) < 9 else number, to, address, label))
        rows.sort(key=lambda row: row[0])
        return [{"to": address if to == ADDRESS_CHOICE else to, "label": label} for _place, to, address, label in rows]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return False  # no row is an answer, too

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        entries, choices = value or menu.DEFAULT_ENTRIES, menu.entry_choices()
        blank: list[menu.Entry] = [{"to": "", "label": ""}] * min(BLANK_ROWS, menu.ENTRIES_MAX - len(entries))
        rows = [_row(f"{name}-{number}", entry, choices) for number, entry in enumerate([*entries, *blank], 1)]
        return render_to_string("desk/settings/_menu.html", {"rows": rows, "most": menu.LABEL_MAX})


def _row(name: str, entry: menu.Entry, choices: list[menu.Choice]) -> dict[str, Any]:
    """One entry for the template; an address is shown in a field of its own."""
    to, is_address = entry["to"], menu.is_address(entry["to"])
    attributes = {"aria-label": gettext("Where entry %(number)s leads") % {"number": name.rpartition("-")[2]}}
    select = forms.Select(attributes, [("", "—"), *choices, (ADDRESS_CHOICE, _("another address"))])
    return {
        **entry,
        "name": name,
        "title": entry["label"] or _names(choices).get(to, ""),
        "target": select.render(f"{name}-to", ADDRESS_CHOICE if is_address else to),
        "address": to if is_address else "",
    }


def _names(choices: list[menu.Choice]) -> dict[str, Any]:
    """The names of all choices, those of groups too."""
    groups = (label if isinstance(label, list) else [(key, label)] for key, label in choices)
    return dict(one for group in groups for one in group)


class MenuField(forms.Field):
    widget = MenuInput

    def clean(self, value: list[menu.Entry]) -> list[menu.Entry]:
        known = set(_names(menu.entry_choices()))
        for entry in value:
            self._check(entry, known)
        return [] if value == menu.DEFAULT_ENTRIES else value

    def _check(self, entry: menu.Entry, known: set[str]) -> None:
        to, label = entry["to"], entry["label"]
        if len(label) > menu.LABEL_MAX:
            message = _("“%(label)s” is too long: at most %(most)s characters.")
            raise ValidationError(message, params={"label": label, "most": menu.LABEL_MAX})
        if to in known:
            return
        if not menu.is_address(to):
            message = _("“%(to)s” is no address: enter one that begins with https://, or a path such as /tags/books/.")
            raise ValidationError(message, params={"to": to})
        if not label:
            raise ValidationError(_("Say how the entry to %(to)s is called."), params={"to": to})

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or menu.DEFAULT_ENTRIES) != (data or menu.DEFAULT_ENTRIES)


class MenuForm(PublicationForm):
    menu = MenuField(
        label=pgettext_lazy("menu", "Entries"),
        required=False,
        help_text=_(
            "At most seven entries; the search and the sign-up come after them by themselves. Without an entry the "
            "menu is Issues, Posts, About."
        ),
    )

    class Meta(PublicationForm.Meta):
        fields = ("menu",)
