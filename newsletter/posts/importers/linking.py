"""Links between the posts of a move lead to where these are now."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import batched
from typing import Protocol
from urllib.parse import unquote, urlsplit

from django.db import transaction

from newsletter.posts.importers.pictures import GHOST_URL
from newsletter.posts.models import Post
from newsletter.posts.models.redirects import normal

AT_ONCE = 100  # posts whose links are looked at together
_LINK = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)|\Z)|(?P<ticks>`+)[^`\n].*?(?P=ticks)"
    r"|(?P<before>(?<!\\)\]\(|\bhref=\"|^ {0,3}\[[^\]\n^]+\]:[ \t]*)(?P<open><?)"
    r"(?P<url>[^\s<>\"()]+(?:\([^\s<>\"()]*\)[^\s<>\"()]*)*|(?<=<)[^<>\n]+)",
    re.DOTALL | re.MULTILINE,
)


class Site(Protocol):
    """What links of an old site mean: those of the export's own kind, and where the site was."""

    @property
    def site(self) -> str: ...
    def keys(self, href: str, source: str) -> list[str]: ...


def ends(addresses: Mapping[str, str], posts: Mapping[str, int]) -> dict[str, str]:
    """Return where each key leads now. addresses: the source of the post by key; posts: its number by source."""
    homes = {post.pk: post.get_absolute_url() for post in _lightly(posts.values())}
    found = ((key, homes.get(posts[own])) for key, own in addresses.items() if own in posts)
    return {key: home for key, home in found if home}


def mend_links(site: Site, pks: Iterable[int], found: Mapping[str, str]) -> int:
    """Let links in these posts lead to where they end now; return how many were changed."""
    changed = 0
    for some in batched(pks, AT_ONCE, strict=False):
        for post in Post.objects.filter(pk__in=some).only("pk", "body", "source"):
            body, count = mended(post.body, partial(_end, own=post.source, site=site, found=found))
            if count:
                _rewrite(post, body)
                changed += count
    return changed


def _lightly(pks: Iterable[int]) -> Iterator[Post]:
    for some in batched(pks, 500, strict=False):
        yield from Post.objects.filter(pk__in=some).only("pk", "words")


@transaction.atomic
def _rewrite(post: Post, body: str) -> None:
    """Keep the text if nobody has changed it meanwhile. When it changed last stays: readers see the same words."""
    Post.objects.filter(pk=post.pk, body=post.body).update(body=body)


def mended(body: str, end: Callable[[str], str]) -> tuple[str, int]:
    """Return a text with the links that have an end somewhere else now, and how many these are; code stays."""
    count = 0

    def rewritten(match: re.Match[str]) -> str:
        nonlocal count
        url = match["url"] or ""
        found = end(url) if url and not url.startswith(("#", "/media/", "/p/", "mailto:")) else ""
        if not found or found == url:
            return match[0]
        count += 1
        return f"{match['before']}{match['open']}{found}"

    return _LINK.sub(rewritten, body), count


def _end(href: str, own: str, site: Site, found: Mapping[str, str]) -> str:
    """Return where a link of the old site leads now, with its place in the page; "" if it is no such link."""
    url = href.replace(GHOST_URL, site.site or "").replace("&amp;", "&")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    place = f"#{parts.fragment}" if parts.fragment else ""
    is_own = not parts.netloc or parts.netloc.lower().removeprefix("www.") == _host(site.site)
    keys = [*site.keys(href, own), *(_forms(parts.path, parts.query) if is_own else [])]
    return next((found[key] + place for key in keys if key in found), "")


def _forms(path: str, query: str) -> list[str]:
    if not path.startswith("/") and not query:
        return []
    return [
        form for form in (normal(f"{path}?{query}") if query else "", normal(unquote(path))) if form not in {"", "/"}
    ]


def _host(site: str) -> str:
    return urlsplit(site).netloc.lower().removeprefix("www.")
