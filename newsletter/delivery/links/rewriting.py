"""Chooses which links of a letter are counted, and rewrites them to redirects of this site."""

import html
import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from django.conf import settings

from newsletter.delivery.models import Link, Mailing
from newsletter.delivery.models.links import WORDS_LENGTH
from newsletter.issues.models import Issue
from newsletter.mail import tokens
from newsletter.mail.logs import TOKEN
from newsletter.mail.tokens import TOKEN_LENGTH_MAX

# For HTML by our own templates: attributes in double quotes.
LINK_ELEMENT = re.compile(r'(<a\b[^>]*?\bhref=")([^"]*)("[^>]*>)(.*?)(?=</a>)', re.DOTALL)
TAG = re.compile(r"<[^>]*>")
URL_TEXT = re.compile(r"(?:https?://|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/|$))\S*")  # link text that is a URL
WEB_SCHEMES = ("http://", "https://")
PLACEHOLDER_START = "\x02"
URL_LENGTH_MAX = 2_000  # characters of a URL; browsers and Django limit it to about as many
URL_END = r"(?![\w/?=&%#~+-])"  # the URL must end here


def countable_links(part: str, *, site_url: str, own_pages: Collection[str]) -> dict[str, str]:
    """The URLs of a letter's HTML to count, in order, with their link texts.

    own_pages: linked by the template, and not counted.
    Also not counted: a reader's own links, links to this site with a token, and links to other sites whose text looks
    like a URL, because mail programs warn if a link leads elsewhere than its text says.
    """
    found, urls_as_text = dict[str, str](), set[str]()
    for url, text in links(part):
        is_own = f"{url}/".startswith(f"{site_url}/")
        if URL_TEXT.fullmatch(text) and not is_own:
            urls_as_text.add(url)
        if _is_countable(url) and url.partition("#")[0] not in own_pages and not (is_own and TOKEN.search(url)):
            found[url] = found.get(url) or text
    return {url: text for url, text in found.items() if url not in urls_as_text}


def rewrite_links(html_part: str, text_part: str, redirects_by_url: Mapping[str, str]) -> tuple[str, str]:
    if not redirects_by_url:
        return html_part, text_part
    known = {url for url, _words in links(html_part)} | {*redirects_by_url}
    longest_first = sorted(filter(None, known), key=lambda url: (-len(url), url))
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))}){URL_END}")
    text_part = pattern.sub(lambda found: redirects_by_url.get(found[0], found[0]), text_part)
    return rewrite_html(html_part, redirects_by_url), text_part


def rewrite_html(part: str, redirects_by_url: Mapping[str, str]) -> str:
    def link(found: "re.Match[str]") -> str:
        before, written, after, markup = found.groups()
        address = redirects_by_url.get(html.unescape(written))
        return f"{before}{html.escape(address) if address else written}{after}{markup}"

    return LINK_ELEMENT.sub(link, part)


def _is_countable(url: str) -> bool:
    if not url.startswith(WEB_SCHEMES) or PLACEHOLDER_START in url or len(url) > URL_LENGTH_MAX:
        return False
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:  # broken brackets
        return False


def links(part: str) -> Iterator[tuple[str, str]]:
    for _before, written, _after, markup in LINK_ELEMENT.findall(part):
        yield html.unescape(written), " ".join(html.unescape(TAG.sub("", markup)).split())


def store_links(mailing: Mailing) -> None:
    if not mailing.counts_links:
        return
    rows = []
    for url, text in _links_to_count(mailing.html, mailing.issue).items():
        token = tokens.sign("link", mailing.pk, f"{mailing.token_salt} {url}")
        rows.append(Link(mailing=mailing, url=url, words=text[:WORDS_LENGTH], token=token))
    # Former links stay for ever: a letter that was replaced is still in some mailboxes.
    Link.objects.bulk_create(rows, ignore_conflicts=True)


def redirects_by_url(mailing: Mailing) -> dict[str, str]:
    return {link.url: link.address for link in mailing.links.all()}


def with_longest_urls(html: str, issue: Issue) -> str:
    """The HTML as if each counted link had the longest redirect URL, to measure its size."""
    longest = Link(token="0" * TOKEN_LENGTH_MAX).address
    return rewrite_html(html, dict.fromkeys(_links_to_count(html, issue), longest))


def _links_to_count(html: str, issue: Issue) -> dict[str, str]:
    site = settings.SITE_URL
    own_pages = {site, f"{site}/", f"{site}/subscribe/", f"{site}/about/", site + issue.get_absolute_url()}
    return countable_links(html, site_url=site, own_pages=own_pages)
