"""/llms.txt: what there is to read here, for assistants that were asked about it (llmstxt.org)."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from newsletter.issues.models import Issue
from newsletter.posts.models import Post, with_renderings
from newsletter.publication.kept import kept
from newsletter.publication.models import Publication

NEWEST = 100  # posts, and issues


@kept(Post.objects.next_change)
def llms(request: HttpRequest) -> HttpResponse:
    """List the newest posts, by the addresses of their Markdown, and the issues; 404 where no assistant is welcome."""
    if Publication.objects.current().crawlers == Publication.Crawlers.NONE:
        raise Http404
    posts = with_renderings(Post.objects.listed(timezone.now())[:NEWEST])
    issues = Issue.objects.archived().defer("introduction", "closing")[:NEWEST]
    context = {"posts": posts, "issues": issues}
    return render(request, "issues/llms.txt", context, content_type="text/markdown; charset=utf-8")
