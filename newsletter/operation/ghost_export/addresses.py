"""Where in Ghost everything is that has an address here. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SITE = "__GHOST_URL__"  # what Ghost puts its own address in place of
PICTURES = "content/images"
# Names that Ghost gives to pages of its own.
TAKEN = frozenset({"author", "content", "ghost", "members", "p", "page", "private", "public", "r", "rss", "tag"})
_POST = re.compile(r"/p/(\d{1,18})(?:-[^/]*)?(?:\.md)?/?")
_ISSUE = re.compile(r"/issues/(\d{1,18})/?")
_TAG = re.compile(r"/tags/([^/]+)/?")
_PICTURE = re.compile(r"/media/([0-9a-f]{16}/[^/?#]+)")
_FEEDS = ("/feed.xml", "/feed.json", "/issues/feed.xml")
_LISTS = ("/", "/issues/", "/posts/")


def picture(path: str) -> str:
    """Return where a picture is in the zip, and in Ghost. path: digest/name."""
    return f"{PICTURES}/{path}"


def issue_slug(number: int) -> str:
    return f"issue-{number}"


def slugs(posts: Iterable[tuple[int, str]], taken: Iterable[str] = ()) -> dict[int, str]:
    """Return the last part of each post's address, each another one. posts: number and words."""
    used = {*TAKEN, *taken}
    found: dict[int, str] = {}
    for number, words in posts:
        slug = words if words and words not in used else f"{words or 'post'}-{number}"
        used.add(slug)
        found[number] = slug
    return found


@dataclass(frozen=True)
class Addresses:
    """site: our address, as https://example.org. posts: the slug of each post; issues: the numbers of those that go."""

    site: str
    posts: dict[int, str]
    issues: frozenset[int] = field(default_factory=frozenset)

    def link(self, url: str) -> str:
        """Return an address of a text as it is there; what is not ours stays."""
        if url.startswith(f"{self.site}/"):
            url = url.removeprefix(self.site)
        if not url.startswith("/") or url.startswith("//"):
            return url
        path = urlsplit(url).path
        return SITE + self.path(path) + url.removeprefix(path)

    def path(self, path: str) -> str:
        """Return where Ghost has what is at a path here; the path itself if it has no place there."""
        for pattern, place in self._places():
            if (found := pattern.fullmatch(path)) and (there := place(found[1])):
                return there
        if path in _FEEDS:
            return "/rss/"
        return "/" if path in _LISTS else path

    def _places(self) -> tuple[tuple[re.Pattern[str], Callable[[str], str]], ...]:
        return (
            (_POST, lambda number: f"/{self.posts[int(number)]}/" if int(number) in self.posts else ""),
            (_ISSUE, lambda number: f"/{issue_slug(int(number))}/" if int(number) in self.issues else ""),
            (_TAG, lambda slug: f"/tag/{slug}/"),
            (_PICTURE, lambda path: f"/{picture(path)}"),
        )
