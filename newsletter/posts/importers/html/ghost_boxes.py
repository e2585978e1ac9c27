"""Ghost's cards as its pages have them, by their `kg-` classes. Pure."""

from collections import Counter

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
