"""Rewrites links between the posts of a move to their new addresses."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import batched
from urllib.parse import unquote, urlsplit

from newsletter.moving.converters.addresses import with_addresses
from newsletter.moving.folder.layout import PostFile
from newsletter.posts.models import Post
from newsletter.posts.models.redirects import normalise_path

AT_ONCE = 100  # posts whose links are looked at together
GHOST_URL_PLACEHOLDER = "__GHOST_URL__"  # what an export of Ghost has in place of its site


class Links:
    """New addresses of a folder's posts, by source and by old path."""

    def __init__(self, site: str, files: Iterable[PostFile]) -> None:
        self.host = urlsplit(site).netloc.lower().removeprefix("www.")
        self.by_address: dict[str, str] = {}
        sources: list[str] = []
        for file in files:
            sources.append(file.source)
            for path in filter(None, map(normalise_path, file.addresses)):
                self.by_address.setdefault(path, file.source)
        self.new_addresses = {post.source: post.get_absolute_url() for post in _posts_of(sources)}

    def mend(self, files: Iterable[PostFile]) -> int:
        """Rewrite links in the posts of these files; return how many."""
        changed = 0
        for some in batched(files, AT_ONCE, strict=False):
            own = {file.source: file for file in some}
            for post in Post.objects.filter(source__in=own).only("pk", "body", "source"):
                body, count = rewrite_links(post.body, partial(self._new_address, file=own[post.source]))
                if count:  # unless the text was changed meanwhile; `updated_at` stays: the words are the same
                    Post.objects.filter(pk=post.pk, body=post.body).update(body=body)
                    changed += count
        return changed

    def _new_address(self, href: str, file: PostFile) -> str:
        """The post's address here with the fragment; "" for a link to no post of the move."""
        try:
            parts = urlsplit(href.removeprefix(GHOST_URL_PLACEHOLDER))
        except ValueError:
            return ""
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        is_own = not parts.netloc or parts.netloc.lower().removeprefix("www.") == self.host
        paths = _redirect_paths(parts.path, parts.query) if is_own else []
        named = [file.links.get(href), *(self.by_address.get(path) for path in paths)]
        return next((self.new_addresses[source] + fragment for source in named if source in self.new_addresses), "")


def _posts_of(sources: Iterable[str]) -> Iterator[Post]:
    for some in batched(sources, 500, strict=False):
        yield from Post.objects.filter(source__in=some).only("pk", "words", "is_page", "source")


def rewrite_links(body: str, end: Callable[[str], str]) -> tuple[str, int]:
    """Rewrite links for which `end` returns a new address; return the text and their number. Code stays."""
    count = 0

    def lead(address: str, _is_picture: bool) -> str:
        nonlocal count
        found = "" if address.startswith(("#", "/media/", "/p/", "mailto:")) else end(address)
        count += bool(found and found != address)
        return found

    return with_addresses(body, lead), count


def _redirect_paths(path: str, query: str) -> list[str]:
    if not path.startswith("/") and not query:
        return []
    paths = [normalise_path(f"{path}?{query}") if query else "", normalise_path(unquote(path))]
    return [one for one in paths if one not in {"", "/"}]
