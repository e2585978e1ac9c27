"""Which links of a letter are counted, and the letter with addresses that lead over this site. Pure."""

import html
import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from django.conf import settings

from newsletter.delivery.models import Link, Mailing
from newsletter.issues.models import Issue
from newsletter.mail.logs import TOKEN
from newsletter.mail.tokens import TOKEN_LENGTH_MAX

# Of what the mail's own templates write: attributes in double quotes.
LINK = re.compile(r'(<a\b[^>]*?\bhref=")([^"]*)("[^>]*>)(.*?)(?=</a>)', re.DOTALL)
TAG = re.compile(r"<[^>]*>")
SHOWN = re.compile(r"(?:https?://|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/|$))\S*")  # words that are an address
WEB = ("http://", "https://")
SLOT = "\x02"  # begins what is each reader's own
LONGEST = 2_000  # characters of an address; browsers and Django cut off at about as many
GOES_ON = r"(?![\w/?=&%#~+-])"  # an address that only begins like one is another


def countable(part: str, *, site_url: str, own_pages: Collection[str]) -> dict[str, str]:
    """Return the addresses of a letter's HTML whose followers are counted, in their order, each with its words.

    own_pages: pages of the frame, which say nothing of what the letter is about.
    Not counted is what is a reader's own, what a token opens, and where another site's address is what the link shows:
    a mail program warns of an address that leads elsewhere than it says.
    """
    found, shown = dict[str, str](), set[str]()
    for url, words in _links(part):
        is_own = f"{url}/".startswith(f"{site_url}/")
        if SHOWN.fullmatch(words) and not is_own:
            shown.add(url)
        if _leads_to_a_page(url) and url.partition("#")[0] not in own_pages and not (is_own and TOKEN.search(url)):
            found[url] = found.get(url) or words
    return {url: words for url, words in found.items() if url not in shown}


def rewritten(html_part: str, text_part: str, addresses: Mapping[str, str]) -> tuple[str, str]:
    """Return both parts of a letter with other addresses in place of those that `addresses` names."""
    if not addresses:
        return html_part, text_part
    known = {url for url, _words in _links(html_part)} | {*addresses}
    longest_first = sorted(filter(None, known), key=lambda url: (-len(url), url))
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))}){GOES_ON}")
    return html_with(html_part, addresses), pattern.sub(lambda found: addresses.get(found[0], found[0]), text_part)


def html_with(part: str, addresses: Mapping[str, str]) -> str:

    def link(found: "re.Match[str]") -> str:
        before, written, after, words = found.groups()
        address = addresses.get(html.unescape(written))
        return f"{before}{html.escape(address) if address else written}{after}{words}"

    return LINK.sub(link, part)


def _leads_to_a_page(url: str) -> bool:
    try:
        return url.startswith(WEB) and SLOT not in url and len(url) <= LONGEST and bool(urlsplit(url).hostname)
    except ValueError:  # broken brackets
        return False


def _links(part: str) -> Iterator[tuple[str, str]]:
    for _before, written, _after, words in LINK.findall(part):
        yield html.unescape(written), " ".join(html.unescape(TAG.sub("", words)).split())


def keep(mailing: Mailing) -> None:
    """Keep the links of the letter that was just frozen, if they are to be counted."""
    if mailing.counts_links:
        Link.objects.keep(mailing, _countable(mailing.html, mailing.issue))


def addresses(mailing: Mailing) -> dict[str, str]:
    return {link.url: link.address for link in mailing.links.all()}


def with_longest(html: str, issue: Issue) -> str:
    """Return the HTML of a letter with addresses as long as they can become, to weigh it."""
    longest = Link(token="0" * TOKEN_LENGTH_MAX).address
    return html_with(html, dict.fromkeys(_countable(html, issue), longest))


def _countable(html: str, issue: Issue) -> dict[str, str]:
    site = settings.SITE_URL
    frame = {site, f"{site}/", f"{site}/subscribe/", f"{site}/about/", site + issue.get_absolute_url()}
    return countable(html, site_url=site, own_pages=frame)
