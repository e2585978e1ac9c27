"""Boxes that other programs mark by classes become plain HTML; what has no place here is named. Pure.

Sources: Ghost's `kg-` classes (TryGhost/Koenig, kg-default-nodes), WordPress's blocks (`wp-block-`), Substack's
`data-component-name`, Medium's `graf`, and what X and Instagram give to be pasted."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator

from newsletter.posts.importers.html import ghost_boxes
from newsletter.posts.importers.html.counts import (
    Counts,
    Nodes,
    Remark,
    comment,
    counts,
    is_link,
    left_out,
    link_to,
    paragraph,
    short,
)
from newsletter.posts.importers.html.tree import Node, serialised
from newsletter.posts.markdown.figures import film
from newsletter.posts.markdown.sanitise import SCHEMES

ELSEWHERE = "what another site shows is a link"
_CALLS = re.compile(r"subscri|sign[ -]?up|share|comment|donat|gift", re.IGNORECASE)


def substack(node: Node, remarks: list[Remark]) -> Nodes | None:
    """Buttons and boxes that ask to subscribe or to share: they lead back to the other program."""
    if not _CALLS.search(f"{node.attrs.get('data-attrs', '')} {serialised(node)[:2000]}"):
        return None
    effect = Counts() - counts(Node("", children=[node]))
    remarks.append(
        Remark("a button of the old program stays away", " ".join(node.text.split())[:80], effect, is_loss=False)
    )
    return []


def picture_set(node: Node, remarks: list[Remark]) -> Nodes | None:
    """Substack's picture: a figure around a link, a `picture` and buttons."""
    image = node.first("img")
    if image is None:
        return None
    data = _attrs(node.attrs.get("data-attrs", "")) or _attrs(image.attrs.get("data-attrs", ""))
    image.attrs["src"] = str(data.get("src") or image.attrs.get("src", ""))
    caption = node.first("figcaption")
    href = str(data.get("href") or "")
    shown: Node = Node("a", {"href": href}, [image]) if href else image
    before = counts(Node("", children=[node]))
    after: Nodes = [Node("figure", children=[shown, *([caption] if caption else [])])]
    if effect := counts(Node("", children=after)) - before:
        what = "a picture's link to its own large form stays away"
        remarks.append(Remark(what, image.attrs["src"], effect, is_loss=False))
    return after


def _attrs(typed: str) -> dict[str, object]:
    try:
        found = json.loads(typed)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def youtube(node: Node, remarks: list[Remark]) -> Nodes | None:
    data = _attrs(node.attrs.get("data-attrs", ""))
    number = str(data.get("videoId") or "")
    frame = node.first("iframe")
    if not number and frame is None:
        return None
    start = re.match(r"\d+", str(data.get("startTime") or ""))
    begins = f"?start={start[0]}" if start else ""
    url = f"https://www.youtube.com/embed/{number}{begins}" if number else frame.attrs.get("src", "") if frame else ""
    return [Node("iframe", {"src": url})]


_BACKGROUND = re.compile(r"background-image:\s*url\(['\"]?(?P<url>https?://[^'\")]{1,1000})['\"]?\)")


def background(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A picture that Medium lays behind the words of a section: it stands above them."""
    found = _BACKGROUND.search(node.attrs.get("style", ""))
    if not found:
        return None
    after: Nodes = [Node("figure", children=[Node("img", {"src": found["url"]})])]
    effect = counts(Node("", children=after))
    remarks.append(Remark("a picture behind words stands above them", found["url"], effect))
    return after


def thumbnail(node: Node, remarks: list[Remark]) -> Nodes | None:
    found = _BACKGROUND.search(node.attrs.get("style", ""))
    if not found or node.text.strip():
        return None
    remarks.append(Remark("the small pictures of a bookmark stay away", found["url"], is_loss=False))
    return []


def tweet(node: Node, remarks: list[Remark]) -> Nodes | None:
    """What X draws over a link: Medium keeps the link alone, without words."""
    link = node.first("a")
    if node.text.strip() or link is None or not link.attrs.get("href", "").startswith("http"):
        return None
    href = link.attrs["href"]
    after: Nodes = [paragraph(link_to(href, href))]
    remarks.append(Remark("a box of X is a link", href, counts(Node("", children=after)), is_loss=False))
    return after


def frame(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A page of another site in a frame: here it is a link, unless it is a film."""
    source = node.attrs.get("src", "").strip()
    if source and film(source) is None:
        remarks.append(Remark(ELSEWHERE, source))
    return None


def player(node: Node, remarks: list[Remark]) -> Nodes:
    """An object or embed of the years of Flash: its film, or a comment; then what it says where no player is."""
    url = next((url for url in _played(node) if film(url)), "")
    rest = list(_without_player(node))
    if url:
        return [Node("iframe", {"src": url}), *rest]
    typed = "".join(serialised(one) for one in _code_of(node))
    effect = counts(Node("", children=rest)) - counts(Node("", children=[node]))
    remarks.append(Remark("an object is kept as a comment", short(typed), effect))
    return [Node("div", children=[comment(typed)]), *rest]  # a block of its own: no paragraph has comments


def _played(node: Node) -> Iterator[str]:
    for one in [node, *node.walk()]:
        yield one.attrs.get("src", "") or one.attrs.get("data", "")
        if one.attrs.get("name", "").lower() in {"movie", "src"}:
            yield one.attrs.get("value", "")


def _code_of(node: Node) -> list[Node]:
    inner = [Node(one.name, one.attrs) for one in node.walk() if one.name in {"param", "embed"}]
    return [Node(node.name, node.attrs, [*inner])]


def _without_player(node: Node) -> Iterator[Node | str]:
    """Yield what an object holds beside its player; objects within it are the same for other browsers."""
    for child in node.children:
        if isinstance(child, Node) and child.name == "object":
            yield from _without_player(child)
        elif isinstance(child, str) or not (child.name in {"param", "embed", "!"} or film(child.attrs.get("src", ""))):
            yield child


def heading(node: Node, remarks: list[Remark]) -> Nodes:
    """A button around the words of a heading, which opens what stands below: here that is open. Its sign stays away."""
    words = node.with_class("wp-block-accordion-heading__toggle-title") or node
    after: Nodes = list(words.children)
    effect = counts(Node("", children=after)) - counts(Node("", children=[node]))
    remarks.append(Remark("what a click opened is open", words.text.strip()[:80], effect, is_loss=False))
    return after


def divider(node: Node, remarks: list[Remark]) -> Nodes | None:
    return [Node("hr")]


def nothing(node: Node, remarks: list[Remark]) -> Nodes | None:
    return [] if not node.text.strip() and not node.first("img") else None


type Change = Callable[[Node, list[Remark]], Nodes | None]

_PORTAL = re.compile(r"#/(?:portal|share|search)\b")  # opens a window of Ghost over its page
_GIST = re.compile(r"(https://gist\.github\.com/[\w/-]{1,200}?)\.js")
_LOOK = re.compile(
    r"(?<![\w-])(?:color|background(?:-color)?|font-size|font-family|text-align):\s*(?!inherit|initial|url)[^;]{1,60}"
)
_LOOK_BY_CLASS = re.compile(r"has-text-align-(?:center|right)|has-[\w-]{1,40}-(?:color|background-color|font-size)")
_DROPPED = {  # what readers never saw as words, or what no page here runs
    "script": "a script",
    "style": "a style sheet",
    "form": "a form",
    "canvas": "a canvas",
    "svg": "a drawing (SVG)",
    "button": "a button without an address",
    "select": "a field",
    "textarea": "a field",
    "template": "a template",
}


def plain(root: Node) -> list[Remark]:
    """Change the tree in place; return what was changed beyond its look."""
    remarks: list[Remark] = []
    looks = dict.fromkeys(look for node in root.walk() for look in _looks(node))
    said = {" ".join(caption.text.split()) for caption in root.all("figcaption")}
    hints = dict.fromkeys(hint for node in root.walk() if (hint := _hint(node)) and hint not in said)
    _change(root, remarks)
    if looks:
        remarks.append(Remark("the look of single parts stays away", ", ".join(looks)[:200], is_loss=False))
    if hints:
        remarks.append(Remark("what a picture said under a pointer stays away", "; ".join(hints)[:200]))
    return remarks


def _hint(node: Node) -> str:
    """Return what a picture shows while a pointer rests on it, unless its alternative text says the same."""
    hint = " ".join(node.attrs.get("title", "").split()) if node.name == "img" else ""
    return hint if hint != " ".join(node.attrs.get("alt", "").split()) else ""


def _looks(node: Node) -> Iterator[str]:
    """Yield what says of a part in which colour, size or place it stands."""
    yield from (found[0].strip() for found in _LOOK.finditer(node.attrs.get("style", "")))
    yield from (name for name in sorted(node.classes) if _LOOK_BY_CLASS.fullmatch(name))
    if node.name in {"font", "center"}:
        yield " ".join([node.name, *(node.attrs[name] for name in ("color", "size", "face") if node.attrs.get(name))])


def _change(node: Node, remarks: list[Remark]) -> None:
    children: Nodes = []
    for child in node.children:
        replaced = _replaced(child, remarks) if isinstance(child, Node) else None
        if replaced is None:
            if isinstance(child, Node):
                _change(child, remarks)
            children.append(child)
        else:
            holder = Node("", children=replaced)
            _change(holder, remarks)
            children.extend(holder.children)
    node.children = children


def _replaced(node: Node, remarks: list[Remark]) -> Nodes | None:
    for name in node.classes & _BY_CLASS.keys():
        if (found := _BY_CLASS[name](node, remarks)) is not None:
            return found
    change = _BY_NAME.get(node.name)
    return change(node, remarks) if change else ghost_boxes.empty(node, remarks)


# --- By the name of the element ---


def _dropped(node: Node, remarks: list[Remark]) -> Nodes:
    source = node.attrs.get("src", "")
    if node.name == "script" and (re.search(r"(twitter|instagram|tiktok|facebook|x)\.com|t\.co", source)):
        remarks.append(Remark("the script of an embed stays away", source))
        return []
    if node.name == "script" and (gist := _GIST.match(source)):
        return _gist(gist[1], remarks)
    return left_out(node, f"{_DROPPED[node.name]} is kept as a comment", remarks)


def _gist(address: str, remarks: list[Remark]) -> Nodes:
    """A script that writes a program into the page: a link to where the program stands."""
    after: Nodes = [paragraph(link_to(address, address.partition("://")[2]))]
    remarks.append(Remark("a program that stands at GitHub is a link", address, counts(Node("", children=after))))
    return after


def _player(node: Node, remarks: list[Remark]) -> Nodes:
    source = node.attrs.get("src", "") or next((one.attrs.get("src", "") for one in node.all("source")), "")
    before = counts(Node("", children=[node]))
    after: Nodes = [paragraph(link_to(source, source.rpartition("/")[2] or source))] if source else []
    effect = counts(Node("", children=after)) - before
    remarks.append(Remark("a film or sound stays at its old address", source, effect))
    return after


def _link_of_a_program(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A link that opens a program: no page here leads out of the web (SCHEMES of markdown/sanitise.py)."""
    href = node.attrs.get("href", "")
    if _PORTAL.search(href):
        effect = Counts(things=Counter({"links": -1} if is_link(node) else {}))
        remarks.append(Remark("a link into the old program is words", href[:200], effect))
        return list(node.children)
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]{1,20}):", href.strip())
    if not scheme or scheme[1].lower() in SCHEMES or not is_link(node):
        return None
    remarks.append(Remark("a link that opens a program is words", href[:200], Counts(things=Counter({"links": -1}))))
    return list(node.children)


def _formula(node: Node, remarks: list[Remark]) -> Nodes:
    """A formula as it was typed (TeX), where the page keeps that beside what it draws; else its signs."""
    typed = next((one.text for one in node.all("annotation") if "tex" in one.attrs.get("encoding", "tex")), node.text)
    after: Nodes = [Node("code", children=[" ".join(typed.split())])] if typed.strip() else []
    effect = counts(Node("", children=after)) - counts(Node("", children=[node]))
    remarks.append(Remark("a formula is written as it was typed", " ".join(typed.split())[:80], effect, is_loss=False))
    return after


def _formula_drawn(node: Node, remarks: list[Remark]) -> Nodes | None:
    return _formula(node, remarks) if node.first("annotation") else None


def _frame(node: Node, remarks: list[Remark]) -> Nodes | None:
    is_podcast = "data-kg-transistor-embed" in node.attrs
    return ghost_boxes.podcast(node, remarks) if is_podcast else frame(node, remarks)


def _noscript(node: Node, remarks: list[Remark]) -> Nodes:
    return []  # browsers that run scripts, nearly all, show nothing of it


BY_CLASSES: dict[Change, tuple[str, ...]] = {
    ghost_boxes.bookmark: ("kg-bookmark-card",),
    ghost_boxes.callout: ("kg-callout-card",),
    ghost_boxes.toggle: ("kg-toggle-card",),
    ghost_boxes.button: ("kg-button-card", "wp-block-button"),
    ghost_boxes.gallery: ("kg-gallery-card", "wp-block-gallery"),
    ghost_boxes.media: ("kg-video-card", "kg-audio-card", "kg-file-card", "wp-block-file"),
    ghost_boxes.card: ("kg-product-card", "kg-signup-card"),
    substack: (
        "button-wrapper",
        "subscription-widget-wrap",
        "subscription-widget-wrap-editor",
        "captioned-button-wrap",
    ),
    picture_set: ("captioned-image-container",),
    youtube: ("youtube-wrap",),
    background: ("section-background--image", "wp-block-cover__image-background"),
    heading: ("wp-block-accordion-heading__toggle",),
    thumbnail: ("mixtapeImage",),
    tweet: ("twitter-tweet",),
    ghost_boxes.header: ("kg-header-card",),
    ghost_boxes.email_only: ("kg-email-only",),
    ghost_boxes.members_only: ("kg-members-only",),
    ghost_boxes.unknown: ("unknown-card",),
    ghost_boxes.box: tuple(ghost_boxes.WRITERS),
    ghost_boxes.call: ghost_boxes.CALLS,
    _formula_drawn: ("katex", "katex-display", "mwe-math-element"),
    divider: ("wp-block-separator",),
    nothing: (
        "section-divider",
        "wp-block-spacer",
        "image-link-expand",
        "pencraft",
        "aspectRatioPlaceholder-fill",
    ),
}
_BY_CLASS: dict[str, Change] = {name: change for change, names in BY_CLASSES.items() for name in names}
_BY_NAME: dict[str, Change] = {
    **dict.fromkeys(_DROPPED, _dropped),
    "video": _player,
    "audio": _player,
    "noscript": _noscript,
    "object": player,
    "embed": player,
    "math": _formula,
    "iframe": _frame,
    "a": _link_of_a_program,
}
