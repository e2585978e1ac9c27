"""Where the links of a mailing lead: written when its letter is frozen, and kept for ever."""

from django.conf import settings

from newsletter.delivery.links import rewriting
from newsletter.delivery.models import Link, Mailing
from newsletter.issues.models import Issue
from newsletter.mail.tokens import TOKEN_LENGTH_MAX


def keep(mailing: Mailing) -> None:
    """Keep the links of the letter that was just frozen, if they are to be counted."""
    if mailing.counts_links:
        Link.objects.keep(mailing, _countable(mailing.html, mailing.issue))


def addresses(mailing: Mailing) -> dict[str, str]:
    """Return by what each address of the letter is replaced."""
    return {link.url: link.address for link in mailing.links.all()}


def with_longest(html: str, issue: Issue) -> str:
    """Return the HTML of a letter with addresses as long as they can become, to weigh it."""
    longest = Link(token="0" * TOKEN_LENGTH_MAX).address
    return rewriting.html_with(html, dict.fromkeys(_countable(html, issue), longest))


def _countable(html: str, issue: Issue) -> dict[str, str]:
    site = settings.SITE_URL
    frame = {site, f"{site}/", f"{site}/subscribe/", f"{site}/about/", site + issue.get_absolute_url()}
    return rewriting.countable(html, site_url=site, own_pages=frame)
