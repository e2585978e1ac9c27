"""Forms of posts and pictures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsletter.mail.characters import nfc
from newsletter.posts.json_saves import AUTOSAVE_FIELD, CHANGED_ELSEWHERE, PUBLISH, UPDATE
from newsletter.posts.models import (
    BODY_MAX,
    SERIES_TITLE_MAX,
    TAG_NAME_MAX,
    UPLOAD_MARK,
    Image,
    Post,
    Series,
    parse_tag_names,
)
from newsletter.posts.text.prose import slug_from_title
from newsletter.publication.forms import ONE_LINE_ATTRIBUTE, CleanTextForm
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import unavailable_message
from newsletter.publication.pictures.uploads import BYTES_MAX, PictureError, prepare_picture_with_wide_version

COVERS_OFFERED = 11  # with the choice of none, three rows of four
DRAFT, NOW, AT = "draft", "now", "at"  # choices of the release field
TIME_MISSING = "?"  # value when AT was chosen without a time


class CoverInput(forms.RadioSelect):
    """Radio buttons with pictures: the current cover, those of the text, and the newest uploads.

    The value is the digest in the picture's URL, which scripts can find in the typed text.
    """

    text = ""  # of the post

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Offer some pictures; any other digest is valid too."""
        chosen = Image.objects.filter(digest=value or "").first()
        offered = {one.digest: one for one in (*([chosen] if chosen else []), *Image.objects.within(self.text))}
        for one in Image.objects.all()[: COVERS_OFFERED - min(len(offered), COVERS_OFFERED)]:
            offered.setdefault(one.digest, one)
        shown = {"name": name, "id": (attrs or {}).get("id"), "chosen": chosen, "pictures": offered.values()}
        return render_to_string("admin/posts/_cover.html", shown)


class CoverField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic to the stubs alone
    def __init__(self) -> None:
        super().__init__(
            Image.objects.all(), label=_("Cover picture"), required=False, to_field_name="digest", widget=CoverInput
        )


class ReleaseInput(forms.DateTimeInput):
    """Radio buttons (now, at, draft) and a date-time field in the publication's zone.

    A time alone, as the API sends it, needs no choice.
    """

    use_fieldset = True
    state = Post.State.DRAFT
    former: datetime | None = None  # since or when readers see it as of now

    def __init__(self) -> None:
        super().__init__({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def id_for_label(self, id_: str) -> str:
        return ""  # it is several fields: the legend names them

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        typed = data.get(name, "")
        match data.get(f"{name}_how"):
            case "draft":
                return ""
            case "now":
                return NOW
            case "at":
                return typed or TIME_MISSING
        return typed or (NOW if PUBLISH in data else "")

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data and f"{name}_how" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        how = {"": DRAFT, None: NOW, NOW: NOW}.get(value, AT)
        shown = {
            "name": name,
            "id": (attrs or {}).get("id"),
            "how": how,
            "at": self.format_value(value) if how == AT and value != TIME_MISSING else "",
            "state": self.state.value,
            "former": self.format_value(self.former) if self.former else "",
            "attrs": {key: text for key, text in (attrs or {}).items() if key.startswith("aria-")},
            "zone": Publication.objects.current().time_zone,
        }
        return render_to_string("admin/posts/_release.html", shown)


class ReleaseField(forms.DateTimeField):
    is_plan = False  # which may lack its time

    def __init__(self) -> None:
        super().__init__(label=_("Publication time"), required=False, widget=ReleaseInput)

    def to_python(self, value: Any) -> datetime | None:
        if value == NOW:
            return timezone.now()
        if value == TIME_MISSING and not self.is_plan:
            raise ValidationError(_("Say at what time."))
        try:
            return super().to_python(value)
        except ValidationError:
            if self.is_plan:
                return None
            raise


class Visibility(TextChoices):
    """Where readers find a post. LINK: `is_unlisted`, SITE: `is_web_only`, PAGE: `is_page` and unlisted."""

    EVERYWHERE = "everywhere", _("Site and newsletter")
    SITE = "site", _("Only on the site")
    LINK = "link", _("Only those who have the address")
    PAGE = "page", _("A page of its own")


class VisibilityInput(forms.RadioSelect):
    """Radio buttons, of which a browser puts none back."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        hints = {
            Visibility.EVERYWHERE: _("Home page, feeds and search show it, and an issue may carry it."),
            Visibility.SITE: _("No issue carries it, and none is proposed for it."),
            Visibility.LINK: _("Home page, feeds and search do not show it, and no issue carries it."),
            Visibility.PAGE: _("Without a date, such as your books: in no list, but search engines find it."),
        }
        choices = [(place.value, place.label, hint) for place, hint in hints.items()]
        shown = {"name": name, "id": (attrs or {}).get("id"), "chosen": value, "choices": choices}
        return render_to_string("admin/posts/_place.html", shown)


TAGS_MAX = 10
SEARCH_RESULT = 80  # Han characters of a summary that search engines show, or twice as many Latin letters
PLACEHOLDERS = {"title": _("Title"), "body": _("Begin to write…")}  # their labels are for screen readers only


class MarkdownTextarea(forms.Textarea):
    def __init__(self, rows: int = 24) -> None:
        super().__init__({"rows": rows, "data-editor": "", "spellcheck": "true", "class": "editor-text"})


class TitleTextarea(forms.Textarea):
    """One line of text that wraps on a phone. title.js handles Enter; without it, a line break becomes a space."""

    def __init__(self) -> None:
        super().__init__({"rows": 1, ONE_LINE_ATTRIBUTE: "", "enterkeyhint": "done"})


class VersionInput(forms.HiddenInput):
    """The version that a tab shows; browsers must not restore an older value on reload."""

    def __init__(self) -> None:
        super().__init__({"autocomplete": "off"})


class SeriesInput(forms.TextInput):
    def __init__(self) -> None:
        super().__init__({"list": "all-series", "autocomplete": "off"})

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        titles = Series.objects.values_list("title")
        options = format_html_join("", '<option value="{}"></option>', titles)
        field = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="all-series">{}</datalist>', field, options)


class PostForm(CleanTextForm, forms.ModelForm):  # type: ignore[type-arg]
    tag_names = forms.CharField(
        label=_("Tags"), required=False, help_text=_("Separated by commas. A new name makes a new tag.")
    )
    cover = CoverField()
    published_at = ReleaseField()
    series = forms.CharField(
        label=_("Series"),
        required=False,
        max_length=SERIES_TITLE_MAX,
        widget=SeriesInput,
        help_text=_("A new title makes a new series."),
    )
    seen_at = forms.CharField(required=False, widget=VersionInput)  # version that this tab was opened with

    class Meta:
        model = Post
        fields: tuple[str, ...] = (
            *("title", "body", "summary", "words", "cover", "published_at", "is_page"),
            *("is_web_only", "is_unlisted"),
            *("series", "series_number"),
        )
        help_texts = {"series_number": _("Empty: the next one.")}
        widgets = {
            "title": TitleTextarea(),
            "body": MarkdownTextarea(),
            "summary": forms.Textarea({"rows": 3, "data-gauge": SEARCH_RESULT}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in PLACEHOLDERS.items():
            if name in self.fields:
                self.fields[name].widget.attrs["placeholder"] = words
        if "published_at" in self.fields:
            self.fields["published_at"].widget.state = self.instance.state(timezone.now())
        self.initial["series"] = self.instance.series.title if self.instance.series else ""
        if self.instance.pk:
            copy = self.instance.pending_copy
            tags = copy.tag_names if copy else "、".join(self.instance.tags.values_list("name", flat=True))
            self.initial.update({"tag_names": tags, "seen_at": self.changed_at.isoformat()})
            self._freeze_slug()
            self._show_cover()

    @property
    def changed_at(self) -> datetime:
        at: datetime = (self.instance.pending_copy or self.instance).updated_at
        return at

    def _show_cover(self) -> None:
        if "cover" in self.fields:
            self.initial["cover"] = self.instance.cover.digest if self.instance.cover else ""
            self.fields["cover"].widget.text = self.instance.body

    def _freeze_slug(self) -> None:
        """Freeze the slug once readers' mails link to it, or, of a page, once readers may know it."""
        if "words" not in self.fields:
            return
        if self.instance.was_mailed:
            self.fields["words"].disabled = True
            self.fields["words"].help_text = _("Frozen: this post was mailed with this address.")
        elif self.instance.is_page and self.instance.words and self.instance.is_published(timezone.now()):
            self.fields["words"].disabled = True
            self.fields["words"].help_text = _("Frozen: readers have this address. Make the page a draft to change it.")

    def is_multipart(self) -> bool:
        """Multipart: URL-encoded, a Chinese text is three times as long."""
        return True

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"].replace("\r\n", "\n")
        if len(body) > BODY_MAX:
            message = _("The text has %(length)s characters; at most %(most)s fit. Divide it into several posts.")
            raise ValidationError(message, params={"length": f"{len(body):,}", "most": f"{BODY_MAX:,}"})
        return nfc(body)

    def clean_published_at(self) -> datetime | None:
        """Keep the former time if it was not changed: the field does not show its seconds."""
        chosen: datetime | None = self.cleaned_data["published_at"]
        former: datetime | None = self.instance.published_at
        if chosen != former:
            self.instance.planned_at = None
        if chosen is None or former is None:
            return chosen
        if self["published_at"].data == NOW and self.instance.is_published(timezone.now()):
            return former  # the form was not reloaded since "now" was saved
        shown = former.replace(microsecond=0)
        if chosen not in {shown, shown.replace(second=0)}:
            return chosen
        self.changed_data[:] = [name for name in self.changed_data if name != "published_at"]
        return former

    def clean_is_unlisted(self) -> bool:
        is_unlisted: bool = self.cleaned_data["is_unlisted"] or self.cleaned_data.get("is_page", False)
        if is_unlisted:
            self._refuse_unlisted_in_issue()
        return is_unlisted

    def _refuse_unlisted_in_issue(self) -> None:
        """A post of an issue cannot be unlisted, because the page of the issue lists it."""
        issue = self.instance.issues.order_by("number").first() if self.instance.pk else None
        if issue:
            message = _("Issue %(number)s carries this post, and the archive shows all posts of an issue.")
            raise ValidationError(message, params={"number": issue.number})

    def clean_tag_names(self) -> list[str]:
        self.cleaned_data["tag_names_typed"] = self.cleaned_data["tag_names"]
        names = parse_tag_names(self.cleaned_data["tag_names"])
        longest = max(names, key=len, default="")
        if len(longest) > TAG_NAME_MAX:
            message = _("The tag “%(name)s” is too long: %(most)s characters at most.")
            raise ValidationError(message, params={"name": longest, "most": TAG_NAME_MAX})
        if len(names) > TAGS_MAX:
            raise ValidationError(_("A post has at most %(most)s tags."), params={"most": TAGS_MAX})
        return names

    def clean_series(self) -> Series | None:
        """The series with the typed title; a new one is saved with the post."""
        title = nfc(self.cleaned_data["series"])
        return (Series.objects.filter(title__iexact=title).first() or Series(title=title)) if title else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (
            not cleaned.get("words")
            and cleaned.get("title")
            and AUTOSAVE_FIELD not in self.data
            and self._suggests_slug()
        ):
            cleaned["words"] = slug_from_title(cleaned["title"])
        self._check_series_number(cleaned)
        if cleaned.get("is_page", self.instance.is_page) and self._is_address_taken(cleaned.get("words", "")):
            self.add_error("words", _("Another page has this address."))
        self._refuse_stale(cleaned.get("seen_at", ""))
        return cleaned

    def _check_series_number(self, cleaned: dict[str, Any]) -> None:
        """A number that belongs to another series counts as empty; one that another post has is refused."""
        series, number = cleaned.get("series"), cleaned.get("series_number")
        if not series or ("series" in self.changed_data and "series_number" not in self.changed_data):
            cleaned["series_number"] = number = None
        others = (
            Post.with_trash.filter(series=series, series_number=number) if series and series.pk else Post.objects.none()
        )
        if other := others.exclude(pk=self.instance.pk).first():
            message = _("Number %(number)s of this series is “%(post)s”.")
            self.add_error("series_number", ValidationError(message, params={"number": number, "post": other}))

    def set_series(self) -> None:
        """Save a new series, and give a post without a number the next one."""
        post = self.instance
        if post.series and post.series.pk is None:
            post.series = Series.objects.get_or_create_titled(post.series.title)
        if post.series and post.series_number is None:
            post.series_number = post.series.next_number(post)

    def _is_address_taken(self, words: str) -> bool:
        others = Post.with_trash.filter(is_page=True, words=words).exclude(pk=self.instance.pk)
        return bool(words) and others.exists()

    def _suggests_slug(self) -> bool:
        """Whether the slug may come from the title: not after the author has cleared it, nor once it is frozen."""
        is_cleared = self.instance.pk and "words" in self.changed_data
        return not (is_cleared or self.fields["words"].disabled)

    def _refuse_stale(self, seen_at: str) -> None:
        if not seen_at or not self.instance.pk or self.changed_at.isoformat() == seen_at:
            return
        at = date_format(timezone.localtime(self.changed_at), "DATETIME_FORMAT")
        message = _(
            "This post was saved at %(at)s in another tab or by somebody else. Nothing is overwritten: "
            "what you typed is kept as a version."
        )
        raise ValidationError(message, code=CHANGED_ELSEWHERE, params={"at": at})


class DeskPostForm(PostForm):
    """The form of the desk. A chosen time is a plan, saved like text, until a button publishes."""

    place = forms.ChoiceField(label=_("Where"), choices=Visibility, required=False, widget=VisibilityInput)

    class Meta(PostForm.Meta):
        fields = tuple(name for name in PostForm.Meta.fields if name not in {"is_web_only", "is_unlisted", "is_page"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        post = self.instance
        self.initial["place"] = _place_of(post)
        self.is_release = PUBLISH in self.data
        self.was_published = post.is_published(timezone.now())
        if "published_at" in self.fields:
            self.initial["published_at"] = post.planned_at or post.published_at
            field: Any = self.fields["published_at"]
            field.is_plan, field.widget.former = not self.is_release, field.prepare_value(post.published_at)
        if AUTOSAVE_FIELD in self.data and not {PUBLISH, UPDATE} & self.data.keys():
            is_waiting = post.state(timezone.now()) == Post.State.SCHEDULED
            for name in ("title", "body"):  # of an incomplete draft
                self.fields[name].required = is_waiting

    def clean_body(self) -> str:
        body = super().clean_body()
        if {PUBLISH, UPDATE} & self.data.keys() and UPLOAD_MARK in body:
            raise ValidationError(_("A picture has not been uploaded whole. Upload it again, or take it out."))
        return body

    def clean_place(self) -> str:
        """Set the fields of the post; what is unlisted stays for the site alone if it was."""
        place: str = self.cleaned_data["place"]
        if not place:  # not in the form
            self.changed_data[:] = [name for name in self.changed_data if name != "place"]
            return place
        is_unlisted = place in {Visibility.LINK, Visibility.PAGE}
        if is_unlisted:
            self._refuse_unlisted_in_issue()
        self.instance.is_web_only = place == Visibility.SITE or (is_unlisted and self.instance.is_web_only)
        self.instance.is_unlisted, self.instance.is_page = is_unlisted, place == Visibility.PAGE
        return place

    def clean_published_at(self) -> datetime | None:
        """The time from which readers see the post: the former one, unless a button publishes."""
        former, before = self.instance.published_at, self.instance.planned_at
        chosen = super().clean_published_at()
        is_time = self["published_at"].data not in {"", NOW}
        plan = chosen if is_time and not self.is_release and chosen != former else None
        is_now = self.is_release and not is_time and chosen  # that it was published says it
        if is_now or (not self.is_release and plan == before):
            self.changed_data[:] = [name for name in self.changed_data if name != "published_at"]
        self.instance.planned_at = plan
        return chosen if self.is_release else former


def _place_of(post: Post) -> Visibility:
    if post.is_page:
        return Visibility.PAGE
    return Visibility.LINK if post.is_unlisted else Visibility.SITE if post.is_web_only else Visibility.EVERYWHERE


class AltForm(CleanTextForm, forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    class Meta:
        model = Image
        fields = ("alt",)


class ImageForm(CleanTextForm, forms.ModelForm):  # type: ignore[type-arg]
    """An upload; one that exists already only gets the new alternative text, if there is one."""

    file = forms.FileField(
        label=_("File"),
        widget=forms.FileInput({"accept": "image/jpeg,image/png,image/gif,image/webp,image/avif"}),
        help_text=_("JPEG, PNG, GIF or WebP, at most 10 MB. Place and camera are removed; 1,280 pixels wide at most."),
    )

    class Meta:
        model = Image
        fields = ("alt",)
        error_messages = {"alt": {"required": _("Describe the picture.")}}

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        try:
            self.picture = prepare_picture_with_wide_version(file.read(BYTES_MAX + 1))
        except PictureError as error:
            raise ValidationError(str(error)) from error
        return file

    def clean(self) -> dict[str, Any]:
        """Write the file once all else is valid, so that a storage error becomes a form error."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                Image.objects.write(self.picture, cleaned["file"].name or gettext("picture"))
            except OSError as error:
                raise ValidationError(unavailable_message()) from error
        return cleaned

    def save(self, commit: bool = True) -> Image:
        alt, name = self.cleaned_data["alt"], self.cleaned_data["file"].name
        self.instance, self.is_new = Image.objects.get_or_store(self.picture, name or gettext("picture"), alt)
        self.instance.alt = alt or self.instance.alt
        image: Image = super().save(commit=commit)
        return image
