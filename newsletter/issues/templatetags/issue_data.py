"""What an issue is in the words of schema.org."""

from collections.abc import Iterable

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from newsletter.issues.models import Correction, Issue
from newsletter.publication.linked_data import Article
from newsletter.publication.models import Publication
from newsletter.publication.templatetags.findable import script, site

register = template.Library()


@register.simple_tag
def issue_data(issue: Issue, corrections: Iterable[Correction]) -> SafeString:
    """Describe a sent issue with its `items` at hand."""
    sent_at = issue.sent_at or issue.updated_at
    changes = [correction.made_at for correction in corrections]
    article = Article(
        path=issue.get_absolute_url(),
        title=issue.subject,
        description=issue.preheader or Publication.objects.current().promise,
        image=issue.card_url,
        published_at=sent_at,
        changed_at=max([sent_at, *changes]),
        trail=[(reverse("issues:archive"), _("All issues"))],
        issues=[(issue.number, sent_at)],
        keywords=[],
    )
    return script(site().article(article))
