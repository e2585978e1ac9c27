"""Boxes of Ghost and Substack as plain HTML. Pure."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from newsletter.posts.importers.html.counts import (
    Counts,
    Nodes,
    Remark,
    comment,
    counts,
    left_out,
    link_to,
    paragraph,
    short,
)
from newsletter.posts.importers.html.tree import Node, serialised


def bookmark(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A quote: the title as a link, the description, who wrote it and where. Its small pictures stay away."""
    link = node.first("a") if node.name != "a" else node
    if link is None:
        return None
    before = counts(Node("", children=[node]))
    parts = [node.with_class(f"kg-bookmark-{name}") for name in ("title", "description", "author", "publisher")]
    title, description, *by = [" ".join(part.text.split()) if part else "" for part in parts]
    href = link.attrs.get("href", "")
    lines: Nodes = [paragraph(link_to(href, title or href))]
    lines += [paragraph(words) for words in (description, " · ".join(word for word in by if word)) if words]
    caption = node.first("figcaption")
    after: Nodes = [Node("blockquote", children=lines)]
    after += [paragraph(*caption.children)] if caption and caption.text.strip() else []
    effect = counts(Node("", children=after)) - before
    images = [image.attrs.get("src", "") for image in node.all("img")]
    if effect:
        remarks.append(Remark("the small pictures of a bookmark stay away", ", ".join(images[:2]), effect))
    return after


def callout(node: Node, remarks: list[Remark]) -> Nodes | None:
    emoji, words = node.with_class("kg-callout-emoji"), node.with_class("kg-callout-text")
    if words is None:
        return None
    title = emoji.text.strip() if emoji else ""
    return [Node("callout", {"title": title}, words.children)]


def toggle(node: Node, remarks: list[Remark]) -> Nodes | None:
    heading, content = node.with_class("kg-toggle-heading-text"), node.with_class("kg-toggle-content")
    if heading is None or content is None:
        return None
    summary = Node("summary", children=heading.children)
    before = counts(Node("", children=[node]))
    after = Node("details", children=[summary, *content.children])
    if effect := counts(Node("", children=[after])) - before:
        remarks.append(Remark("the heading of a fold-out is its summary", heading.text.strip(), effect))
    return [after]


def button(node: Node, remarks: list[Remark]) -> Nodes | None:
    link = node.first("a")
    return [paragraph(link)] if link else None


def gallery(node: Node, remarks: list[Remark]) -> Nodes:
    """Pictures one below the other, each with its own words, then those of all."""
    figures = node.all("figure")
    pictures: Nodes = [Node("figure", children=_captioned(image, node, figures)) for image in node.all("img")]
    inner = [caption for figure in figures for caption in figure.all("figcaption")]
    captions = [one for one in node.all("figcaption") if one.text.strip() and not any(one is own for own in inner)]
    if items := len(node.all("li")):
        effect = Counts(things=Counter({"lists": -items}))
        remarks.append(Remark("a gallery is pictures one below the other", "", effect, is_loss=False))
    return pictures + [paragraph(*caption.children) for caption in captions]


def _captioned(image: Node, within: Node, figures: list[Node]) -> Nodes:
    own = next((one for one in reversed(figures) if any(image is part for part in one.walk())), None)
    caption = own.first("figcaption") if own else None
    return [_linked(image, within), *([caption] if caption and caption.text.strip() else [])]


def _linked(image: Node, within: Node) -> Node:
    """Return a picture with the link that it stood in."""
    return next((link for link in within.all("a") if any(image is part for part in link.walk())), image)


def media(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A film, a sound or a file of the old site: a link to it."""
    player = node.first("video", "audio")
    title = node.with_class("kg-audio-title", "kg-file-card-title") or _named(node)
    href = player.attrs.get("src", "") if player else (link.attrs.get("href", "") if (link := node.first("a")) else "")
    if not href:
        return None
    before = counts(Node("", children=[node]))
    words = (title.text.strip() if title else "") or href.rpartition("/")[2] or href
    about, caption = node.with_class("kg-file-card-caption"), node.first("figcaption")
    after: Nodes = [paragraph(link_to(href, words))]
    after += [paragraph(*caption.children)] if caption and caption.text.strip() else []
    after += [paragraph(about.text.strip())] if about and about.text.strip() else []
    effect = counts(Node("", children=after)) - before
    remarks.append(Remark("a file that is no picture stays at its old address", href, effect))
    return after


def _named(node: Node) -> Node | None:
    """Return the link whose words name a file, if nothing better does: not the one that fetches it."""
    link = node.first("a") if "wp-block-file" in node.classes else None
    return link if link and "wp-block-file__button" not in link.classes else None


def card(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A product or a form to sign up: its words, pictures and links; forms and stars stay away."""
    before = counts(node)
    forms = [part for part in node.walk() if part.name == "form"]
    for part in [*forms, *(part for part in node.walk() if "kg-product-card-rating" in part.classes)]:
        part.name, part.children = "span", []
    if forms:
        detail = " ".join(node.text.split())[:80]
        remarks.append(Remark("a button of the old program stays away", detail, counts(node) - before, is_loss=False))
    return None


def header(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A heading on a picture: the picture stands above it."""
    source = node.attrs.pop("data-kg-background-image", "")
    if source in {"", "none"}:
        return None
    image = Node("img", {"src": source})
    remarks.append(Remark("a picture behind words stands above them", source, counts(Node("", children=[image]))))
    return [paragraph(image), node]


def podcast(node: Node, remarks: list[Remark]) -> Nodes:
    """A box of podcasts, which only the members of the old site could hear."""
    return left_out(
        node, "a box that is not known here (transistor) is kept as a comment", remarks, kept=node.attrs.get("src", "")
    )


def email_only(node: Node, remarks: list[Remark]) -> Nodes | None:
    """What only mails had: readers of the page never saw it. It is kept as a comment, and does not count."""
    return _hidden(node, "what only mails had is kept as a comment", "only in mails", remarks, Counts())


def members_only(node: Node, remarks: list[Remark]) -> Nodes | None:
    """What only members saw of a page that everybody could read. It is kept as a comment."""
    effect = Counts() - counts(Node("", children=[node]))
    return _hidden(node, "what only members saw is kept as a comment", "only for members", remarks, effect)


def _hidden(node: Node, what: str, label: str, remarks: list[Remark], effect: Counts) -> Nodes:
    typed = serialised(node)
    remarks.append(Remark(what, short(node.text), effect))
    node.children = []
    return [comment(f"{label}: {typed}")]


def unknown(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A box of the editor that nobody here knows, as it was typed."""
    return left_out(
        node,
        f"a box that is not known here ({node.attrs.get('title', '')}) is kept as a comment",
        remarks,
        kept=node.text,
    )


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
