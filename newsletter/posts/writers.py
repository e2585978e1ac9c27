"""What somebody may do with posts on the desk who may not publish: write drafts of their own."""

import re
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from newsletter.mail.salutations import with_name, without_names
from newsletter.posts.models import BODY_MAX, Post
from newsletter.posts.models.renderings import rendered_anew
from newsletter.publication.audit import AuditedAdmin

PUBLISH = "posts.publish_post"
CALLING = {"introduction", "closing"}  # the fields whose letters call readers by their names
READER = "王小明"


class OwnDraftsAdmin(AuditedAdmin):
    """Posts: all of them to who may publish, own drafts to the others. The screens of PostAdmin stand on it."""

    writer_fieldsets = (
        (None, {"fields": ("title", "body", "seen_at"), "classes": ("writing",)}),
        (_("In lists"), {"fields": ("tag_names", "summary", "cover", "words"), "classes": ("aside",)}),
    )

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("preview/", self.preview, "posts_post_preview"),
            ("<int:pk>/read/", self.read, "posts_post_read"),
            ("<int:pk>/preview-link/", require_POST(self.switch_preview), "posts_post_preview_link"),
        ]
        screens = [path(route, self.admin_site.admin_view(view), name=name) for route, view, name in own]
        return [*screens, *super().get_urls()]

    # --- Which posts ---

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PUBLISH)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        return super().get_queryset(request).open_to(request.user)  # type: ignore[no-any-return,attr-defined]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Post | None:
        """Refuse a post of somebody else in the same words as one that does not exist."""
        post: Post | None = super().get_object(request, object_id, from_field)
        self.refuse_unless(post is not None or self.has_publish_permission(request), "publish")
        return post

    def found(self, request: HttpRequest, pk: int) -> Post:
        if (post := self.get_object(request, str(pk))) is None:
            raise Http404(pk)
        return post

    def has_change_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        """Let a post that has a date, past or to come, be changed only by who may publish."""
        is_open = obj is None or self.has_publish_permission(request) or _is_own_draft(obj, request)
        return is_open and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        return self.has_publish_permission(request) and super().has_delete_permission(request, obj)

    def refuse_unless(self, is_allowed: bool, verb: str) -> None:
        if not is_allowed:
            raise PermissionDenied(f"posts.{verb}_post")

    # --- What of them ---

    def get_fieldsets(self, request: HttpRequest, obj: Post | None = None) -> Any:
        return super().get_fieldsets(request, obj) if self.has_publish_permission(request) else self.writer_fieldsets

    def save_model(self, request: HttpRequest, obj: Post, form: Any, change: bool) -> None:
        """Note whose post it is; refuse a date from who may not publish, however it came here."""
        self.refuse_unless(obj.published_at is None or self.has_publish_permission(request), "publish")
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    # --- How readers will see it ---

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Show the text in the form as readers will see it, saved or not."""
        self.refuse_unless(self.has_add_permission(request) or self.has_change_permission(request), "change")
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:posts_post_changelist"))
        body = request.POST.get("body", "")
        post = Post(title=request.POST.get("title", ""), body=body[:BODY_MAX])
        html = rendered_anew(post.body)
        context = {"post": post, "html": mark_safe(without_names(html)), "is_cut": len(body) > BODY_MAX}  # noqa: S308  # nosec B308, B703  # sanitised
        if request.POST.get("field") in CALLING:
            context |= {"reader": READER, "named": _named(html)}
        return render(request, "posts/_preview.html", context)

    def read(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a saved post as readers will see it, a draft too."""
        post = self.found(request, pk)
        self.refuse_unless(self.has_view_permission(request, post), "view")
        return render(request, "posts/_preview.html", {"post": post, "html": post.html})

    def switch_preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Open the preview of a post to whoever has its link, or close it, as the button says."""
        post = self.found(request, pk)
        self.refuse_unless(self.has_change_permission(request, post), "change")
        if "close" in request.POST:
            post.close_preview()
            messages.success(request, _("The link is off. Whoever has it sees nothing any more."))
        else:
            post.open_preview(timezone.now())
            messages.success(request, _("The link is on for 30 days."))
        return HttpResponseRedirect(reverse("admin:posts_post_change", args=[pk]) + "#preview-link")


def _is_own_draft(post: Post, request: HttpRequest) -> bool:
    return post.published_at is None and post.created_by_id == request.user.pk


def _named(html: str) -> str:
    """Return rendered HTML as a reader with a name gets it, to stand beside it; "" where nobody is called."""
    named = with_name(html, READER)
    return mark_safe(re.sub(r' id="[^"]*"', "", named)) if named != html else ""  # noqa: S308  # nosec B308, B703  # sanitised
