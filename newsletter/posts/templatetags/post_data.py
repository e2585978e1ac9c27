"""What a post is in the words of schema.org."""

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from newsletter.posts.models import Post
from newsletter.publication.linked_data import Article
from newsletter.publication.templatetags.findable import script, site

register = template.Library()


@register.simple_tag
def post_data(post: Post) -> SafeString:
    """Describe a published post with `tags` and `issues` at hand."""
    published_at = post.published_at or post.updated_at
    carriers = [(issue.number, issue.sent_at) for issue in post.issues.all() if issue.sent_at]
    article = Article(
        path=post.get_absolute_url(),
        title=post.title,
        description=post.excerpt,
        image=post.cover.get_absolute_url() if post.cover else post.card_url,
        published_at=published_at,
        changed_at=max(post.updated_at, published_at),
        trail=[(reverse("posts:index"), _("Posts"))],
        issues=carriers,
        keywords=[tag.name for tag in post.tags.all()],
        length=post.rendering.han_count + post.rendering.word_count,
    )
    return script(site().article(article))
