"""Admin classes of issues and mailings. Here, because their screens need both apps."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth import admin as stock  # noqa: F401  # registers users and groups, whose screens are ours
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Mailing, Reminder
from newsletter.delivery.planning.approving import can_be_corrected, was_sent_to_all
from newsletter.delivery.sending_days import free_slots
from newsletter.desk.issues import composer, history, listing
from newsletter.desk.issues.composer import start_rehearsal_if_needed
from newsletter.desk.issues.history import AuditedIssueAdmin
from newsletter.desk.readers.reader_admin import ReadersAdmin
from newsletter.desk.settings.team import AccountAdmin, RoleAdmin
from newsletter.desk.templatetags.calendar_days import short_moment
from newsletter.desk.templatetags.figures import reader_count_text
from newsletter.desk.today import issues_context
from newsletter.issues.assembly import next_number, proposed_posts
from newsletter.issues.forms import IssueForm, ItemForm, ItemFormSet
from newsletter.issues.models import Issue, IssueItem
from newsletter.issues.search import index_issue
from newsletter.posts.admin import WRITING_SCRIPTS
from newsletter.posts.json_saves import AUTOSAVE_DELAY, JsonSaveAdmin
from newsletter.posts.search.index import remove_document
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

# Replaced by newsletter/desk/settings/own_account.py, which shows no secrets.
admin.site.unregister([EmailAddress, Authenticator, UserSession])
admin.site.unregister([User, Group])
admin.site.register(User, AccountAdmin)
admin.site.register(Group, RoleAdmin)

admin.site.unregister(Subscriber)
admin.site.register(Subscriber, ReadersAdmin)

NEXT_SCREENS = {"_preview": "admin:issue_preview", "_send": "admin:issue_send"}  # by the button that saves


class ItemInline(admin.TabularInline):  # type: ignore[type-arg]
    model = IssueItem
    form = ItemForm
    formset = ItemFormSet
    fields = ("position", "post", "form")
    template = "admin/issues/issue/items.html"
    verbose_name_plural = _("Posts")

    def get_extra(self, request: HttpRequest, obj: Issue | None = None, **kwargs: Any) -> int:
        return 0 if obj and obj.pk else len(_proposals_of(request))


@admin.register(Issue)
class IssueAdmin(JsonSaveAdmin, AuditedIssueAdmin):
    form = IssueForm
    inlines = (ItemInline,)
    list_display = ("number", "subject", "state")
    sortable_by = ()
    list_display_links = ("number", "subject")
    list_per_page = 52  # two years
    search_fields = ("subject", "introduction", "posts__title")
    ordering = ("-number",)
    actions = None  # deleted from its own page, which explains obstacles
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": (("subject", "number"), "preheader", "seen_version"), "classes": ("opening",)}),
        (None, {"fields": ("introduction", "introduction_from", "introduction_as"), "classes": ("introduction",)}),
        (None, {"fields": ("closing", "closing_from", "closing_as"), "classes": ("closing",)}),
        (None, {"fields": ("question", "question_choices", "shows_result"), "classes": ("question",)}),
    )

    class Media:
        css = {"all": ("desk/composer.css", "desk/issue.css")}
        js = (
            *WRITING_SCRIPTS,
            *(
                forms.Script(f"desk/{name}.js", type="module")
                for name in ("title", "composer", "rehearsal", "scheduling")
            ),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Issue]:
        return super().get_queryset(request).prefetch_related(Prefetch("mailings", queryset=listing.with_progress()))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show one year below the next issues. A search uses the stock change list."""
        context = {"title": pgettext_lazy("desk", "Issues")} | (extra_context or {})
        if request.method == "POST" or not listing.shows_year(request.GET):
            return super().changelist_view(request, context)
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        now = timezone.now()
        context |= issues_context(request.user, now) | listing.list_context(
            request.GET.get(listing.YEAR_PARAMETER, ""), now
        )
        context |= {"has_trash": self.has_trash_permission(request)}
        context |= {"has_add_permission": self.has_add_permission(request), "opts": self.opts}
        return TemplateResponse(request, "desk/issues.html", self.admin_site.each_context(request) | context)

    @admin.display(description=_("state"))
    def state(self, issue: Issue) -> SafeString:
        mailing = next(reversed(issue.mailings.all()), None)
        return render_to_string("desk/_issue_state.html", {"issue": issue, "mailing": mailing})

    def get_readonly_fields(self, request: HttpRequest, obj: Issue | None = None) -> tuple[str, ...]:
        return ("number",) if obj and history.is_number_fixed(obj) else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"number": next_number(), "proposals": _proposals_of(request)}

    def get_formset_kwargs(self, request: HttpRequest, obj: Issue, inline: Any, prefix: str) -> dict[str, Any]:
        """Propose posts for a new issue; not when invalid ones are shown again: initial rows count as unchanged."""
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        is_new = request.method != "POST" and not obj.pk
        return given | ({"initial": _proposals_of(request)} if is_new else {})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # Django names what kwargs takes
        issue: Issue | None = kwargs.get("obj")
        mailing = issue.mailings.order_by("pk").last() if issue else None
        shown = {
            "issue": issue,
            "mailing": mailing,
            "can_be_corrected": issue and can_be_corrected(issue),
            "others_wait": issue and issue.sent_at and not issue.imported_at and not was_sent_to_all(issue),
            "is_frozen_otherwise": issue and mailing and _is_frozen_otherwise(issue, mailing),
            "show_save_and_add_another": False,
            "rest": int(AUTOSAVE_DELAY / timedelta(milliseconds=1)) if _saves_itself(issue, mailing) else None,
        }
        for inline in context["inline_admin_formsets"]:
            composer.add_choices(issue or Issue(number=0), inline.formset)
        if issue:
            shown |= composer.letter_context(issue, timezone.now())
        return super().render_change_form(request, context | shown, **kwargs)

    def save_model(self, request: HttpRequest, obj: Issue, form: Any, change: bool) -> None:
        """Save the text. Raises StaleTextError if it was edited elsewhere since this tab loaded it."""
        if change:
            history.save_text(obj, form.cleaned_data["seen_version"] or obj.version)
        else:
            super().save_model(request, obj, form, change)

    def seen(self, saved: Issue) -> dict[str, str]:
        return {"seen_version": str(Issue.objects.values_list("version", flat=True).get(pk=saved.pk))}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        history.save_posts_and_texts(form)

    def in_use(self, rows: QuerySet[Issue]) -> QuerySet[Issue]:
        """The record of who got it hangs on it."""
        return rows.filter(mailings__isnull=False)

    def after_trash(self, rows: Iterable[Issue]) -> None:
        """Letters that ask for an approval lead nowhere; a draft is not proposed again for the same slot."""
        for issue in rows:
            remove_document("issue", issue.pk)
            issue.reminders.exclude(kind=Reminder.Kind.DRAFT).delete()

    def before_put_back(self, row: Issue) -> None:
        """Under the next number if its own was given to another, and without posts that are gone."""
        if Issue.objects.filter(number=row.number).exists():
            row.number = next_number()
            row.save(update_fields=["number"])
        row.items.filter(post__trashed_at__isnull=False).delete()
        index_issue(row)

    def response_add(self, request: HttpRequest, obj: Issue, post_url_continue: str | None = None) -> HttpResponse:
        return self._next_screen(request, obj, super().response_add(request, obj, post_url_continue))

    def response_change(self, request: HttpRequest, obj: Issue) -> HttpResponse:
        return self._next_screen(request, obj, super().response_change(request, obj))

    def _next_screen(self, request: HttpRequest, issue: Issue, otherwise: HttpResponse) -> HttpResponse:
        """Redirect by the button that saved. For "send", start a rehearsal meanwhile."""
        chosen = next((screen for button, screen in NEXT_SCREENS.items() if button in request.POST), None)
        if chosen == NEXT_SCREENS["_send"] and request.user.has_perm("issues.send_issue") and not issue.sent_at:
            start_rehearsal_if_needed(issue, "", freeze_letter(issue).content_hash, timezone.now())
        return redirect(chosen, issue.pk) if chosen else otherwise

    def view_on_site(self, issue: Issue) -> str:
        """The public page, or the preview before it is sent."""
        return issue.get_absolute_url() if issue.sent_at else reverse("admin:issue_preview", args=[issue.pk])


@admin.register(Mailing)
class MailingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Only a list: actions are on the page of each mailing."""

    nothing_yet = _("Nothing was sent yet. Once an issue is scheduled, its progress and its result are here.")
    list_display = ("issue", "state_now", "ended", "readers")
    sortable_by = ()
    list_filter = ("state",)
    list_select_related = ("issue",)
    list_per_page = 50
    actions = None
    show_facets = admin.ShowFacets.NEVER
    empty_value_display = ""

    class Media:
        css = {"all": ("desk/composer.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mailing]:
        return super().get_queryset(request).defer("html", "text")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Mailings")} | (extra_context or {}))

    @admin.display(description=_("state"))
    def state_now(self, mailing: Mailing) -> SafeString:
        return render_to_string("desk/_mailing_state.html", {"mailing": mailing})

    @admin.display(description=_("finished"))
    def ended(self, mailing: Mailing) -> str:
        return short_moment(mailing.finished_at)

    @admin.display(description=_("readers"))
    def readers(self, mailing: Mailing) -> str:
        """How many get it; empty before it begins. On phones with the noun, because there are no column heads."""
        if not mailing.total:
            return ""
        number = number_format(mailing.total, force_grouping=True)
        return format_html(
            '<span class="is-wide">{}</span><span class="is-narrow">{}</span>', number, reader_count_text(mailing.total)
        )

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponseRedirect:
        if not object_id.isdecimal():
            raise Http404(object_id)  # the stock admin routes every path below a mailing here
        return redirect("admin:mailing", object_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Mailing | None = None) -> bool:
        return False


def _proposals_of(request: HttpRequest) -> list[dict[str, Any]]:
    """The initial rows of a new issue. Cached on the request: one page needs them several times."""
    cached: list[dict[str, Any]] | None = getattr(request, "_proposals", None)
    if cached is None:
        [slot] = free_slots(Publication.objects.current(), timezone.now(), 1)
        cached = [asdict(row) for row in proposed_posts(slot)]
        setattr(request, "_proposals", cached)  # noqa: B010
    return cached


def _saves_itself(issue: Issue | None, mailing: Mailing | None) -> bool:
    """Is autosave on? Only while the issue is neither sent nor approved."""
    is_approved = mailing is not None and mailing.state in Mailing.OPEN_STATES
    return issue is None or (issue.sent_at is None and not is_approved)


def _is_frozen_otherwise(issue: Issue, mailing: Mailing) -> bool:
    """Does a pending mailing carry an older text than the issue has now?"""
    waits = mailing.state in {Mailing.State.SCHEDULED, Mailing.State.PAUSED}
    return waits and freeze_letter(issue, mailing.note).content_hash != mailing.content_hash
