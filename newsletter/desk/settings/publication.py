"""Settings of the publication, a page for each subject, with previews."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods

from newsletter.delivery.letter.rendering import build_copy, freeze_letter
from newsletter.delivery.models import CourseCopy, Mailing
from newsletter.delivery.readers import course, welcome
from newsletter.delivery.rehearsal import example_reader
from newsletter.desk.settings.menu import MenuForm
from newsletter.issues.models import Issue
from newsletter.issues.views import render_home
from newsletter.mail import outbox, reach
from newsletter.mail.message import Mail
from newsletter.mail.salutations import SAMPLE_NAME
from newsletter.mail.views import MAIL_CSP, html_frame_response
from newsletter.publication.audit import AuditedAdmin
from newsletter.publication.forms import (
    CadenceForm,
    CrawlersForm,
    LookForm,
    NewsletterForm,
    PublicationForm,
    SecurityForm,
    SenderForm,
    SignupSettingsForm,
    WritingForm,
)
from newsletter.publication.models import PUBLICATION_CACHE_KEY, Publication
from subscribers.mails import sending

ISSUES_OFFERED = 60  # issues
COURSE_LETTERS_MAX = 3
EXAMPLE_ADDRESS = "reader@example.org"  # stands for a new reader
COURSE_DAYS_MIN, COURSE_DAYS_MAX = 1, 14


def course_choices() -> list[tuple[int, str]]:
    sent = Mailing.objects.filter(state=Mailing.State.SENT, kind=Mailing.Kind.ISSUE)
    newest = sent.order_by("-issue__sent_at", "-issue__number")[:ISSUES_OFFERED]
    known = dict(newest.values_list("issue__number", "issue__subject"))
    chosen = sent.filter(issue__number__in=Publication.objects.current().course)
    known |= dict(chosen.values_list("issue__number", "issue__subject"))
    return [(number, f"{number}{gettext(' | ')}{subject}") for number, subject in known.items()]


class NewcomersForm(SignupSettingsForm):
    course = forms.TypedMultipleChoiceField(
        label=_("first letters"),
        required=False,
        coerce=int,
        choices=course_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Up to three past issues, which a new reader gets some days after the welcome, the lowest number first. "
            "They stop when their reader leaves or pauses. Returning readers do not get them again. None: there are no "
            "first letters."
        ),
    )

    class Meta(SignupSettingsForm.Meta):
        fields = (
            *("welcome", "welcome_question", "gift", "course", "course_days"),
            *("asks_name", "invites", "asks_heard", "reminds_unconfirmed", "refuses_throwaway"),
        )

    def clean_course(self) -> list[int]:
        chosen: list[int] = sorted(self.cleaned_data["course"])
        if len(chosen) > COURSE_LETTERS_MAX:
            raise ValidationError(_("At most three: a new reader has something else to do, too."))
        return chosen

    def clean_course_days(self) -> int:
        days: int = self.cleaned_data["course_days"]
        if not COURSE_DAYS_MIN <= days <= COURSE_DAYS_MAX:
            raise ValidationError(_("Enter a number from 1 to 14."))
        return days


def welcome_warnings(publication: Publication) -> list[str]:
    with Publication.objects.used(publication):
        return [str(one) for one in welcome.welcome_losses(example_reader(EXAMPLE_ADDRESS), timezone.now())]


LETTER, SITE, MENU, WELCOME, WELCOME_BY_NAME, COURSE = "letter", "site", "menu", "welcome", "named", "course"
PREVIEWS: dict[str, tuple[Promise, type[PublicationForm]]] = {  # by name: label of the button, and the previewed form
    LETTER: (_("The mail"), LookForm),
    SITE: (_("The site"), LookForm),
    MENU: (_("The site"), MenuForm),
    WELCOME: (_("The welcome"), NewcomersForm),
    WELCOME_BY_NAME: (_("The welcome, by name"), NewcomersForm),
    COURSE: (_("The first letters"), NewcomersForm),
}
PAGE_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": [CSP.SELF], "script-src": [CSP.NONE]}


def previews_of(form: type[PublicationForm]) -> list[tuple[str, Promise]]:
    return [(name, label) for name, (label, shown) in PREVIEWS.items() if shown is form]


@xframe_options_sameorigin
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, kind: str) -> HttpResponse:
    """Preview a mail or the home page with the posted settings, or with the saved ones on GET.

    Saves nothing. 400 with the errors while the form is invalid.
    """
    if kind not in PREVIEWS:
        raise Http404(kind)
    publication = Publication.objects.fresh()
    if request.method == "POST":
        form = PREVIEWS[kind][1](request.POST, instance=publication)  # a new logo is shown only after saving
        if not form.is_valid():
            return render(request, "desk/settings/no_preview.html", {"form": form}, status=HTTPStatus.BAD_REQUEST)
        publication = form.save(commit=False)
    with Publication.objects.used(publication):
        if kind in {SITE, MENU}:
            return site_page(request)
        if kind == COURSE and not course.course_mailings(publication):
            return render(request, "desk/settings/no_preview.html")
        return letter_page(request, PREVIEW_MAILS[kind]())


@csp_override(PAGE_CSP)
def site_page(request: HttpRequest) -> HttpResponse:
    return render_home(without_script(request))


def without_script(request: HttpRequest) -> HttpRequest:
    """For a page in a sandboxed frame: the browser would log the script that it blocks."""
    request.runs_script = False  # type: ignore[attr-defined]  # read by context_processors.publication
    return request


@csp_override(MAIL_CSP)
def letter_page(request: HttpRequest, mail: Mail) -> HttpResponse:
    return html_frame_response(outbox.body_part(mail.message().as_bytes(), "html"))


def _welcome() -> Mail:
    return welcome.build_welcome(example_reader(EXAMPLE_ADDRESS), timezone.now())


def _welcome_by_name() -> Mail:
    return welcome.build_welcome(example_reader(EXAMPLE_ADDRESS, str(SAMPLE_NAME)), timezone.now())


def _newest_issue_mail() -> Mail:
    """The newest issue with posts, as a reader gets it; without one, the confirmation mail."""
    issue = Issue.objects.filter(items__isnull=False).order_by("-number").first()
    reader = example_reader(EXAMPLE_ADDRESS)
    if issue is None:
        return sending.signup_mail(reader)
    return build_copy(Mailing(issue=issue, **freeze_letter(issue).columns()), reader, ids=(issue.number, 0))


def _first_letter() -> Mail:
    first = course.course_mailings(Publication.objects.current())[0]
    return course.build_course_mail(
        CourseCopy(mailing=first, issue=first.issue, position=1, subscriber=example_reader(EXAMPLE_ADDRESS))
    )


PREVIEW_MAILS = {
    LETTER: _newest_issue_mail,
    WELCOME: _welcome,
    WELCOME_BY_NAME: _welcome_by_name,
    COURSE: _first_letter,
}


@dataclass(frozen=True)
class SettingsSection:
    """fields_on_one_line: of its form. advanced_fields: under “Advanced”. get_warnings: about what was saved."""

    name: str  # in the address
    title: Promise
    form: type[PublicationForm]
    fields_on_one_line: tuple[tuple[str, ...], ...] = ()
    advanced_fields: tuple[str | tuple[str, ...], ...] = ()
    get_warnings: Callable[[Publication], list[str]] = lambda _publication: []

    @property
    def rows(self) -> list[str | tuple[str, ...]]:
        lines = {names[0]: names for names in self.fields_on_one_line}
        others = {name for names in self.fields_on_one_line for name in names[1:]}
        others |= {name for row in self.advanced_fields for name in ([row] if isinstance(row, str) else row)}
        return [lines.get(name, name) for name in self.form.Meta.fields if name not in others]


SECTIONS = (
    SettingsSection(
        "letter", pgettext_lazy("settings", "The newsletter"), NewsletterForm, (("language", "time_zone"),)
    ),
    SettingsSection(
        "look",
        pgettext_lazy("settings", "Look"),
        LookForm,
        (("logo", "logo_alt"), ("face", "face_alt"), ("look", "heading_font")),
    ),
    SettingsSection(
        "sender",
        pgettext_lazy("settings", "Sender"),
        SenderForm,
        advanced_fields=("bounces_to", ("warm_up_from", "number_typed_above")),
    ),
    SettingsSection(
        "rhythm",
        pgettext_lazy("settings", "Rhythm"),
        CadenceForm,
        (
            *(("on_date", "on_second_date"), ("which", "weekday"), ("cadence_anchor_on", "cadence_at")),
            ("hold_minutes", "unapproved"),
        ),
    ),
    SettingsSection(
        "newcomers", pgettext_lazy("settings", "New readers"), NewcomersForm, get_warnings=welcome_warnings
    ),
    SettingsSection(
        "words", pgettext_lazy("settings", "Words"), WritingForm, (("han_per_minute", "words_per_minute"),)
    ),
    SettingsSection("menu", pgettext_lazy("settings", "Menu"), MenuForm),
    SettingsSection("feeds", pgettext_lazy("settings", "Robots"), CrawlersForm),
    SettingsSection("security", _("For everybody at this desk"), SecurityForm),
)


class SectionAdmin(AuditedAdmin):
    """The form of one section. Not registered: PublicationAdmin is, for permissions and history."""

    change_form_template = "desk/settings/section.html"

    def __init__(self, section: SettingsSection) -> None:
        super().__init__(Publication, admin.site)
        self.section, self.form = section, section.form

    def get_fieldsets(self, request: HttpRequest, obj: Publication | None = None) -> Any:
        shown = [(None, {"fields": self.section.rows})]
        folded = [(_("Advanced"), {"fields": self.section.advanced_fields, "classes": ["collapse"]})]
        return shown + folded if self.section.advanced_fields else shown

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # Django names what kwargs takes
        shown: dict[str, Any] = {"title": self.section.title, "subtitle": None, "section": self.section.name}
        shown["public_url"] = settings.SITE_URL
        shown["missing"] = reach.missing_parts()
        shown["look_kinds"] = previews_of(self.section.form)
        return super().render_change_form(request, context | shown, **kwargs)

    def save_model(self, request: HttpRequest, obj: Publication, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(lambda: caches["pages"].delete(PUBLICATION_CACHE_KEY))

    def response_change(self, request: HttpRequest, obj: Publication) -> HttpResponse:
        self.message_user(request, _("Saved."), messages.SUCCESS)
        for words in self.section.get_warnings(obj):
            self.message_user(request, words, messages.WARNING)
        return HttpResponseRedirect(request.path)


def section_view(request: HttpRequest, *, section: SettingsSection) -> HttpResponse:
    publication = Publication.objects.current()
    return SectionAdmin(section).changeform_view(request, str(publication.pk))


SECTION_ROUTES = tuple((f"{one.name}/", partial(section_view, section=one), f"settings_{one.name}") for one in SECTIONS)
