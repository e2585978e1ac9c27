"""Boxes of WordPress, Substack and Medium, by their classes. Pure."""

import json
import re
from collections.abc import Iterator

from newsletter.posts.importers.html.counts import Counts, counts
from newsletter.posts.importers.html.leaving import Nodes, comment, link_to, paragraph, short
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.html.tree import Node, serialised
from newsletter.posts.markdown.figures import film

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
