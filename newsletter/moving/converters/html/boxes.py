"""Turns boxes of other programs, known by class, into plain HTML; what has no equivalent gets a remark. Pure.

Sources: Ghost's `kg-` classes (TryGhost/Koenig, kg-default-nodes), WordPress's blocks (`wp-block-`), Substack's
`data-component-name`, Medium's `graf`, and what X and Instagram give to be pasted.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from newsletter.moving.converters.html.tree import Node, serialised
from newsletter.moving.counting import count_changes, count_html, count_words
from newsletter.moving.folder.layout import Remark
from newsletter.posts.markdown.figures import parse_video
from newsletter.posts.markdown.sanitise import URL_SCHEMES

type Nodes = list[Node | str]
type Replacement = Callable[[Node, list[Remark]], Nodes | None]
"""Returns the replacement of a node; None keeps it."""

EMBED_IS_A_LINK = "what another site shows is a link"
FILE_STAYS = "a file that is no picture stays at its old address"
UNKNOWN_BOX = "a box that is not known here is kept as a comment"
BUTTON_DROPPED = "a button of the old program stays away"
LINK_IS_WORDS = "a link that opens a program is words"
# By the element: what readers never saw as words, or what no page here runs.
COMMENTED_OUT = {
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
COMMENT_MAX = 2_000  # characters of what is kept as a comment
_GIST = re.compile(r"(https://gist\.github\.com/[\w/-]{1,200}?)\.js")
_EMBED_SCRIPT = re.compile(r"(?:twitter|instagram|tiktok|facebook|x)\.com|t\.co")  # where scripts of embeds are


def replace_boxes(root: Node) -> list[Remark]:
    """Change the tree in place; return what was changed beyond its look."""
    remarks: list[Remark] = []
    _change(root, remarks)
    return remarks


def _change(node: Node, remarks: list[Remark]) -> None:
    children: Nodes = []
    for child in node.children:
        replaced = _replaced(child, remarks) if isinstance(child, Node) else None
        changed = child if replaced is None else Node("", children=replaced)
        if isinstance(changed, Node):
            _change(changed, remarks)
        children += changed.children if isinstance(changed, Node) and not changed.name else [changed]
    node.children = children


def _replaced(node: Node, remarks: list[Remark]) -> Nodes | None:
    for name in node.classes & _BY_CLASS.keys():
        if (found := _BY_CLASS[name](node, remarks)) is not None:
            return found
    return _BY_NAME.get(node.name, _comment_out_data_box)(node, remarks)


def _replaced_with(
    node: Node, after: Nodes, what: str, detail: str, remarks: list[Remark], *, is_loss: bool = True
) -> Nodes:
    """The replacement of a node. A remark names every word and thing that it lacks."""
    old, new = (count_html("".join(map(serialised, nodes))) for nodes in ([node], after))
    lost, effect = old.words - new.words, count_changes(old, new)
    named = " … ".join(filter(None, (detail, " ".join((lost - count_words(detail)).elements()))))
    remarks += [Remark(what, named, is_loss, effect)] if lost or effect else []
    return after


def _as_comment(node: Node, what: str, remarks: list[Remark], *, kept: str = "", detail: str = "") -> Nodes:
    """Leave a node out of what readers see, keep it in the text as a comment, and say so."""
    typed, before = (kept or serialised(node)).strip(), len(remarks)
    _replaced_with(node, [], what, detail or shortened(typed), remarks)
    remarks += [] if len(remarks) > before else [Remark(what, detail or shortened(typed))]
    return [comment(typed)] if typed else []


def comment(typed: str) -> Node:
    """A comment that ends neither itself nor its block."""
    typed = re.sub(r"\n\s*\n+", "\n", typed[:COMMENT_MAX])
    return Node("!", children=[f" {typed.replace('--', '- -').replace('<', '‹').replace('>', '›')} "])


def shortened(typed: str) -> str:
    words = " ".join(typed.split())
    return words[:80] + ("…" if len(words) > 80 else "")


def paragraph(*children: Node | str) -> Node:
    return Node("p", children=list(children))


def link_to(href: str, words: str) -> Node:
    return Node("a", {"href": href}, [words])


def _comment_out_element(node: Node, remarks: list[Remark]) -> Nodes:
    source = node.attrs.get("src", "")
    if node.name == "script" and _EMBED_SCRIPT.search(source):
        remarks.append(Remark("the script of an embed stays away", source))
        return []
    if node.name == "script" and (gist := _GIST.match(source)):
        after: Nodes = [paragraph(link_to(gist[1], gist[1].partition("://")[2]))]
        return _replaced_with(node, after, "a program that stands at GitHub is a link", gist[1], remarks)
    return _as_comment(node, COMMENTED_OUT[node.name], remarks)


def _media(node: Node, remarks: list[Remark]) -> Nodes:
    source = node.attrs.get("src", "") or next((one.attrs.get("src", "") for one in node.all("source")), "")
    after: Nodes = [paragraph(link_to(source, source.rpartition("/")[2] or source))] if source else []
    return _replaced_with(node, after, "a film or sound stays at its old address", source, remarks)


def _player(node: Node, remarks: list[Remark]) -> Nodes:
    """An object or embed of the years of Flash: its film, or a comment; then what it says where no player is."""
    rest = list(_beside_the_player(node))
    urls = (one.attrs.get(name, "") for one in [node, *node.walk()] for name in ("src", "data", "value"))
    if url := next(filter(parse_video, urls), ""):
        return [Node("iframe", {"src": url}), *rest]
    inner: Nodes = [Node(one.name, one.attrs) for one in node.walk() if one.name in {"param", "embed"}]
    typed = serialised(Node(node.name, node.attrs, inner))
    _replaced_with(node, rest, COMMENTED_OUT["object"], shortened(typed), remarks)
    return [Node("div", children=[comment(typed)]), *rest]  # a block of its own: no paragraph has comments


def _beside_the_player(node: Node) -> Iterator[Node | str]:
    """Yield what an object holds beside its player; objects within it are the same for other browsers."""
    for child in node.children:
        if isinstance(child, Node) and child.name == "object":
            yield from _beside_the_player(child)
        elif isinstance(child, str) or not (
            child.name in {"param", "embed", "!"} or parse_video(child.attrs.get("src", ""))
        ):
            yield child


def _link(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A link that opens a program, or a window of Ghost over its page: here it is words."""
    href = node.attrs.get("href", "").strip()
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]{1,20}):", href)
    is_foreign = scheme and scheme[1].lower() not in URL_SCHEMES
    if not is_foreign and not re.search(r"#/(?:portal|share|search)\b", href):
        return None
    return _replaced_with(node, list(node.children), LINK_IS_WORDS, href, remarks)


def _formula(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A formula as it was typed (TeX), where the page keeps that beside what it draws."""
    typed = next((one.text for one in node.all("annotation") if "tex" in one.attrs.get("encoding", "tex")), "")
    if not typed and node.name != "math":
        return None
    words = " ".join((typed or node.text).split())
    after: Nodes = [Node("code", children=[words])] if words else []
    return _replaced_with(node, after, "a formula is written as it was typed", words, remarks, is_loss=False)


def _frame(node: Node, remarks: list[Remark]) -> Nodes | None:
    source = node.attrs.get("src", "").strip()
    if source and parse_video(source) is None:
        remarks.append(Remark(EMBED_IS_A_LINK, source))
    return None


def _drop_if_empty(node: Node, remarks: list[Remark]) -> Nodes | None:
    return [] if node.name == "noscript" or not (node.text.strip() or node.first("img")) else None


def _bookmark(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A quote: the title as a link, the description, who wrote it and where. Its small pictures stay away."""
    link = node.first("a") if node.name != "a" else node
    if link is None:
        return None
    parts = [node.first_with_class(f"kg-bookmark-{name}") for name in ("title", "description", "author", "publisher")]
    title, description, *by = [part.single_line_text if part else "" for part in parts]
    href = link.attrs.get("href", "")
    lines = [description, " · ".join(word for word in by if word)]
    quote: Nodes = [paragraph(link_to(href, title or href)), *(paragraph(words) for words in lines if words)]
    after = [Node("blockquote", children=quote), *_caption(node)]
    images = ", ".join(image.attrs.get("src", "") for image in node.all("img"))
    return _replaced_with(node, after, "the small pictures of a bookmark stay away", images, remarks)


def _caption(node: Node) -> Nodes:
    caption = node.first("figcaption")
    return [paragraph(*caption.children)] if caption and caption.text.strip() else []


def _callout(node: Node, remarks: list[Remark]) -> Nodes | None:
    emoji, words = node.first_with_class("kg-callout-emoji"), node.first_with_class("kg-callout-text")
    return [Node("callout", {"title": emoji.text.strip() if emoji else ""}, words.children)] if words else None


def _toggle(node: Node, remarks: list[Remark]) -> Nodes | None:
    heading, content = node.first_with_class("kg-toggle-heading-text"), node.first_with_class("kg-toggle-content")
    if heading is None or content is None:
        return None
    after: Nodes = [Node("details", children=[Node("summary", children=heading.children), *content.children])]
    return _replaced_with(node, after, "the heading of a fold-out is its summary", heading.text.strip(), remarks)


def _gallery(node: Node, remarks: list[Remark]) -> Nodes:
    """Pictures one below the other, each with its own link and words, then those of all."""
    after: Nodes = []
    captions = [one for one in node.all("figcaption") if one.text.strip()]
    for image in node.all("img"):
        around = [one for one in node.all("a", "figure") if any(image is part for part in one.walk())]
        link = next((one for one in around if one.name == "a"), image)
        own = [one for figure in around[::-1] if len(figure.all("img")) == 1 for one in figure.all("figcaption")][:1]
        after.append(Node("figure", children=[link, *own]))
        captions = [one for one in captions if not any(one is part for part in own)]
    after += [paragraph(*caption.children) for caption in captions]
    return _replaced_with(node, after, "a gallery is pictures one below the other", "", remarks, is_loss=False)


def _file(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A film, a sound or a file of the old site: a link to it."""
    player, link = node.first("video", "audio"), node.first("a")
    href = player.attrs.get("src", "") if player else link.attrs.get("href", "") if link else ""
    if not href:
        return None
    about = node.first_with_class("kg-file-card-caption")
    title = node.first_with_class("kg-audio-title", "kg-file-card-title")
    title = title or (link if "wp-block-file" in node.classes else None)
    words = (title.text.strip() if title else "") or href.rpartition("/")[2] or href
    after: Nodes = [paragraph(link_to(href, words)), *_caption(node)]
    after += [paragraph(about.text.strip())] if about and about.text.strip() else []
    return _replaced_with(node, after, FILE_STAYS, href, remarks)


_BACKGROUND = re.compile(r"background-image:\s*url\(['\"]?(?P<url>https?://[^'\")]{1,1000})['\"]?\)")


def _background(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A picture that lies behind words, as in a header of Ghost or a section of Medium: it stands above them."""
    found = _BACKGROUND.search(node.attrs.pop("style", ""))
    source = found["url"] if found else node.attrs.pop("data-kg-background-image", "")
    if source in {"", "none"}:
        return None
    remarks.append(Remark("a picture behind words stands above them", source, effect={"pictures": 1}))
    return [paragraph(Node("img", {"src": source})), *([node] if node.text.strip() else [])]


def _comment_out(what: str, label: str) -> Replacement:
    def hide(node: Node, remarks: list[Remark]) -> Nodes:
        return _as_comment(node, what, remarks, kept=f"{label}: {serialised(node)}", detail=shortened(node.text))

    return hide


_CALL_TO_ACTION = re.compile(r"subscri|sign[ -]?up|share|comment|donat|gift", re.IGNORECASE)
# What a box may say of itself, in the order in which it is written.
_URL_KEYS = ("canonical_url", "url", "targetUrl")
_TEXT_KEYS = (
    *("title", "full_text", "truncated_body_text", "body", "caption", "name", "username", "author", "subtitle"),
    *("podcastTitle", "podcast_title", "publication_name", "author_name"),
)
_PICTURE_KEYS = ("src", "img_url", "thumbnail_url_full")


def _attrs(node: Node) -> dict[str, Any]:
    try:
        found = json.loads(node.attrs.get("data-attrs", ""))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _drop_call_to_action(node: Node, remarks: list[Remark]) -> Nodes | None:
    """Buttons and boxes that ask to subscribe or to share: they lead back to the other program."""
    typed = f"{node.attrs.get('data-attrs', '')} {serialised(node)[:2000]}"
    is_call = node.classes & set(_CALL_CLASSES) or _CALL_TO_ACTION.search(typed)
    return _replaced_with(node, [], BUTTON_DROPPED, shortened(node.text), remarks, is_loss=False) if is_call else None


def _picture(node: Node, remarks: list[Remark]) -> Nodes | None:
    """Substack's picture: a figure around a link, a `picture` and buttons."""
    image = node.first("img")
    if image is None:
        return None
    data = _attrs(node) or _attrs(image)
    href, caption = str(data.get("href") or ""), node.first("figcaption")
    shown = Node("img", {**image.attrs, "src": str(data.get("src") or image.attrs.get("src", ""))})
    linked = Node("a", {"href": href}, [shown]) if href else shown
    after: Nodes = [Node("figure", children=[linked, *([caption] if caption else [])])]
    what = "a picture's link to its own large form stays away"
    return _replaced_with(node, after, what, shown.attrs["src"], remarks, is_loss=False)


def _youtube(node: Node, remarks: list[Remark]) -> Nodes | None:
    data, frame = _attrs(node), node.first("iframe")
    start = re.match(r"\d+", str(data.get("startTime") or ""))
    if name := str(data.get("videoId") or ""):
        return [Node("iframe", {"src": f"https://www.youtube.com/embed/{name}{f'?start={start[0]}' if start else ''}"})]
    return [Node("iframe", {"src": frame.attrs.get("src", "")})] if frame else None


def _data_box(node: Node, remarks: list[Remark]) -> Nodes | None:
    """A box that pages draw from what it says of itself: its words as a quote with a link, and its pictures."""
    link = node.first("a")
    if node.name == "blockquote" and link and not node.text.strip():  # Medium's tweet: X draws it over a link
        href = link.attrs.get("href", "")
        after: Nodes = [paragraph(link_to(href, href))]
        return _replaced_with(node, after, "a box of X is a link", href, remarks, is_loss=False)
    data = _attrs(node)
    words, pictures = list(dict.fromkeys(_values(data, _TEXT_KEYS))), list(dict.fromkeys(_values(data, _PICTURE_KEYS)))
    url = next(_values({key: data.get(key) for key in _URL_KEYS}, _URL_KEYS), "")
    is_web = url.startswith(("http://", "https://"))
    lines: Nodes = [link_to(url, (words or [url])[0]), *words[1:]] if is_web else [*words]
    if tex := next(_values(data, ("persistentExpression",)), ""):
        after = [Node("pre", children=[Node("code", {"class": "language-latex"}, [tex])])]
    elif node.name == "span":
        after = lines[:1]
    else:
        alt = next(_values(data, ("alt", "title")), "")
        after = [Node("figure", children=[Node("img", {"src": one, "alt": alt})]) for one in pictures]
        after += [Node("blockquote", children=[paragraph(line) for line in lines])] if lines else []
    if not after:
        return _comment_out_data_box(node, remarks)
    detail = node.attrs["class"].split()[0]
    return _replaced_with(node, after, "a box of Substack is written out", detail, remarks, is_loss=False)


def _values(data: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts that stand under these names, however deep, by the order of the names."""
    if isinstance(data, list):
        for one in data:
            yield from _values(one, names)
    if isinstance(data, dict):
        found = (data.get(name) for name in names)
        yield from (one.strip() for one in found if isinstance(one, str) and one.strip())
        inner = [one for name, one in data.items() if name != "staticGalleryImage"]  # all of a gallery in one
        yield from _values(inner, names)


def _comment_out_data_box(node: Node, remarks: list[Remark]) -> Nodes | None:
    """Keep what a box without words says of itself as a comment: pages drew it by a script, and we do not know it."""
    component = node.attrs.get("data-component-name", "")
    if node.name not in {"div", "span", "p"} or not (component or "data-attrs" in node.attrs):
        return None
    if node.text.strip() or node.first("img", "iframe", "video", "audio", "input", "hr"):
        return None
    name = next(iter(node.attrs.get("class", "").split()), component)
    data = _attrs(node)
    typed = json.dumps(data, ensure_ascii=False) if data else node.attrs.get("data-attrs", "")
    return _as_comment(node, UNKNOWN_BOX, remarks, kept=f"{name}: {typed}", detail=name)


# What asks readers to do something at Substack or Ghost; elsewhere it leads nowhere.
_CALL_CLASSES = (
    *("community-chat", "install-substack-app-embed", "directMessage", "community-embed"),
    *("kg-product-card-rating", "kg-signup-card-form", "hide-text"),
)
_BY_CLASSES: dict[Replacement, tuple[str, ...]] = {
    _bookmark: ("kg-bookmark-card",),
    _callout: ("kg-callout-card",),
    _toggle: ("kg-toggle-card",),
    _gallery: ("kg-gallery-card", "wp-block-gallery"),
    _file: ("kg-video-card", "kg-audio-card", "kg-file-card", "wp-block-file"),
    _comment_out("what only mails had is kept as a comment", "only in mails"): ("kg-email-only",),
    _comment_out("what only members saw is kept as a comment", "only for members"): ("kg-members-only",),
    lambda _node, _remarks: [Node("hr")]: ("wp-block-separator",),
    _background: ("kg-header-card", "section-background--image", "wp-block-cover__image-background"),
    _drop_call_to_action: (
        *("button-wrapper", "subscription-widget-wrap", "subscription-widget-wrap-editor", "captioned-button-wrap"),
        *_CALL_CLASSES,
    ),
    _picture: ("captioned-image-container",),
    _youtube: ("youtube-wrap",),
    _data_box: (
        "twitter-tweet",
        *("image-gallery-embed", "image3", "digest-post-embed", "embedded-post-wrap", "tweet", "twitter-embed"),
        *("mention-wrap", "latex-rendered", "tiktok-wrap", "soundcloud-wrap", "spotify-wrap", "apple-podcast"),
        *("bandcamp-wrap", "datawrapper-wrap", "prediction-market-wrap", "comment", "instagram-embed-wrap"),
    ),
    lambda node, _remarks: [Node("blockquote", children=node.children)]: ("pullquote", "callout-block"),
    lambda _node, _remarks: [Node("!", children=["members-only"])]: ("paywall-jump",),
    _formula: ("katex", "katex-display", "mwe-math-element"),
    _drop_if_empty: (
        *("section-divider", "wp-block-spacer", "image-link-expand", "pencraft", "aspectRatioPlaceholder-fill"),
    ),
}
_BY_CLASS: dict[str, Replacement] = {name: change for change, names in _BY_CLASSES.items() for name in names}
_BY_NAME: dict[str, Replacement] = {
    **dict.fromkeys(COMMENTED_OUT, _comment_out_element),
    **dict.fromkeys(("video", "audio"), _media),
    "noscript": _drop_if_empty,  # browsers that run scripts, nearly all, show nothing of it
    **dict.fromkeys(("object", "embed"), _player),
    "math": _formula,
    "iframe": _frame,
    "a": _link,
}
