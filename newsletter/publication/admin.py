"""The one form that says who we are."""

from typing import Any

from django.contrib import admin
from django.core.cache import caches
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsletter.publication.audit import AuditedAdmin
from newsletter.publication.forms import PublicationForm
from newsletter.publication.models import CACHE_KEY, Publication


@admin.register(Publication)
class PublicationAdmin(AuditedAdmin):
    form = PublicationForm
    fieldsets = (
        (
            _("What it is"),
            {"fields": ("name", "promise", "author", "about", ("language", "time_zone"), "takes_readers")},
        ),
        (_("Look"), {"fields": (("theme", "accent"), "logo", ("look", "heading_font"), "numbered", "footer")}),
        (
            _("Sender"),
            {
                "fields": (
                    ("sender_name", "sender_email"),
                    "reply_to",
                    "bounces_to",
                    "postal_address",
                    "security_contact",
                    "warm_up_from",
                    "signature",
                )
            },
        ),
        (
            _("Rhythm"),
            {
                "fields": (
                    ("cadence_anchor_on", "cadence_at", "cadence_days"),
                    ("hold_minutes", "unapproved"),
                    "holiday_country",
                ),
                "description": _("Slots are counted from the first one on the calendar of the time zone above."),
                "classes": ("rhythm",),
            },
        ),
        (_("Security"), {"fields": ("owners_need_second_factor",)}),
        (_("Reading and writing"), {"fields": (("han_per_minute", "words_per_minute"), "terms", "checks_off")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """One installation has one publication."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Publication | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one: go to its form."""
        publication = Publication.objects.current()
        return HttpResponseRedirect(reverse("admin:publication_publication_change", args=[publication.pk]))

    def save_model(self, request: HttpRequest, obj: Publication, form: PublicationForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(lambda: caches["pages"].delete(CACHE_KEY))
