"""On the page of a post: the issue that it could go into."""

from django import template
from django.template.context import RequestContext

from newsletter.desk.next_issue import Place, place_for
from newsletter.posts.models import Post

register = template.Library()


@register.simple_tag(takes_context=True)
def issue_for(context: RequestContext, post: Post) -> Place | None:
    """Return where the post could go, for whoever looks at the page."""
    return place_for(post, context["user"])
