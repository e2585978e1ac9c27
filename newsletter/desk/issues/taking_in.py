"""A press that puts a post into the issue that is put together now, from the post's page or the first page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter.desk.next_issue import in_the_making
from newsletter.issues.assembly import take_in
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from newsletter.publication.changes import Change


@require_POST
def put_in(request: HttpRequest, pk: int, post_pk: int) -> HttpResponse:
    """Put a post that has a date at the end of an issue; say where it is if it is in one already."""
    issue = get_object_or_404(Issue, pk=pk)
    post = get_object_or_404(Post.objects.filter(published_at__isnull=False), pk=post_pk)
    back = redirect("admin:index") if "today" in request.POST else redirect("admin:posts_post_change", post.pk)
    if found := post.issues.order_by("number").first():
        _say(request, messages.INFO, _("“{post}” is in {issue} already."), post, found)
    elif post.is_unlisted:
        text = _("Nothing was changed: “{post}” is unlisted, and the archive shows all posts of {issue}.")
        _say(request, messages.WARNING, text, post, issue)
    elif not in_the_making().filter(pk=issue.pk).exists():
        _say(request, messages.WARNING, _("Nothing was changed: {issue} is scheduled or sent by now."), post, issue)
    elif take_in(issue, post):
        Change.objects.log(Change.What.CHANGED, [issue], {"put_in": [str(post)]})
        _say(request, messages.SUCCESS, _("“{post}” is in {issue} now."), post, issue)
        if "today" not in request.POST:  # its author goes on with the issue
            return redirect("admin:issues_issue_change", issue.pk)
    return back


def _say(request: HttpRequest, level: int, text: str, post: Post, issue: Issue) -> None:
    """Leave a message in which the number of the issue leads to its page."""
    number = _("issue %(number)s") % {"number": issue.number}
    link = format_html('<a href="{}">{}</a>', reverse("admin:issues_issue_change", args=[issue.pk]), number)
    messages.add_message(request, level, format_html(text, post=post, issue=link))
