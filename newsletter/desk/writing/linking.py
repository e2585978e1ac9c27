"""Own posts to link to, looked for while a post is written."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from newsletter.desk.writing.rights import refuse_unless_writer
from newsletter.posts.models import Post
from newsletter.posts.search.index import search

SHOWN = 5
LOOKED_AT = 15  # results; issues are among them
QUERY_MAX = 80  # characters
ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\[]"})  # what would end the words of a link


@require_GET
def posts(request: HttpRequest) -> JsonResponse:
    """Answer the published posts that contain the words of `q`, best first; without words the newest.

    Unlisted ones too, of those that the user may look at: an author knows of them.
    except: the key of the post that is being written.
    """
    refuse_unless_writer(request)
    query, now = request.GET.get("q", "").replace("\0", "").strip()[:QUERY_MAX], timezone.now()
    own = request.GET.get("except", "")
    known = Post.objects.listed(now) | Post.objects.open_to(request.user).published(now)
    public = known.exclude(pk=int(own) if own.isdecimal() and len(own) < 19 else 0).defer("body")
    if query:
        results = search(query, now=now, limit=LOOKED_AT, finds_unlisted=True).results
        keys = [one.key for one in results if one.kind == "post"]
        found = public.in_bulk(keys)
        chosen = [found[key] for key in keys if key in found][:SHOWN]
    else:
        chosen = list(public[:SHOWN])
    return JsonResponse({"posts": [_told(post, request.user, now) for post in chosen]})


def _told(post: Post, user: Any, now: datetime) -> dict[str, str]:
    words = post.title.translate(ESCAPED)
    return {"title": post.title, "markdown": f"[{words}]({post.get_absolute_url()})", "when": _when(post, user, now)}


def _when(post: Post, user: Any, now: datetime) -> str:
    """Return when it was written, and whether by this user: a year, or within this year a month."""
    at, today = timezone.localtime(post.published_at), timezone.localtime(now)
    is_mine = post.created_by_id == user.pk or (post.created_by_id is None and user.has_perm("posts.publish_post"))
    values = {"year": at.year, "month": at.month}
    if at.year == today.year:
        return (_("You wrote it this year, in month %(month)s") if is_mine else _("From month %(month)s")) % values
    return (_("You wrote it in %(year)s") if is_mine else _("From %(year)s")) % values
