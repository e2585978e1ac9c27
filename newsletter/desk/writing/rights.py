"""Who may ask what helps while a post is written."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def refuse_unless_writer(request: HttpRequest) -> None:
    """Raise PermissionDenied for somebody who may neither add nor change a post."""
    if not (request.user.has_perm("posts.add_post") or request.user.has_perm("posts.change_post")):
        raise PermissionDenied("posts.change_post")
