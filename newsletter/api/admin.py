"""API tokens in the admin: users see their own, owners all. They can be created and deleted, not edited."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from newsletter.api import tokens
from newsletter.api.models import Token
from newsletter.api.tokens import SCHEDULE, SCOPES
from newsletter.desk.templatetags.calendar_days import short_moment
from newsletter.operation.accounts import roles
from newsletter.publication.audit import AuditedAdmin
from newsletter.publication.forms import CleanTextModelForm

NETWORKS_MAX = 50
SCOPES_SHOWN = 2  # per token in the list page
LIFETIMES_DAYS = (30, 90, 365)
USUAL_DAYS = 90


def _expiry_choices() -> list[tuple[str, Any]]:
    each = ((days, ngettext("after %(days)s day", "after %(days)s days", days)) for days in LIFETIMES_DAYS)
    return [*((str(days), words % {"days": days}) for days, words in each), ("", _("not by itself"))]


class TokenForm(CleanTextModelForm):
    scopes = forms.MultipleChoiceField(
        label=pgettext_lazy("of a token", "may"), required=False, widget=forms.CheckboxSelectMultiple
    )
    may_schedule = forms.BooleanField(
        label=_("may send issues to everybody"),
        required=False,
        help_text=_("It may schedule them: the hold stays, and so does the mail with which you cancel."),
    )
    ends = forms.ChoiceField(
        label=pgettext_lazy("of a token", "ends"), choices=_expiry_choices, required=False, initial=str(USUAL_DAYS)
    )
    user: Any  # who makes it: set by the admin

    class Meta:
        model = Token
        fields = ("name", "networks")
        widgets = {"networks": forms.Textarea({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = tokens.scopes_offered_to(self.user)
        scopes = cast("forms.MultipleChoiceField", self.fields["scopes"])
        scopes.choices = [
            (one, format_html('{} <code class="help">{}</code>', SCOPES[one].label, one))
            for one in offered
            if one != SCHEDULE
        ]
        if SCHEDULE not in offered:
            del self.fields["may_schedule"]

    def clean_networks(self) -> str:
        typed = self.cleaned_data["networks"].split()
        if len(typed) > NETWORKS_MAX:
            raise ValidationError(_("At most %(most)s networks."), params={"most": NETWORKS_MAX})
        try:
            return "\n".join(str(ip_network(one, strict=False)) for one in typed)
        except ValueError as error:
            raise ValidationError(_("This is no network: %(said)s."), params={"said": error}) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        chosen = [*cleaned.get("scopes", []), *([SCHEDULE] if cleaned.get("may_schedule") else [])]
        if not chosen and "scopes" not in self.errors:
            self.add_error("scopes", _("Choose at least one: a token without a scope opens nothing."))
        cleaned["chosen"] = chosen
        return cleaned


@admin.register(Token)
class TokenAdmin(AuditedAdmin):
    form = TokenForm
    nothing_yet = _("No token yet. With one, a program writes, composes or reads for you.")
    list_display = ("name", "prefix_shown", "scopes_in_short", "ends_shown", "last_use")
    list_display_links = ("name",)
    list_select_related = ("user",)
    actions = None
    show_full_result_count = False
    ordering = ("-made_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        found: QuerySet[Token] = super().get_queryset(request)
        return found if roles.is_owner(request.user) else found.filter(user=request.user.pk)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Token | None:
        """Somebody else's token and a missing one get the same 403."""
        token: Token | None = super().get_object(request, object_id, from_field)
        if token is None and not roles.is_owner(request.user):
            raise PermissionDenied("api.view_token")
        return token

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(tokens.scopes_offered_to(request.user))

    has_add_permission = has_delete_permission = has_module_permission = has_view_permission

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.list_display, "owner") if roles.is_owner(request.user) else self.list_display

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # arguments by name
        shown = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context | shown, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("API")} | (extra_context or {}))

    def get_form(self, request: HttpRequest, obj: Token | None = None, **kwargs: Any) -> Any:  # type: ignore[override]  # arguments by name
        form = super().get_form(request, obj, **kwargs | ({"fields": ("name", "networks")}))
        return type("TokenForm", (form,), {"user": request.user})

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> tuple[str, ...]:
        if obj:
            return (
                "name", "prefix_shown", "owner", "scopes_shown", "networks", "ends_shown", "made_at", "last_use"
            )  # fmt: skip
        may_schedule = ("may_schedule",) if SCHEDULE in tokens.scopes_offered_to(request.user) else ()
        return ("name", "scopes", *may_schedule, "ends", "networks")

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> tuple[str, ...]:
        return ("prefix_shown", "owner", "scopes_shown", "ends_shown", "made_at", "last_use") if obj else ()

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        """The secret is shown once, on the next page; only its hash is stored."""
        days, chosen = form.cleaned_data["ends"], form.cleaned_data["chosen"]
        obj.ends_at = timezone.now() + timedelta(days=int(days)) if days else None
        obj.user = cast("User", request.user)
        form.secret = tokens.set_scopes_and_secret(obj, chosen)
        super().save_model(request, obj, form, change)
        setattr(request, "new_secret", form.secret)  # noqa: B010 - for response_add, which has no form

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: str | None = None) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": gettext("Your token"),
            "opts": self.opts,
            "token": obj,
            "secret": request.new_secret,  # type: ignore[attr-defined]  # set by save_model
        }
        response = render(request, "admin/api/made.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    @admin.display(description=_("begins with"))
    def prefix_shown(self, token: Token) -> SafeString:
        return format_html("<code>{}…</code>", token.prefix)

    @admin.display(description=_("account"))
    def owner(self, token: Token) -> str:
        return token.user.get_username()

    @admin.display(description=pgettext_lazy("of a token", "may"))
    def scopes_shown(self, token: Token) -> SafeString:
        return format_html_join(" ", "<code>{}</code>", ((one,) for one in token.scopes))

    @admin.display(description=pgettext_lazy("of a token", "may"))
    def scopes_in_short(self, token: Token) -> SafeString:
        more = len(token.scopes) - SCOPES_SHOWN
        named = format_html_join(" ", "<code>{}</code>", ((one,) for one in token.scopes[:SCOPES_SHOWN]))
        return format_html("{} +{}", named, more) if more > 0 else named

    @admin.display(description=pgettext_lazy("of a token", "ends"))
    def ends_shown(self, token: Token) -> str:
        if token.ends_at and token.ends_at <= timezone.now():
            return gettext("has ended")
        return short_moment(token.ends_at) or gettext("not by itself")

    @admin.display(description=_("last used"), ordering="used_at")
    def last_use(self, token: Token) -> str:
        return short_moment(token.used_at) or gettext("never")
