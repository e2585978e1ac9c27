"""A post on the desk beside its form: whose it is, how it is stored, its versions, how readers will see it."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from newsletter.mail.salutations import with_name, without_names
from newsletter.posts.models import BODY_MAX, Post, Revision, WorkingCopy
from newsletter.posts.models.renderings import rendered_anew
from newsletter.posts.models.revisions import Text
from newsletter.posts.saving import PUBLISH, UPDATE, InPlaceAdmin, StaleText, document_of, is_auto, is_in_place
from newsletter.posts.text.differences import pieces, shortened
from newsletter.posts.working import (
    MAY_PUBLISH,
    give_up,
    put_back,
    store_rest,
    store_text,
    was_logged_lately,
)
from newsletter.publication.audit import AuditedAdmin, who

PER_PAGE = 30  # versions
NOW = "now"  # what a version may be compared with, beside the one before it
CALLING = {"introduction", "closing"}  # the fields whose letters call readers by their names
READER = "王小明"


class WritingAdmin(InPlaceAdmin, AuditedAdmin):
    """All posts to who may publish, own drafts to the others. A published post is changed in a working copy, and every
    state that was saved is kept as a version.
    """

    writer_fieldsets = (
        (None, {"fields": ("title", "body", "seen_at"), "classes": ("writing",)}),
        (gettext_lazy("In lists"), {"fields": ("tag_names", "summary", "cover", "words"), "classes": ("aside",)}),
    )

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("preview/", self.preview, "preview"),
            ("back/", self.back, "back"),
            ("<int:pk>/read/", self.read, "read"),
            ("<int:pk>/preview-link/", require_POST(self.switch_preview), "preview_link"),
            ("<int:pk>/versions/", self.versions, "versions"),
            ("<int:pk>/versions/<int:number>/", self.version, "version"),
            ("<int:pk>/versions/<int:number>/restore/", require_POST(self.restore), "restore"),
            ("<int:pk>/working-copy/", self.working_copy, "working_copy"),
        ]
        screens = [path(at, self.admin_site.admin_view(view), name=f"posts_post_{name}") for at, view, name in own]
        return [*screens, *super().get_urls()]

    # --- Which posts ---

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_PUBLISH)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        return super().get_queryset(request).open_to(request.user)  # type: ignore[no-any-return,attr-defined]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Post | None:
        """Return a post with what was changed in it, though readers do not see that yet.

        One of somebody else is refused in the same words as one that does not exist.
        """
        post: Post | None = super().get_object(request, object_id, from_field)
        self.refuse_unless(post is not None or self.has_publish_permission(request), "publish")
        if post is not None:
            WorkingCopy.objects.lay_over(post)
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

    # --- How their text is stored ---

    def get_fieldsets(self, request: HttpRequest, obj: Post | None = None) -> Any:
        return super().get_fieldsets(request, obj) if self.has_publish_permission(request) else self.writer_fieldsets

    def save_model(self, request: HttpRequest, obj: Post, form: Any, change: bool) -> None:
        """Store what was typed, unless somebody else has saved since the form was checked.

        A date is refused from who may not publish, however it came here.
        """
        self.refuse_unless(obj.published_at is None or self.has_publish_permission(request), "publish")
        if not change:
            obj.created_by_id = request.user.pk
            obj.document = document_of(request) if is_in_place(request) else ""
        is_shown = bool({PUBLISH, UPDATE} & request.POST.keys())
        write = partial(super().save_model, request, obj, form, change)
        store_text(obj, form, is_shown=is_shown, write=write, now=timezone.now())
        Revision.objects.drop_refused(obj.pk, page=document_of(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        store_rest(form)

    def log_change(self, request: HttpRequest, obj: Post, message: Any) -> None:  # type: ignore[override]
        if not (is_auto(request) and was_logged_lately(obj)):
            super().log_change(request, obj, message)

    def keep_refused(self, request: HttpRequest, form: Any) -> str:
        """Keep what was typed as a version of its own, which what is typed on on the same page replaces."""
        post = form.instance
        version = Revision.objects.refuse(post.pk, post, page=document_of(request), at=timezone.now())
        return reverse("admin:posts_post_version", args=[post.pk, version.pk], query={"with": "now"})

    # --- How a script is answered ---

    def seen(self, saved: Post) -> dict[str, str]:
        return {"seen_at": (saved.pending or saved).updated_at.isoformat()}

    def facts(self, saved: Post) -> dict[str, Any]:
        return {"pending": bool(saved.pending)}

    def saved_before(self, request: HttpRequest) -> int | None:
        """Return the post that the page of a new one has made already."""
        name = document_of(request)
        return self.get_queryset(request).filter(document=name).values_list("pk", flat=True).first() if name else None

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

    # --- Its versions ---

    def versions(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = self._changeable(request, pk)
        all_of_them = Revision.objects.with_refused(pk).defer("title", "summary", "body")
        page = Paginator(all_of_them, PER_PAGE).get_page(request.GET.get("p"))
        now = Revision.objects.of(pk).values_list("pk", flat=True).first()
        rows = [{"version": one, "who": who(one.by, one.via), "is_now": one.pk == now} for one in page.object_list]
        return self._shown(request, "versions", post, page=page, rows=rows, title=_("Earlier versions"))

    def version(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Show what has changed in a version: since the one before it, or until now."""
        post, one = self._changeable(request, pk), _version(pk, number)
        older = Revision.objects.before(one).first()
        newer = (
            Revision.objects.of(pk).filter(saved_at__gt=one.saved_at).order_by("saved_at", "pk").defer("body").first()
        )
        is_with_now = request.GET.get("with") == NOW
        before, after = (one, post) if is_with_now else (older, one)
        return self._shown(
            request,
            "version",
            post,
            title=_("One version"),
            version=one,
            who=who(one.by, one.via),
            older=older,
            newer=newer,
            is_with_now=is_with_now,
            is_current=_is_equal(one, post),
            parts=_parts(before, after),
        )

    def restore(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Put a version back; what stood in its place is a version too."""
        post, one = self._changeable(request, pk), _version(pk, number)
        if post.state(timezone.now()) == Post.State.SCHEDULED and not (one.title and one.body):
            messages.error(request, _("This version has no title or no text: a post with a date needs both."))
            return HttpResponseRedirect(reverse("admin:posts_post_version", args=[pk, number]))
        return self._done(
            request,
            post,
            lambda: put_back(post, one, timezone.now()),
            _("The version is back. What stood here before it is a version, too."),
        )

    def working_copy(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what has changed in a published post that readers do not see yet; POST gives it up."""
        post = self._changeable(request, pk)
        if post.pending is None:
            return HttpResponseRedirect(reverse("admin:posts_post_change", args=[pk]))
        if request.method == "POST":
            text = _("The form shows again what readers see. What you had changed stands among the versions.")
            return self._done(request, post, lambda: give_up(post, timezone.now()), text)
        parts = _parts(Post.objects.get(pk=pk), post)
        return self._shown(request, "working_copy", post, title=_("Not published yet"), parts=parts)

    def back(self, request: HttpRequest) -> HttpResponse:
        """Let somebody who has logged in again go back to the page with their text."""
        context = self.admin_site.each_context(request) | {"title": _("You are logged in again")}
        return TemplateResponse(request, "admin/posts/back.html", context)

    def _changeable(self, request: HttpRequest, pk: int) -> Post:
        post = self.found(request, pk)
        self.refuse_unless(self.has_change_permission(request, post), "change")
        return post

    def _shown(self, request: HttpRequest, name: str, post: Post, **context: Any) -> HttpResponse:
        common = self.admin_site.each_context(request) | {"opts": self.opts, "post": post}
        return TemplateResponse(request, f"admin/posts/{name}.html", common | context)

    def _done(self, request: HttpRequest, post: Post, act: Callable[[], None], text: str) -> HttpResponse:
        try:
            with transaction.atomic():
                act()
        except StaleText:
            messages.error(request, _("Somebody has saved this post just now. Nothing was changed: look at it again."))
        else:
            messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:posts_post_change", args=[post.pk]))


def _is_own_draft(post: Post, request: HttpRequest) -> bool:
    return post.published_at is None and post.created_by_id == request.user.pk


def _named(html: str) -> str:
    """Return rendered HTML as a reader with a name gets it, to stand beside it; "" where nobody is called."""
    named = with_name(html, READER)
    return mark_safe(re.sub(r' id="[^"]*"', "", named)) if named != html else ""  # noqa: S308  # nosec B308, B703  # sanitised


def _version(pk: int, number: int) -> Revision:
    one = Revision.objects.with_refused(pk).filter(pk=number).first()
    if one is None:
        raise Http404(number)
    return one


def _parts(before: Text | None, after: Text) -> list[dict[str, Any]]:
    """Return what has changed in title, summary and text, and nothing of what is equal."""
    names = {"title": _("Title"), "summary": _("Summary"), "body": _("Text of the post")}
    both = {name: (getattr(before, name) if before else "", getattr(after, name)) for name in names}
    return [
        {"name": name, "label": names[name], "pieces": list(shortened(pieces(old, new)))}
        for name, (old, new) in both.items()
        if old != new
    ]


def _is_equal(one: Text, other: Text) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("title", "summary", "body"))
