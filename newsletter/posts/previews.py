"""A draft, shown to somebody before it is published."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

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
