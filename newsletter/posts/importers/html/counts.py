"""What a page has, counted, and what is left out of it, named. Pure."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from newsletter.posts.importers.html.tree import RAW, Node, serialised
from newsletter.posts.text.measures import HAN

# What the account lists, in its order.
THINGS = (
    *("words", "han", "links", "pictures", "alt texts", "bold runs", "emphasis", "headings", "lists", "tables"),
    *("code blocks", "code in lines", "footnotes", "embeds"),
)
TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_HAN = re.compile(f"[{HAN}]")
_TAGS = {
    **dict.fromkeys(("strong", "b"), "bold runs"),
    **dict.fromkeys(("em", "i"), "emphasis"),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "headings"),
    "li": "lists",
    "table": "tables",
    "pre": "code blocks",
    "footnote": "footnotes",  # footnotes.MARK
}
_ALWAYS = {"lists", "footnotes"}
_SILENT = RAW | {"!", "template", "textarea", "svg", "math", "canvas", "head", "title"}
_HIDDEN = {"kg-email-only"}  # what no reader of the page saw
_FRAMES = {"iframe", "video", "audio", "embed", "object"}


@dataclass(frozen=True)
class Counts:
    """tokens: each word and each Han character, as often as it stands there; things: by the names of THINGS."""

    tokens: Counter[str] = field(default_factory=Counter)
    things: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(_sum(self.tokens, other.tokens, 1), _sum(self.things, other.things, 1))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(_sum(self.tokens, other.tokens, -1), _sum(self.things, other.things, -1))

    def __bool__(self) -> bool:
        return any(self.tokens.values()) or any(self.things.values())

    @property
    def numbers(self) -> dict[str, int]:
        """Return how many there are of each thing."""
        han = sum(count for token, count in self.tokens.items() if _HAN.match(token))
        own = {"words": sum(self.tokens.values()) - han, "han": han}
        return {name: own.get(name, self.things[name]) for name in THINGS}

    def words(self, sign: int = 1) -> str:
        """Return the words that there are too many (or, with -1, too few) of, for a report."""
        some = [token for token, count in self.tokens.items() if count * sign > 0]
        return " ".join(some[:20]) + (" …" if len(some) > 20 else "")


def _sum(left: Counter[str], right: Counter[str], sign: int) -> Counter[str]:
    result = Counter(left)
    for key, count in right.items():
        result[key] += sign * count
    return Counter({key: count for key, count in result.items() if count})


def of_text(text: str) -> Counter[str]:
    return Counter(token.lower() for token in TOKEN.findall(text))


def counts(node: Node) -> Counts:
    """Return what a tree has. Its footnotes are to be taken out before (footnotes.py)."""
    pieces: list[str] = []
    things: Counter[str] = Counter()
    _look(node, pieces, things, frozenset())
    return Counts(of_text("".join(pieces)), Counter({name: count for name, count in things.items() if count}))


def _look(node: Node, pieces: list[str], things: Counter[str], within: frozenset[str]) -> None:
    for child in node.children:
        if isinstance(child, str):
            pieces.append(child)
        else:
            _element(child, pieces, things, within)


def _element(node: Node, pieces: list[str], things: Counter[str], within: frozenset[str]) -> None:
    name = node.name
    if name in _FRAMES or _is_player(node):
        things["embeds"] += "object" not in within  # the players in an object are one
        if name == "object":
            _look(node, pieces, things, within | {name})  # what it says where its player is missing
        return
    if name in _SILENT or node.classes & _HIDDEN:
        return
    if name == "a" and "embed" in node.classes:
        things["embeds"] += 1
        return
    for thing in _things(node, within):
        things[thing] += 1
    gap = "" if name in _INLINE else "\n"
    pieces.append(gap)
    _look(node, pieces, things, within | {_TAGS.get(name, name)})
    pieces.append(gap)


_INLINE = {
    *("a", "b", "strong", "em", "i", "u", "s", "del", "ins", "mark", "small", "span", "sub", "sup", "code", "kbd", "q"),
    *("abbr", "cite", "font", "samp", "var", "wbr", "ruby", "bdi", "bdo", "time", "label", "strike", "tt", "big"),
}


def _is_player(node: Node) -> bool:
    return node.name == "details" and "embed" in node.classes


def _things(node: Node, within: frozenset[str]) -> Iterator[str]:
    thing = _TAGS.get(node.name, "")
    if thing in _ALWAYS or (thing and thing not in within and (node.text.strip() or node.first("img"))):
        yield thing
    if node.name == "code" and "code blocks" not in within and node.text.strip():
        yield "code in lines"
    if node.name == "img" and node.attrs.get("src"):
        yield "pictures"
        if node.attrs.get("alt", "").strip():
            yield "alt texts"
    if is_link(node):
        yield "links"


def is_link(node: Node) -> bool:
    """Return whether it leads readers out of the page, by words or a picture that they see."""
    href = node.attrs.get("href", "").strip()
    if node.name != "a" or not href or href.startswith("#"):
        return False
    words = node.text.strip()
    if words.rstrip("/") == href.rstrip("/"):  # an address that stands in the text: here every one is a link by itself
        return False
    return bool(words or node.first("img"))


@dataclass(frozen=True)
class Remark:
    """A difference that is known.

    what: its kind, in words; detail: which one; effect: on the counts of the text.
    is_loss: whether readers miss something that the old page had.
    """

    what: str
    detail: str = ""
    effect: Counts = field(default_factory=Counts)
    is_loss: bool = True

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


# By the element: what readers never saw as words, or what no page here runs.
KEPT = {
    "script": "a script is kept as a comment",
    "style": "a style sheet is kept as a comment",
    "form": "a form is kept as a comment",
    "canvas": "a canvas is kept as a comment",
    "svg": "a drawing (SVG) is kept as a comment",
    "button": "a button without an address is kept as a comment",
    **dict.fromkeys(("select", "textarea"), "a field is kept as a comment"),
    **dict.fromkeys(("template", "noscript"), "a template is kept as a comment"),
    **dict.fromkeys(("object", "embed"), "an object is kept as a comment"),
}
KEPT_MAX = 2_000  # characters of what is kept as a comment
type Nodes = list[Node | str]


def left_out(node: Node, what: str, remarks: list[Remark], *, kept: str = "", detail: str = "") -> Nodes:
    """Leave a node out of what readers see, keep it in the text as a comment, and say so."""
    typed = (kept or serialised(node)).strip()
    remarks.append(Remark(what, detail or short(typed), Counts() - counts(Node("", children=[node]))))
    return [comment(typed)] if typed else []


def comment(typed: str) -> Node:
    safe = re.sub(r"\n\s*\n+", "\n", typed[:KEPT_MAX]).replace("--", "- -").replace("<", "‹").replace(">", "›")
    return Node("!", children=[f" {safe} "])


def short(typed: str) -> str:
    words = " ".join(typed.split())
    return words[:80] + ("…" if len(words) > 80 else "")


def paragraph(*children: Node | str) -> Node:
    return Node("p", children=list(children))


def link_to(href: str, words: str) -> Node:
    return Node("a", {"href": href}, [words])
