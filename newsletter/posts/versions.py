"""The pages of a post's versions: which there are, what has changed in one, and the button that brings it back."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter.posts.models import Post, Revision
from newsletter.posts.models.revisions import Text
from newsletter.posts.saving import StaleText
from newsletter.posts.text.differences import pieces, shortened
from newsletter.posts.working import WorkingCopyAdmin, give_up, put_back
from newsletter.publication.audit import who

PER_PAGE = 30
NOW = "now"  # what a version may be compared with, beside the one before it


class VersionsAdmin(WorkingCopyAdmin):
    """Posts, with all that was ever saved of their texts. The screens of PostAdmin stand on it."""

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:pk>/versions/", self.versions, "posts_post_versions"),
            ("<int:pk>/versions/<int:number>/", self.version, "posts_post_version"),
            ("<int:pk>/versions/<int:number>/restore/", require_POST(self.restore), "posts_post_restore"),
            ("<int:pk>/working-copy/", self.working_copy, "posts_post_working_copy"),
            ("back/", self.back, "posts_post_back"),
        ]
        return [
            *(path(route, self.admin_site.admin_view(view), name=name) for route, view, name in own),
            *super().get_urls(),
        ]

    def versions(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what was saved of a post, the newest first."""
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
