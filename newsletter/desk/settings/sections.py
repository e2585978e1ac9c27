"""The settings of the publication, a page for each subject: a few fields, a save of its own, one common history."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.cache import caches
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.desk.settings import looking, newcomers
from newsletter.publication import forms
from newsletter.publication.audit import AuditedAdmin
from newsletter.publication.models import CACHE_KEY, Publication


@dataclass(frozen=True)
class Section:
    """A page of the settings. rows: the fields of its form, those of a tuple side by side."""

    name: str  # in the address
    title: Promise
    form: type[forms.PublicationForm]
    rows: tuple[str | tuple[str, ...], ...]
    warns: Callable[[Publication], list[str]] = lambda _publication: []  # of what was saved all the same


SECTIONS = (
    Section(
        "letter",
        pgettext_lazy("settings", "The newsletter"),
        forms.LetterForm,
        (
            "name",
            "promise",
            "author",
            "about",
            ("language", "time_zone"),
            "data_place",
            "takes_readers",
            "counts_links",
        ),
    ),
    Section(
        "look",
        pgettext_lazy("settings", "Look"),
        forms.LookForm,
        (
            *(("theme", "accent"), ("logo", "logo_alt"), ("face", "face_alt")),
            *(("look", "heading_font"), "numbered", "signature", "footer"),
        ),
    ),
    Section(
        "sender",
        pgettext_lazy("settings", "Sender"),
        forms.SenderForm,
        (
            ("sender_name", "sender_email"),
            "reply_to",
            "postal_address",
            "bounces_to",
            ("warm_up_from", "number_typed_above"),
        ),
    ),
    Section(
        "rhythm",
        pgettext_lazy("settings", "Rhythm"),
        forms.RhythmForm,
        (
            *(("cadence_anchor_on", "cadence_at", "cadence_days"), "holiday_country"),
            *(("hold_minutes", "unapproved"), "tells_results"),
        ),
    ),
    Section(
        "newcomers",
        pgettext_lazy("settings", "New readers"),
        newcomers.NewcomersForm,
        (
            *("welcome", "welcome_question", "course", "course_days"),
            *("asks_name", "invites", "asks_heard", "reminds_unconfirmed", "refuses_throwaway"),
        ),
        newcomers.warnings,
    ),
    Section(
        "words",
        pgettext_lazy("settings", "Words"),
        forms.WordsForm,
        ("terms", ("han_per_minute", "words_per_minute"), "checks_off"),
    ),
    Section("feeds", pgettext_lazy("settings", "Robots"), forms.FeedsForm, ("crawlers",)),
    Section(
        "security",
        _("For everybody at this desk"),
        forms.SecurityForm,
        ("owners_need_second_factor", "security_contact"),
    ),
)


class SectionAdmin(AuditedAdmin):
    """The form of one section. It is not registered: PublicationAdmin is, for rights and the history."""

    change_form_template = "desk/settings/section.html"

    def __init__(self, section: Section) -> None:
        super().__init__(Publication, admin.site)
        self.section, self.form = section, section.form

    def get_fieldsets(self, request: HttpRequest, obj: Publication | None = None) -> Any:
        return ((None, {"fields": self.section.rows}),)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        shown: dict[str, Any] = {"title": self.section.title, "subtitle": None, "section": self.section.name}
        shown["public_url"] = settings.SITE_URL
        shown["look_kinds"] = looking.kinds_of(self.section.form)
        return super().render_change_form(request, context | shown, **kwargs)

    def save_model(self, request: HttpRequest, obj: Publication, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(lambda: caches["pages"].delete(CACHE_KEY))

    def response_change(self, request: HttpRequest, obj: Publication) -> HttpResponse:
        self.message_user(request, _("Saved."), messages.SUCCESS)
        for words in self.section.warns(obj):
            self.message_user(request, words, messages.WARNING)
        return HttpResponseRedirect(request.path)


def show(request: HttpRequest, *, section: Section) -> HttpResponse:
    """Show and save the fields of one section."""
    publication = Publication.objects.current()
    return SectionAdmin(section).changeform_view(request, str(publication.pk))


SCREENS = tuple((f"{one.name}/", partial(show, section=one), f"settings_{one.name}") for one in SECTIONS)
