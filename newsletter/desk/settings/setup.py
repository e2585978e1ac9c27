"""The setup page of a new newsletter. Until it is saved, the desk shows no other."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods

from newsletter.delivery.readers import welcome
from newsletter.delivery.rehearsal import example_reader
from newsletter.desk.settings import publication as sections
from newsletter.operation.accounts.author import USERNAME
from newsletter.publication.forms import SetupForm, setup_examples
from newsletter.publication.models import Publication

PREVIEWS = ((sections.SITE, _("Your home page")), (sections.WELCOME, _("Your first letter to a new reader")))
GENERIC_LABELS = {"www", "news", "newsletter", "letter", "letters", "mail", "localhost"}
MOVE_IN = "move_in"  # name of the button for those who have posts elsewhere


class SetupAdmin(sections.SectionAdmin):
    change_form_template = "desk/setup.html"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Publication | None:
        """The publication with suggestions as initial values."""
        found = super().get_object(request, object_id, from_field)
        for name, value in suggestions(request).items():
            setattr(found, name, value)
        return found

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # Django names what kwargs takes
        shown = {"previews": PREVIEWS, "form": context["adminform"].form, "move_in": MOVE_IN}
        return super().render_change_form(request, context | shown, **kwargs)

    def response_change(self, request: HttpRequest, obj: Publication) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:move_in" if MOVE_IN in request.POST else "admin:posts_post_add"))


SECTION = sections.SettingsSection("setup", pgettext_lazy("settings", "The newsletter"), SetupForm)


def setup(request: HttpRequest) -> HttpResponse:
    publication = Publication.objects.current()
    if publication.is_set_up:
        return redirect("admin:settings_letter")
    return SetupAdmin(SECTION).changeform_view(request, str(publication.pk))


def suggestions(request: HttpRequest) -> dict[str, Any]:
    """Values derived from browser, account and site URL."""
    language = Publication.objects.current().language
    found = {"language": language, "name": suggested_name(settings.SITE_URL), "author": _name_of(request.user)}
    return found | {"time_zone": "Asia/Taipei" if language == "zh-hant" else ""}


def suggested_name(site_url: str) -> str:
    """The name in the site's domain; "" for an address of this machine, or one with numbers."""
    host = urlsplit(site_url).hostname or ""
    words = [word for word in host.split(".")[:-1] if word not in GENERIC_LABELS]
    return words[0].replace("-", " ").title() if words and not any(word.isdecimal() for word in words) else ""


def _name_of(user: Any) -> str:
    assert isinstance(user, User)  # noqa: S101 - the desk has let them in
    return user.get_full_name() or ("" if user.username.startswith(USERNAME) else user.username.title())


@xframe_options_sameorigin
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, kind: str) -> HttpResponse:
    """Show the home page or the welcome with what is typed so far, and examples for the rest. Saves nothing."""
    if kind not in dict(PREVIEWS):
        raise Http404(kind)
    publication = _draft(request)
    language, zone = translation.override(publication.language), timezone.override(publication.zone)
    with Publication.objects.used(publication), language, zone:
        if kind == sections.SITE:
            return sections.site_page(request)
        return sections.letter_page(
            request, welcome.build_welcome(example_reader(sections.EXAMPLE_ADDRESS), timezone.now())
        )


def _draft(request: HttpRequest) -> Publication:
    publication = Publication.objects.fresh()
    publication.language = Publication.objects.current().language
    if request.method == "POST":
        SetupForm(request.POST, instance=publication).is_valid()  # sets the valid fields
    with translation.override(publication.language):
        for name, example in setup_examples().items():
            setattr(publication, name, getattr(publication, name) or example)
    return publication
