"""What an author chooses of a post: its cover, by picture; when readers see it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from newsletter.posts.models import Image, Post
from newsletter.publication.models import Publication

COVERS_OFFERED = 11  # with the choice of none, three rows of four
DRAFT, NOW, AT = "draft", "now", "at"  # when readers see a post: not yet, from this save on, from a time on
NO_TIME = "?"  # what is sent instead of a time when AT was chosen without one


class CoverInput(forms.RadioSelect):
    """The cover, chosen by picture: the present one, those of the text, and the newest of the library.

    The value is the digest that stands in the picture's address: a script finds it in what is typed.
    """

    text = ""  # of the post

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the pictures as radio buttons; any other of the library is valid, too."""
        chosen = Image.objects.filter(digest=value or "").first()
        offered = {one.digest: one for one in (*([chosen] if chosen else []), *Image.objects.within(self.text))}
        for one in Image.objects.all()[: COVERS_OFFERED - min(len(offered), COVERS_OFFERED)]:
            offered.setdefault(one.digest, one)
        shown = {"name": name, "id": (attrs or {}).get("id"), "chosen": chosen, "pictures": offered.values()}
        return render_to_string("admin/posts/_cover.html", shown)


class CoverField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic to the stubs alone
    """A picture of the library, named by its digest."""

    def __init__(self) -> None:
        super().__init__(
            Image.objects.all(), label=_("Cover picture"), required=False, to_field_name="digest", widget=CoverInput
        )


class ReleaseInput(forms.DateTimeInput):
    """Not yet, now, or at a time: radio buttons, and one field for date and time in the publication's zone.

    Whoever sends the time alone, as a program does, need not choose. A time that is typed into a draft counts, too.
    """

    use_fieldset = True
    state = Post.State.DRAFT

    def __init__(self) -> None:
        super().__init__({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def id_for_label(self, id_: str) -> str:
        return ""  # it is several fields: the legend names them

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        typed = data.get(name, "")
        match data.get(f"{name}_how"):
            case "draft":
                return typed if self.state == Post.State.DRAFT else ""
            case "now":
                return NOW
            case "at":
                return typed or NO_TIME
        return typed

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data and f"{name}_how" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        how = {"": DRAFT, None: DRAFT, NOW: NOW}.get(value, AT)
        shown = {
            "name": name,
            "id": (attrs or {}).get("id"),
            "how": how,
            "at": self.format_value(value) if how == AT and value != NO_TIME else "",
            "is_published": self.state == Post.State.PUBLISHED,
            "attrs": {key: text for key, text in (attrs or {}).items() if key.startswith("aria-")},
            "zone": Publication.objects.current().time_zone,
        }
        return render_to_string("admin/posts/_release.html", shown)


class ReleaseField(forms.DateTimeField):
    def __init__(self) -> None:
        super().__init__(label=_("Publication time"), required=False, widget=ReleaseInput)

    def to_python(self, value: Any) -> datetime | None:
        if value == NOW:
            return timezone.now()
        if value == NO_TIME:
            raise ValidationError(_("Say at what time."))
        return super().to_python(value)
