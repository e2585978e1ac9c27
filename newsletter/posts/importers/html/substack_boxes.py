"""Boxes of Substack: of many the export has nothing but JSON in `data-attrs`, which its pages draw by scripts. Pure.

Sources: exports as their readers find them in TryGhost/migrate (mg-substack) and in what authors wrote to move away.
"""

import json
from collections.abc import Callable
from typing import Any

from newsletter.posts.importers.html.counts import counts
from newsletter.posts.importers.html.leaving import Nodes, left_out, link_to, paragraph
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.html.tree import Node

type Data = dict[str, Any]
type Write = Callable[[Data, Node], Nodes]

WRITTEN = "a box of Substack is written out"
# What asks readers to do something at Substack; elsewhere it leads nowhere.
CALLS = ("community-chat", "install-substack-app-embed", "directMessage", "community-embed")


def data_of(node: Node) -> Data:
    """Return what a box says of itself; nothing if that is no JSON object."""
    try:
        found = json.loads(node.attrs.get("data-attrs", ""))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def box(node: Node, remarks: list[Remark]) -> Nodes | None:
    """Write a box that is known as plain HTML; None where its data say nothing."""
    name = next(name for name in WRITERS if name in node.classes)
    after = WRITERS[name](data_of(node), node)
    if not after:
        return empty(node, remarks)
    effect = counts(Node("", children=after)) - counts(Node("", children=[node]))
    remarks.append(Remark(WRITTEN, name, effect, is_loss=False))
    return after


def call(node: Node, remarks: list[Remark]) -> Nodes:
    effect = counts(Node("")) - counts(Node("", children=[node]))
    words = " ".join(node.text.split())[:80] or next(name for name in CALLS if name in node.classes)
    remarks.append(Remark("a button of the old program stays away", words, effect, is_loss=False))
    return []


def empty(node: Node, remarks: list[Remark]) -> Nodes | None:
    """Keep what a box without words says of itself as a comment: pages drew it by a script, and we do not know it."""
    component = node.attrs.get("data-component-name", "")
    if node.name not in {"div", "span", "p"} or not (component or "data-attrs" in node.attrs):
        return None
    if node.text.strip() or node.first("img", "iframe", "video", "audio", "input", "hr"):
        return None
    name = next(iter(node.attrs.get("class", "").split()), component)
    typed = json.dumps(data_of(node), ensure_ascii=False) if data_of(node) else node.attrs.get("data-attrs", "")
    what = f"a box that is not known here ({name}) is kept as a comment"
    return left_out(node, what, remarks, kept=f"{name}: {typed}")


def _said(data: Data, *names: str) -> str:
    found = (data.get(name) for name in names)
    return next((one.strip() for one in found if isinstance(one, str) and one.strip()), "")


def _quote(*lines: Node | str) -> Nodes:
    return [Node("blockquote", children=[paragraph(line) for line in lines if line])]


def _link(url: str, words: str) -> Node | str:
    return link_to(url, words or url) if url.startswith(("http://", "https://")) else words


def _image(url: str, alt: str = "", caption: str = "", link: str = "") -> Node:
    image = Node("img", {"src": url, "alt": alt})
    shown = Node("a", {"href": link}, [image]) if link else image
    return Node("figure", children=[shown, *([Node("figcaption", children=[caption])] if caption else [])])


def _old_picture(data: Data, node: Node) -> Nodes:
    """A picture of Substack's first years, which has no element of its own: its title was shown below it."""
    source, title = _said(data, "src"), _said(data, "title")
    return [_image(source, _said(data, "alt") or title, title, _said(data, "href"))] if source else []


def _gallery(data: Data, node: Node) -> Nodes:
    gallery = data.get("gallery")
    given: Data = gallery if isinstance(gallery, dict) else {}
    images = [one for one in given.get("images") or [] if isinstance(one, dict) and _said(one, "src")]
    whole = given.get("staticGalleryImage")
    images = images or ([whole] if isinstance(whole, dict) and _said(whole, "src") else [])
    caption, alt = _said(given, "caption"), _said(given, "alt")
    shown: Nodes = [_image(_said(one, "src"), _said(one, "alt") or alt) for one in images]
    return [*shown, *([paragraph(caption)] if caption and shown else [])]


def _post(data: Data, node: Node) -> Nodes:
    """A post of Substack that is quoted: its title as a link, how it begins, and where it stands."""
    url, title = _said(data, "canonical_url", "url"), _said(data, "title")
    begins = _said(data, "caption", "truncated_body_text")
    return _quote(_link(url, title), begins, _said(data, "publication_name")) if url or title else []


def _tweet(data: Data, node: Node) -> Nodes:
    words, url = _said(data, "full_text"), _said(data, "url")
    name, user = _said(data, "name"), _said(data, "username")
    by = f"— {name} (@{user})" if name and user else f"— {name or user}"
    quoted = data.get("quoted_tweet")
    inner: Data = quoted if isinstance(quoted, dict) else {}
    photos = [one for one in data.get("photos") or [] if isinstance(one, dict) and _said(one, "img_url")]
    if not words and not url:
        return []
    lines: Nodes = [*_quote(words, _said(inner, "full_text"), _link(url, by))]
    return [*lines, *(_image(_said(one, "img_url"), _said(one, "alt_text")) for one in photos)]


def _mention(data: Data, node: Node) -> Nodes:
    name = _said(data, "name")
    return [_link(_said(data, "url"), name)] if name else []


def _formula(data: Data, node: Node) -> Nodes:
    typed = _said(data, "persistentExpression", "expression")
    return [Node("pre", children=[Node("code", {"class": "language-latex"}, [typed])])] if typed else []


def _file(data: Data, node: Node) -> Nodes:
    link, title = node.first("a"), node.with_class("file-embed-details-h1")
    about = node.with_class("file-embed-details-h2")
    href = link.attrs.get("href", "") if link else ""
    words = title.text.strip() if title else ""
    size = [paragraph(about.text.strip())] if about and about.text.strip() else []
    return [paragraph(_link(href, words)), *size] if href else []


def _instagram(data: Data, node: Node) -> Nodes:
    number, title = _said(data, "instagram_id"), _said(data, "title", "author_name")
    return [paragraph(_link(f"https://www.instagram.com/p/{number}/", title or "Instagram"))] if number else []


def _elsewhere(data: Data, node: Node) -> Nodes:
    """A player or a chart of another site: a link to its own page, on its picture where there is one."""
    url = _said(data, "targetUrl", "url")
    title, by = _said(data, "title"), _said(data, "author", "subtitle", "podcastTitle", "podcast_title")
    words = " · ".join(dict.fromkeys(part for part in (title, by) if part))
    chart = _said(data, "thumbnail_url_full") if "datawrapper-wrap" in node.classes else ""
    picture: Nodes = [_image(chart, title)] if chart else []
    return [*picture, paragraph(_link(url, words))] if url.startswith("http") else []


def _comment(data: Data, node: Node) -> Nodes:
    comment = data.get("comment")
    given: Data = comment if isinstance(comment, dict) else {}
    words, name = _said(given, "body"), _said(given, "name")
    return _quote(words, _link(_said(data, "url"), f"— {name}" if name else "")) if words else []


def _pull_quote(data: Data, node: Node) -> Nodes:
    return [Node("blockquote", children=node.children)]


def _callout(data: Data, node: Node) -> Nodes:
    return [Node("callout", {"title": ""}, node.children)]


def _paywall(data: Data, node: Node) -> Nodes:
    return [Node("!", children=["members-only"])]


def _pre(data: Data, node: Node) -> Nodes:
    """Without the label that only screen readers hear."""
    return [child for child in node.children if isinstance(child, Node) and child.name == "pre"]


WRITERS: dict[str, Write] = {
    "image-gallery-embed": _gallery,
    "image3": _old_picture,
    **dict.fromkeys(("digest-post-embed", "embedded-post-wrap"), _post),
    **dict.fromkeys(("tweet", "twitter-embed"), _tweet),
    "mention-wrap": _mention,
    "latex-rendered": _formula,
    "file-embed-wrapper": _file,
    "instagram-embed-wrap": _instagram,
    **dict.fromkeys(
        (
            "tiktok-wrap",
            "soundcloud-wrap",
            "spotify-wrap",
            "apple-podcast",
            "bandcamp-wrap",
            "datawrapper-wrap",
            "prediction-market-wrap",
        ),
        _elsewhere,
    ),
    "comment": _comment,
    "pullquote": _pull_quote,
    "callout-block": _callout,
    "paywall-jump": _paywall,
    "preformatted-block": _pre,
}
