"""Links to files of the old site that are no texts: papers, programs, pictures in full size. They stay behind. Pure."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from newsletter.posts.importers.folder.code import CODE
from newsletter.posts.importers.html.notes import Remark

_FORM = r"\.\w{1,6}"
_LINK = re.compile(
    rf"(?P<code>{CODE.pattern})|!\[[^\[\]\n]{{0,300}}\]\([^()\n]{{0,500}}\)"
    rf"|(?<!\\)\]\(<(?P<spaced>[^<>\n]{{1,500}}?{_FORM})>"
    rf"|(?:(?<!\\)\]\(|\bhref=[\"'])(?P<path>[^\s<>()\"']{{1,500}}?{_FORM})(?=[)\s\"'#?])",
    CODE.flags,
)
_ELSEWHERE = re.compile(r"[a-zA-Z][\w+.-]*:|//|#")
_PAGES = {"md", "mdx", "markdown", "mkd", "mdown", "html", "htm", "php", "asp", "aspx", "jsp"}


def named(text: str, remarks: list[Remark]) -> list[Remark]:
    """Return a remark about each file, but for those that have one already."""
    told = " ".join(remark.detail for remark in remarks)
    return [Remark("a link leads to a file of the old site", path) for path in _paths(text) if path not in told]


def _paths(text: str) -> Iterator[str]:
    paths = (found["path"] or found["spaced"] or "" for found in _LINK.finditer(text))
    yield from dict.fromkeys(unquote(path) for path in paths if _is_file(path))


def _is_file(path: str) -> bool:
    form = path.rpartition(".")[2].lower()
    return bool(path) and not _ELSEWHERE.match(path) and form not in _PAGES
