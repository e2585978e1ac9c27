"""Patterns on the desk: a post is kept as one, and a new post begins with one."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from newsletter.posts.models import Pattern, Post
from newsletter.posts.saving import is_in_place
from newsletter.posts.versions import VersionsAdmin
from newsletter.publication.audit import PlainDeletionAdmin
from newsletter.publication.forms import TypedModelForm

KEEP = "_pattern"  # the button that keeps a post as one
FROM = "pattern"  # in the address of a new post: which one it begins with
OFFERED = 12  # beside the button of a new post; the others stand in their list


class PatternedAdmin(VersionsAdmin):
    """Posts, which may begin with a pattern and become one. The screens of PostAdmin stand on it."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        key = request.GET.get(FROM, "")
        pattern = Pattern.objects.filter(pk=int(key)).first() if key.isdecimal() and len(key) < 19 else None
        return pattern.beginning() if pattern else super().get_changeform_initial_data(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {"patterns": Pattern.objects.only("title")[:OFFERED]}
        return super().changelist_view(request, shown | (extra_context or {}))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if KEEP in request.POST and not is_in_place(request):
            self._keep(request, form.instance, form.cleaned_data["tag_names_typed"])

    def _keep(self, request: HttpRequest, post: Post, tag_names: str) -> None:
        pattern, is_new = Pattern.objects.keep(post, tag_names)
        text = _("Kept as the pattern {link}.") if is_new else _("The pattern {link} has this text now.")
        address = reverse("admin:posts_pattern_change", args=[pattern.pk])
        link = format_html('<a href="{}">{}</a>', address, pattern)
        self.message_user(request, format_html(str(text), link=link), messages.SUCCESS)


class PatternAdmin(PlainDeletionAdmin):
    form = TypedModelForm
    nothing_yet = _("No pattern yet. “Keep as a pattern” below a post makes one.")
    list_display = ("title", "use")
    search_fields = ("title",)
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Patterns")} | (extra_context or {}))

    def has_view_permission(self, request: HttpRequest, obj: Pattern | None = None) -> bool:
        return request.user.has_perm("posts.add_post")

    has_add_permission = has_view_permission  # one right for all of it
    has_change_permission = has_delete_permission = has_view_permission

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description=_("new post"))
    def use(self, pattern: Pattern) -> SafeString:
        address = reverse("admin:posts_post_add", query={FROM: pattern.pk})
        return format_html('<a href="{}">{}</a>', address, _("Begin a post with it"))
