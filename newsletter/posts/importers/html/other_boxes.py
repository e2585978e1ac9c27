"""Boxes of WordPress, Substack and Medium, by their classes. Pure."""

import json
import re

from newsletter.posts.importers.html.counts import Counts, counts
from newsletter.posts.importers.html.leaving import Nodes
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.html.tree import Node, serialised

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
        remarks.append(Remark("a picture's link to its own large form stays away", image.attrs["src"], effect))
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
    url = f"https://www.youtube.com/embed/{number}" if number else frame.attrs.get("src", "") if frame else ""
    return [Node("iframe", {"src": url})]


def divider(node: Node, remarks: list[Remark]) -> Nodes | None:
    return [Node("hr")]


def nothing(node: Node, remarks: list[Remark]) -> Nodes | None:
    return [] if not node.text.strip() and not node.first("img") else None
