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
        *("script", "style", "noscript", "template", "svg", "math", "canvas", "textarea", "select", "title", "head"),
        *("video", "audio", "iframe"),
    }
)
_WITHIN_WORDS = frozenset(
    {
        *(
            "a",
            "abbr",
            "b",
            "bdi",
            "bdo",
            "big",
            "cite",
            "code",
            "del",
            "em",
            "font",
            "i",
            "ins",
            "kbd",
            "label",
            "mark",
        ),
        *("q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    }
)
_NORMAL = re.compile(r"font-weight:\s*(?:normal|400)")
# Addresses become players and links, short codes what they stand for.
_NO_WORDS = re.compile(r"(?:https?:)?//[!-;=?-~]+|\[/?[a-z][\w-]{1,40}(?:[\s=][^\[\]\n]{0,1000})?/?\]|\$latex\b")
_CODE = re.compile(r"<pre\b(?:(?!<pre\b).)*?</pre", re.DOTALL | re.IGNORECASE)
_TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_NUMBER = re.compile(r"\d{1,3}")  # of a note, which is counted anew


def missing(page: str, markdown: str, remarks: Sequence[Remark]) -> tuple[Counter[str], int]:
    """Return the words of a page that its Markdown does not show, and how many bold runs; remarks excuse theirs."""
    html = render(markdown)
    words, bolds = _words(page) - _words(html), _bold_runs(page) - _bold_runs(html)
    for remark in remarks:
        words += Counter({word: min(0, count) for word, count in remark.effect.tokens.items()})
        bolds += min(0, remark.effect.things["bold runs"])
    return words, max(0, bolds)


def _words(html: str) -> Counter[str]:
    joined = "".join(text + ("" if name.strip("/") in _WITHIN_WORDS else " ") for text, name in _parts(html))
    tokens = (token.lower() for token in _TOKEN.findall(_NO_WORDS.sub(" ", unescape(joined))))
    return Counter(token for token in tokens if not _NUMBER.fullmatch(token))


def _bold_runs(html: str) -> int:
    """Return how many runs of words are bold: marks that touch are one, each block has its own, and code has none."""
    count, marks, is_counted = 0, list[bool](), False
    for text, name in _parts(_CODE.sub("<p>", html)):
        if text.strip() and not any(marks):
            is_counted = False
        elif any(marks) and not is_counted and _TOKEN.search(unescape(text)):
            count, is_counted = count + 1, True
        if name in {"b", "strong", "normal"}:
            marks.append(name != "normal")
        elif name in {"/b", "/strong"}:
            del marks[-1:]
        elif name.strip("/") not in _WITHIN_WORDS | {"br", "img"}:
            is_counted = False
    return count


def _parts(html: str) -> Iterator[tuple[str, str]]:
    """Yield each piece of text, and the name of the tag behind it: `/` before that of an end, "" at the very end."""
    at, endless = 0, set[str]()
    for found in _TAG.finditer(html):
        if found.start() >= at:
            name = (found["name"] or "!").lower()
            yield html[at : found.start()], _called(found, name)
            at = found.end()
            if name in (_UNSEEN | {"!"}) - endless and not found["end"]:
                at = _behind(html, name, at, endless)
    yield html[at:], ""


def _called(found: re.Match[str], name: str) -> str:
    is_normal = name in {"b", "strong"} and _NORMAL.search(found[0])
    return "normal" if is_normal else f"{found['end'] or ''}{name}"


def _behind(html: str, name: str, at: int, endless: set[str]) -> int:
    """Return where what is not seen ends; where it never does, it is seen."""
    end = re.compile("-->" if name == "!" else rf"</{name}\b[^<>]*>", re.IGNORECASE).search(html, at)
    if end is None:
        endless.add(name)
        return at
    return end.end()
