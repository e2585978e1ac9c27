"""Where a draft can be read by those whom its author trusts."""

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from newsletter.posts.models import Post

register = template.Library()


@register.simple_tag
def preview_url(post: Post) -> str:
    """Return the address that opens the draft now; "" if none does."""
    is_open = post.preview_until is not None and post.preview_until > timezone.now()
    return settings.SITE_URL + reverse("posts:preview", args=[post.preview_token]) if is_open else ""
