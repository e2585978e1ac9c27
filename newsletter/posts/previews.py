"""A draft, shown to somebody before it is published: the page, and the author's switch for its link."""

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter.posts.models import Post
from newsletter.publication.doors import capability


@capability
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """Show a draft to whoever has its link; lead to the post once it is published."""
    now = timezone.now()
    post = Post.objects.previewed(token, now)
    if post is None:
        text = _("It has expired, or the author has taken it back. Ask for a new one.")
        context = {"title": _("This link no longer opens anything"), "text": text}
        return render(request, "publication/shut.html", context, status=410)
    if post.is_published(now):
        return redirect(post)
    return render(request, "posts/preview.html", {"post": post})


@staff_member_required
@permission_required("posts.change_post", raise_exception=True)
@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Open the preview of a post, or close it, as the button says."""
    post = get_object_or_404(Post, pk=pk)
    if "close" in request.POST:
        post.close_preview()
        messages.success(request, _("The link is off. Whoever has it sees nothing any more."))
    else:
        post.open_preview(timezone.now())
        messages.success(request, _("The link is on for 30 days."))
    return HttpResponseRedirect(reverse("admin:posts_post_change", args=[pk]) + "#preview-link")
