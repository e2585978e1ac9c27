"""What a post said before anybody read its HTML as a tree: its tags are taken away, the rest is its words. Pure.

The tree's own counts stand on the tree: what that swallows is in none of them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html import unescape

from newsletter.posts.importers.html.counts import Remark
from newsletter.posts.markdown.render import render
from newsletter.posts.text.measures import HAN

_TAG = re.compile(
    r"<!--|<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]*)\b"
    r"(?:(?:[^<>\"']|\"[^\"]{0,20000}\"|'[^']{0,20000}')*+>|[^<>]*>)"
)
# What browsers show nothing of, or not as words.
_UNSEEN = frozenset(
    {
        *("!", "script", "style", "noscript", "template", "svg", "math", "canvas", "textarea", "select", "title"),
        *("head", "video", "audio", "iframe"),
    }
)
_WITHIN_WORDS = frozenset(
    {
        *("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "label"),
        *("mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    }
)
# Addresses become players and links, short codes what they stand for.
_NO_WORDS = re.compile(r"(?:https?:)?//[!-;=?-~]+|\[/?[a-z][\w-]{1,40}(?:[\s=][^\[\]\n]{0,1000})?/?\]|\$latex\b")
_TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_NUMBER = re.compile(r"\d{1,3}")  # of a note, which is counted anew


def missing(page: str, markdown: str, remarks: Sequence[Remark]) -> Counter[str]:
    """Return the words of a page that its Markdown does not show; remarks excuse theirs."""
    words = _words(page) - _words(render(markdown))
    for remark in remarks:
        words += Counter({word: min(0, count) for word, count in remark.effect.tokens.items()})
    return words


def _words(html: str) -> Counter[str]:
    tokens = (token.lower() for token in _TOKEN.findall(_NO_WORDS.sub(" ", unescape("".join(_parts(html))))))
    return Counter(token for token in tokens if not _NUMBER.fullmatch(token))


def _parts(html: str) -> Iterator[str]:
    """Yield what stands between the tags that are seen; where what is not seen never ends, it is seen."""
    at, endless = 0, set[str]()
    for found in _TAG.finditer(html):
        if found.start() < at:
            continue
        name = (found["name"] or "!").lower()
        yield html[at : found.start()]
        yield "" if name in _WITHIN_WORDS else " "
        at = found.end()
        if name in _UNSEEN - endless and not found["end"]:
            form = "-->" if name == "!" else rf"</{name}\b[^<>]*>"
            if end := re.compile(form, re.IGNORECASE).search(html, at):
                at = end.end()
            else:
                endless.add(name)
    yield html[at:]
