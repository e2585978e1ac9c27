"""Forms to compose an issue: its texts, posts and their order."""

import re
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxValueValidator
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from newsletter.issues.models import CHOICES_MAX, CHOICES_MIN, NUMBER_MAX, Issue, IssueItem, KeptText, not_yet_mailed
from newsletter.mail.characters import nfc, single_line
from newsletter.posts.forms import MarkdownTextarea, TitleTextarea, VersionInput
from newsletter.posts.json_saves import AUTOSAVE_FIELD, CHANGED_ELSEWHERE
from newsletter.posts.models import Post, PostQuerySet
from newsletter.publication.forms import CleanTextForm

OFFERED_MAX = 30  # checkboxes below the list
CHOICE_LENGTH_MAX = 40
SUGGESTED_MAX = 300  # titles in the datalist
UNLISTED_ERROR = _("“%(title)s” is unlisted. The archive shows all posts of an issue: list it first.")
DUPLICATE_ERROR = _("A post can be in an issue only once. Take one of the two out.")
POST_NUMBER = re.compile(r"(?:.*/p/|#?)(\d{1,9})(?!\d)(?:\s.*|[-/].*)?", re.DOTALL)


class PostChoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Checkboxes for OFFERED_MAX posts; any post of the queryset is valid."""

    def __init__(self) -> None:
        super().__init__(Post.objects.none(), required=False, widget=forms.CheckboxSelectMultiple)

    def offer(self, posts: PostQuerySet) -> None:
        self.queryset = posts
        self.choices = [(post.pk, self.label_from_instance(post)) for post in posts[:OFFERED_MAX]]

    def label_from_instance(self, post: Any) -> str:
        now = timezone.now()
        when = date_format(timezone.localtime(post.published_at), "SHORT_DATE_FORMAT") if post.published_at else ""
        state = "" if post.is_published(now) else str(post.state(now).label)
        return " · ".join(filter(None, [post.title, state, when]))


class SavedTextSelect(forms.Select):
    """Saved texts by name, with data-text for the script that inserts them at the caret."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if kept := getattr(value, "instance", None):
            option["attrs"]["data-text"] = kept.text
        return option


def _saved_text_field(kind: KeptText.Kind) -> forms.ModelChoiceField:  # type: ignore[type-arg]  # generic to the stubs alone
    return forms.ModelChoiceField(
        KeptText.objects.filter(kind=kind),
        label=_("Put in a kept text"),
        required=False,
        widget=SavedTextSelect({"data-by-press": "", "data-kept": kind.value}),  # counts only when a button is pressed
    )


def _save_as_field() -> forms.CharField:
    return forms.CharField(
        label=_("Keep this text as"),
        required=False,
        max_length=80,
        widget=forms.TextInput({"data-by-press": "", "autocomplete": "off"}),
        help_text=_("A name; it is kept when you press “Save”."),
    )


class IssueForm(CleanTextForm, forms.ModelForm):  # type: ignore[type-arg]
    added = PostChoices()
    older = forms.CharField(
        label=_("Another post"),
        required=False,
        widget=forms.TextInput({"list": "older-posts", "autocomplete": "off", "data-by-press": ""}),
        help_text=_("Its title, number or address."),
    )
    introduction_from, closing_from = map(_saved_text_field, (KeptText.Kind.INTRODUCTION, KeptText.Kind.CLOSING))
    introduction_as, closing_as = _save_as_field(), _save_as_field()
    added_posts: tuple[Post, ...] = ()  # set by `add_posts`
    seen_version = forms.IntegerField(required=False, widget=VersionInput)  # the version that this tab loaded

    class Meta:
        model = Issue
        fields = (
            *("number", "subject", "preheader", "introduction", "closing"),
            *("question", "question_choices", "shows_result"),
        )
        widgets = {
            "introduction": MarkdownTextarea(rows=8),
            "closing": MarkdownTextarea(rows=5),
            "question_choices": forms.Textarea({"rows": 5}),
            "subject": TitleTextarea(),
            "preheader": TitleTextarea(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)
        if self.instance.pk:
            self.initial["seen_version"] = self.instance.version
        if "number" in self.fields:  # absent once the issue is approved
            self.fields["number"].validators.append(MaxValueValidator(NUMBER_MAX))
        if self.instance.pk and (self.instance.sent_at or self.instance.mailings.open().exists()):
            self.fields["question"].disabled = self.fields["question_choices"].disabled = True  # they are in the letter
        if AUTOSAVE_FIELD in self.data:
            self.fields["subject"].required = False  # autosave works without one; sending does not
        for name in {"subject", "preheader"} & self.fields.keys():  # their labels are for screen readers only
            self.fields[name].widget.attrs["placeholder"] = capfirst(self.fields[name].label)
        added: Any = self.fields["added"]
        added.offer(self._unmailed().order_by("-published_at", "-pk"))

    def clean_number(self) -> int:
        """Unique outside the trash. Forms skip this constraint: `trashed_at` in its condition is no field of theirs."""
        number: int = self.cleaned_data["number"]
        if Issue.objects.filter(number=number).exclude(pk=self.instance.pk).exists():
            raise self.instance.unique_error_message(Issue, ("number",))
        return number

    def is_multipart(self) -> bool:
        """URL encoding would triple the size of Chinese text."""
        return True

    def _unmailed(self) -> PostQuerySet:
        posts = not_yet_mailed(Post.objects.defer("body"))
        if self.instance.pk:
            return posts.exclude(items__issue=self.instance)
        return posts.exclude(pk__in=[row["post"] for row in self.initial.get("proposals", [])])

    @cached_property
    def suggestions(self) -> list[tuple[int, str]]:
        shown = [value for value, _label in self.fields["added"].choices]  # type: ignore[attr-defined]
        there = self.instance.pk or 0
        others = Post.objects.filter(is_unlisted=False).exclude(pk__in=shown).exclude(items__issue_id=there)
        return list(others.order_by("-published_at", "-pk").values_list("pk", "title")[:SUGGESTED_MAX])

    def clean_introduction(self) -> str:
        return _normalize_text(self.cleaned_data["introduction"])

    def clean_closing(self) -> str:
        return _normalize_text(self.cleaned_data["closing"])

    def clean_question_choices(self) -> str:
        """One answer a line; at least two if there is a question, except in an autosave or once it is scheduled."""
        lines = [nfc(single_line(line)).strip() for line in self.cleaned_data["question_choices"].splitlines()]
        lines = list(dict.fromkeys(filter(None, lines)))
        if max(map(len, lines), default=0) > CHOICE_LENGTH_MAX:
            message = _("An answer has at most %(most)s characters: it stands on a button.")
            raise ValidationError(message, params={"most": CHOICE_LENGTH_MAX})
        is_final = self.cleaned_data.get("question") and AUTOSAVE_FIELD not in self.data
        fewest = CHOICES_MIN if is_final and not self.fields["question_choices"].disabled else 0
        if not fewest <= len(lines) <= CHOICES_MAX:
            raise ValidationError(_("A question has two to five answers, one a line."))
        return "\n".join(lines)

    def clean_older(self) -> Post | None:
        typed = self.cleaned_data["older"].strip()
        if not typed:
            return None
        found = list(Post.objects.filter(title__iexact=typed)[:2]) or _posts_by_number(typed)
        if len(found) == 1:
            return _require_listed(found[0])
        message = _("“%(typed)s” is the title of several posts. Enter the number of the one you mean.")
        if not found:
            message = _("No post has “%(typed)s” as its title, number or address.")
        raise ValidationError(message, params={"typed": typed})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for kind in KeptText.Kind:
            if chosen := cleaned.get(f"{kind}_from"):
                cleaned[kind.value] = f"{cleaned.get(kind, '')}\n\n{chosen.text}".strip()
        seen = cleaned.get("seen_version")
        if self.instance.pk and seen is not None and seen != self.instance.version:
            at = date_format(timezone.localtime(self.instance.updated_at), "DATETIME_FORMAT")
            message = _(
                "This issue was saved at %(at)s in another tab or by somebody else. Nothing is overwritten: what you "
                "typed still stands below. Copy it, open the issue again and put it in."
            )
            raise ValidationError(message, code=CHANGED_ELSEWHERE, params={"at": at})
        return cleaned

    def save_kept_texts(self) -> None:
        for kind in KeptText.Kind:
            name, text = self.cleaned_data[f"{kind}_as"], self.cleaned_data[kind.value]
            if name and text:
                KeptText.objects.update_or_create(kind=kind, name=name, defaults={"text": text})

    def add_posts(self) -> list[Post]:
        chosen = [*reversed(self.cleaned_data["added"]), self.cleaned_data["older"]]
        there = set(self.instance.items.values_list("post", flat=True))
        new = [post for post in dict.fromkeys(chosen) if post and post.pk not in there]
        IssueItem.objects.bulk_create(
            IssueItem(issue=self.instance, post=post, position=position, form=IssueItem.Form.EXCERPT)
            for position, post in enumerate(new, start=len(there) + 1)
        )
        self.added_posts = tuple(new)
        return new


def _require_listed(post: Post) -> Post:
    """Raise ValidationError for an unlisted post, because the issue's page would list it."""
    if post.is_unlisted:
        raise ValidationError(UNLISTED_ERROR, params={"title": post.title})
    return post


def _posts_by_number(typed: str) -> list[Post]:
    match = POST_NUMBER.fullmatch(typed)
    return list(Post.objects.filter(pk=match[1])) if match else []


def _normalize_text(source: str) -> str:
    return nfc(source.replace("\r\n", "\n"))


class ItemForm(forms.ModelForm):  # type: ignore[type-arg]
    """The row of one post. position: 1-based; if empty, an existing row keeps its order and a new one comes last."""

    post = forms.ModelChoiceField(Post.objects.defer("body"), widget=forms.HiddenInput)
    position = forms.IntegerField(
        label=_("Position"), required=False, min_value=1, max_value=999, widget=forms.NumberInput({"class": "place"})
    )

    class Meta:
        model = IssueItem
        fields = ("position", "post", "form")
        error_messages = {NON_FIELD_ERRORS: {"unique_together": DUPLICATE_ERROR}}

    def clean_post(self) -> Post:
        return _require_listed(self.cleaned_data["post"])


class ItemFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """The posts of an issue. A typed position moves its post; the others are renumbered."""

    @cached_property
    def forms_with_posts(self) -> list[tuple[Any, Post | None]]:
        keys = [str(form["post"].value() or "") for form in self.forms]
        numbers = [int(key) if key.isdecimal() and len(key) < 19 else 0 for key in keys]
        posts = Post.objects.defer("body").in_bulk(numbers)
        return [(form, posts.get(number)) for form, number in zip(self.forms, numbers, strict=True)]

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.instance.pk and index is not None:
            form.initial["position"] = index + 1  # consecutive; stored positions may have gaps

    def clean(self) -> None:
        super().clean()
        for position, form in enumerate(self._ordered_forms(), start=1):
            form.instance.position = position

    def _ordered_forms(self) -> list[Any]:
        deleted = self.deleted_forms if self.is_bound and not any(self.errors) else []
        kept = [form for form in self.forms if form not in deleted and getattr(form, "cleaned_data", {}).get("post")]
        placed = [form for form in kept if "position" in form.changed_data and form.cleaned_data.get("position")]
        order = [form for form in kept if form not in placed]
        placed.sort(key=lambda form: (form.cleaned_data["position"], -self.forms.index(form)))
        for form in placed:
            order.insert(form.cleaned_data["position"] - 1, form)
        return order

    def save(self, commit: bool = True) -> Any:
        saved = super().save(commit)
        if commit:  # renumbered rows do not count as changed
            moved = [form.instance for form in self._ordered_forms() if form.instance.pk]
            IssueItem.objects.bulk_update(moved, ["position"])
        return saved

    def get_unique_error_message(self, unique_check: Any) -> str:
        return str(DUPLICATE_ERROR)
