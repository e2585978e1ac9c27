"""Ghost's cards as its pages have them, by their `kg-` classes. Pure."""

from newsletter.posts.importers.html.counts import Counts, counts
from newsletter.posts.importers.html.leaving import Nodes, comment, left_out, link_to, paragraph, short
from newsletter.posts.importers.html.notes import Remark
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
    caption = node.first("figcaption")
    pictures: Nodes = [Node("figure", children=[_linked(image, node)]) for image in node.all("img")]
    return pictures + ([paragraph(*caption.children)] if caption and caption.text.strip() else [])


def _linked(image: Node, within: Node) -> Node:
    """Return a picture with the link that it stood in."""
    return next((link for link in within.all("a") if image in link.walk()), image)


def media(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A film, a sound or a file of the old site: a link to it."""
    player = node.first("video", "audio")
    title = node.with_class("kg-audio-title", "kg-file-card-title")
    href = player.attrs.get("src", "") if player else (link.attrs.get("href", "") if (link := node.first("a")) else "")
    if not href:
        return None
    before = counts(Node("", children=[node]))
    words = title.text.strip() if title else href.rpartition("/")[2] or href
    about, caption = node.with_class("kg-file-card-caption"), node.first("figcaption")
    after: Nodes = [paragraph(link_to(href, words))]
    after += [paragraph(*caption.children)] if caption and caption.text.strip() else []
    after += [paragraph(about.text.strip())] if about and about.text.strip() else []
    effect = counts(Node("", children=after)) - before
    remarks.append(Remark("a file that is no picture stays at its old address", href, effect))
    return after


def card(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A product, a header, a call to action: its words, pictures and links; forms and stars stay away."""
    for part in list(node.walk()):
        if part.classes & {"kg-product-card-rating", "kg-signup-card-form"}:
            part.children = []
    return None


def email_only(node: Node, remarks: list[Remark]) -> Nodes | None:
    """What only mails had: readers of the page never saw it. It is kept as a comment, and does not count."""
    typed = serialised(node)
    remarks.append(Remark("what only mails had is kept as a comment", short(node.text), Counts()))
    node.children = []
    return [comment(f"only in mails: {typed}")]


def unknown(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A box of the editor that nobody here knows, as it was typed."""
    return left_out(
        node,
        f"a box that is not known here ({node.attrs.get('title', '')}) is kept as a comment",
        remarks,
        kept=node.text,
    )
