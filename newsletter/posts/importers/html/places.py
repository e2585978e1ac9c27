"""Links within a text lead to its headings, which every program names by another rule. Pure.

Kept are the letters and digits of a heading, in small letters: GitHub's, Hugo's, Hexo's, kramdown's and Ghost's names
differ in what stands between them. A name that was given to a heading by hand counts first.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

from newsletter.posts.importers.html.converting import Converted
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.html.tree import Node, parse
from newsletter.posts.markdown.render import render

NOWHERE = "a link within the text leads nowhere here"
_CODE = r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)|\Z)|(?P<ticks>`+)[^`\n].*?(?P=ticks)"
_LINK = re.compile(
    rf"{_CODE}|(?P<before>(?<!\\)\]\(<?|\bhref=\"|^ {{0,3}}\[[^\]\n^]+\]:[ \t]*<?)#(?P<name>[^\s<>\"()]+)",
    re.DOTALL | re.MULTILINE,
)
_ID = re.compile(r"\sid=\"(?P<id>[^\"]+)\"")
_HEADING = re.compile(r"<h[1-6] id=\"(?P<id>[^\"]+)\">(?P<words>.*?)</h[1-6]>", re.DOTALL)
_MARK = re.compile(r"<[^<>]{0,1000}>|\]\([^()\n]{0,1000}\)")
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TOPS = {"top", "toc", "content", "page-top"}  # of the page itself, in every program


def key(words: str) -> str:
    """Return what names of a heading have in common, whatever rule made them."""
    return "".join(sign for sign in unescape(_MARK.sub("", words)).casefold() if sign.isalnum())


def mended(markdown: str, given: Mapping[str, str]) -> tuple[str, tuple[Remark, ...]]:
    """Return the text with its links within as they lead here, and a remark about those that lead nowhere.

    given: the words of the heading that has a name of its own, by this name.
    """
    if not any(found["name"] for found in _LINK.finditer(markdown)):
        return markdown, ()
    html = render(markdown)
    ids, ends, lost = set(_ID.findall(html)), _ends(html), list[str]()

    def lead(found: re.Match[str]) -> str:
        if not found["name"]:
            return found[0]
        name = unquote(unescape(found["name"]))
        end = ends.get(key(given[name]), "") if name in given else ""
        end = end or (name if name in ids else ends.get(key(name), ""))
        if not end and name.lower() not in _TOPS:
            lost.append(f"#{name}")
        return f"{found['before']}#{end}" if end else found[0]

    text = _LINK.sub(lead, markdown)
    return text, (Remark(NOWHERE, ", ".join(dict.fromkeys(lost))[:200]),) if lost else ()


def _ends(html: str) -> dict[str, str]:
    """Return the id of each heading here by its key; of several with the same words each has its number too."""
    ends: dict[str, str] = {}
    seen = Counter[str]()
    for heading in _HEADING.finditer(html):
        words = key(heading["words"])
        ends.setdefault(f"{words}{seen[words]}" if seen[words] else words, heading["id"])
        seen[words] += 1
    return ends


def with_places(made: Converted) -> Converted:
    """Return a text that was HTML with its links within mended, by the names that its headings had there."""
    if "#" not in made.markdown:
        return made
    text, remarks = mended(made.markdown, dict(_named(parse(made.page))))
    return replace(made, markdown=text, remarks=(*made.remarks, *remarks))


def _named(root: Node) -> Iterator[tuple[str, str]]:
    """Yield the names of headings: their own, those of what is in them, and that of an anchor in front of one."""
    waiting: list[str] = []
    for node in root.walk():
        names = [node.attrs[name] for name in ("id", "name") if node.attrs.get(name)]
        if node.name in _HEADINGS:
            inner = (one.attrs.get(name, "") for one in node.walk() for name in ("id", "name"))
            yield from ((name, node.text) for name in [*waiting, *names, *inner] if name)
            waiting = []
        elif node.name == "a" and not node.text.strip():
            waiting += names
        elif node.name in {"p", "li", "pre", "table"} and node.text.strip():
            waiting = []
