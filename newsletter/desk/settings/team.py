"""The team's accounts, for owners only: roles, and links to log in for the first time."""

import secrets
from typing import Any

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsletter.desk import permissions
from newsletter.desk.settings import sender_checks
from newsletter.desk.templatetags.calendar_days import short_moment
from newsletter.mail import letters
from newsletter.mail.message import Mail, build_automatic_mail
from newsletter.operation.accounts import author, roles
from newsletter.publication.audit import PlainDeleteAdmin
from newsletter.publication.forms import CleanTextModelForm
from newsletter.publication.models import Publication


def build_invitation(user: User, *, by: str, link: str) -> Mail:
    """In the publication's language. link: one-time. by: the name of the inviter."""
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        context = {
            "publication": publication,
            "username": user.get_username(),
            "by": by,
            "duties": [
                roles.DESCRIPTIONS[group.name] for group in user.groups.all() if group.name in roles.DESCRIPTIONS
            ],
            "is_new": not user.has_usable_password(),
            "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
            "url": link,
        }
        subject = gettext("Your way to the desk of %s") % publication.name
        letter = letters.render("invitation", subject, context, base_url=settings.SITE_URL)
    once = secrets.randbits(60)
    return build_automatic_mail(letter, "invitation", once, sender=publication.sender, addresses=[user.email])


class RolesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> SafeString:
        duty = roles.DESCRIPTIONS.get(obj.name, "")
        return format_html('{} <span class="help">{}</span>', roles.role_label(obj), duty)


class RightsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return permissions.permission_label(roles.permission_key(obj))


class AccountForm(CleanTextModelForm):
    groups = RolesField(
        Group.objects.order_by("pk"), label=_("Roles"), required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = User
        fields = ("username", "email", "groups", "is_active")
        labels = {"is_active": _("May log in")}
        help_texts = {
            "username": _("One logs in with it. Readers never see it."),
            "email": _("Reminders before a slot, and what becomes of a mailing, go there for those who may send."),
            "is_active": _("Untick this instead of deleting an account: what it wrote stays."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.is_superuser:  # a superuser counts as an owner
            self.initial["groups"] = [*self.initial["groups"], Group.objects.get(name=roles.OWNER)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        list(roles.owners().select_for_update())  # lock: two owners may demote each other at once
        stays = cleaned.get("is_active") and self.makes_owner()
        if self.instance.pk and not stays and roles.is_last_owner(self.instance):
            raise ValidationError(_("Nobody else who can log in is an owner. Make somebody else one first."))
        return cleaned

    def makes_owner(self) -> bool:
        return any(group.name == roles.OWNER for group in self.cleaned_data.get("groups", ()))


def _is_of_owner(request: HttpRequest) -> bool:
    """Cached on the request: the navigation asks several times."""
    known: bool | None = getattr(request, "_is_of_owner", None)
    if known is None:
        known = roles.is_owner(request.user)
        setattr(request, "_is_of_owner", known)  # noqa: B010
    return known


class OwnersOnlyAdmin(PlainDeleteAdmin):
    """Checks the role itself: a permission could be passed on by anyone who has it."""

    actions = None
    show_facets = admin.ShowFacets.NEVER
    list_title: Any

    class Media:
        css = {"all": ("desk/composer.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": self.list_title} | (extra_context or {}))

    def _may_use(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_of_owner(request)

    has_module_permission = has_view_permission = has_add_permission = _may_use
    has_change_permission = has_delete_permission = _may_use


class AccountAdmin(OwnersOnlyAdmin):
    form = AccountForm
    list_title = _("Accounts")
    list_display = ("username", "role_names", "may_log_in", "last_seen")
    search_fields = ("username", "email")
    ordering = ("username",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_urls(self) -> list[URLPattern]:
        link = self.admin_site.admin_view(self.start_link)
        return [path("<int:pk>/start-link/", link, name="auth_user_start_link"), *super().get_urls()]

    @admin.display(description=_("Roles"))
    def role_names(self, user: User) -> str:
        names = [roles.role_label(group) for group in user.groups.all()]
        own = [str(roles.ROLE_LABELS[roles.OWNER])] if user.is_superuser else []
        return gettext(", ").join(dict.fromkeys([*own, *names])) or "—"

    @admin.display(description=_("state"), ordering="is_active")
    def may_log_in(self, user: User) -> str:
        return gettext("May log in") if user.is_active else gettext("May not log in")

    @admin.display(description=_("last login"), ordering="last_login")
    def last_seen(self, user: User) -> str:
        return short_moment(user.last_login) or gettext("never logged in")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_kept = obj is not None and (obj == request.user or roles.is_last_owner(obj))
        return super().has_delete_permission(request, obj) and not is_kept

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Make it a staff account without a password, which is set by the start link."""
        if not change:
            obj.set_unusable_password()
        obj.is_staff = True
        obj.is_superuser = obj.is_superuser and form.makes_owner()
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, _("Invited %(name)s. Send them the link.") % {"name": obj})
        return HttpResponseRedirect(reverse("admin:auth_user_start_link", args=[obj.pk]))

    def start_link(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm on GET. POST mails a one-time link, or shows it; it is not stored."""
        if not roles.is_owner(request.user):
            raise PermissionDenied(permissions.MANAGE_ACCOUNTS)
        user = get_object_or_404(User, pk=pk, is_active=True)
        link = ""
        if request.method == "POST":
            link = author.start_link(user, base_url=settings.SITE_URL)
            if "mail" in request.POST and user.email:
                return self._invite(request, user, link)
            self.log_change(request, user, gettext("A start link was made."))
        context = {"account": user, "link": link, "title": _("Start link"), "opts": self.opts}
        return render(request, "desk/start_link.html", self.admin_site.each_context(request) | context)

    def _invite(self, request: HttpRequest, user: User, link: str) -> HttpResponse:
        invitation = build_invitation(user, by=request.user.get_username(), link=link)
        level, words = sender_checks.send_by(settings.MAILERS["default"], invitation)
        messages.add_message(request, level, words)
        if level == messages.ERROR:
            return redirect("admin:auth_user_start_link", user.pk)
        self.log_change(request, user, gettext("A start link was mailed."))
        return redirect("admin:auth_user_changelist")


class RoleAdmin(OwnersOnlyAdmin):
    """Permissions of a role. That of owners cannot be changed, so that they cannot lock themselves out."""

    form = CleanTextModelForm
    list_title = _("Roles")
    list_display = ("role", "rights_in_words")
    ordering = ("pk",)

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        if obj is None or obj.name not in roles.ROLE_LABELS:
            return ("name", "permissions")
        return ("role", "rights_in_words" if obj.name == roles.OWNER else "permissions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("permissions__content_type")

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.name != roles.OWNER)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Built-in roles stay: the next upgrade would create them again."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.name not in roles.ROLE_LABELS)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        return ("role", "rights_in_words") if obj and obj.name in roles.ROLE_LABELS else ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        granted = Permission.objects.filter(content_type__app_label__in=roles.ROLE_APPS).select_related("content_type")
        shown = granted.filter(content_type__model__in=_models_of_the_desk()).order_by("content_type", "pk")
        return RightsField(shown, label=_("Rights"), required=False, widget=forms.CheckboxSelectMultiple)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # Django names what kwargs takes
        if group := kwargs.get("obj"):
            context["subtitle"] = roles.role_label(group)
        return super().render_change_form(request, context, **kwargs)

    @admin.display(description=_("role"))
    def role(self, group: Group) -> str:
        return roles.role_label(group)

    @admin.display(description=_("Rights"))
    def rights_in_words(self, group: Group) -> Any:
        if group.name in roles.DESCRIPTIONS:
            return roles.DESCRIPTIONS[group.name]
        keys = (roles.permission_key(one) for one in group.permissions.all())
        return format_html_join(", ", "{}", ((permissions.permission_label(key),) for key in keys))


def _models_of_the_desk() -> list[str]:
    """Names of the models with screens: permissions on others are not offered."""
    shown = (str(model._meta.model_name) for model in apps.get_models() if admin.site.is_registered(model))
    return ["issueitem", *shown]
