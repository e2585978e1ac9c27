"""How each mark with an end is written: code, boxes, quotes, fold-outs, tabs, links, and what only says a look. Pure.

Sources: Hugo's short codes and those of its themes (`notice`, `admonition`, `callout`, `alert`, `hint`, `tabs`,
`button`, …); Jekyll's Liquid; Hexo's tags and those of its themes: NexT (docs on tag plugins), Butterfly
(`hideToggle`, `tabs`), Volantis and Stellar (`noteblock`, `folding`, `tab`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import yaml

from newsletter.posts.importers.folder.boxes import KINDS, PICTURE, boxed, quoted
from newsletter.posts.importers.folder.tags import Tag
from newsletter.posts.importers.front_matter import Loader
from newsletter.posts.importers.html.notes import Remark

# What says how a box looks: never a word of its title, or one only beside other words.
_ICON = r"(?:fa[a-z]{0,8}\s+)?fa-[\w-]+(?:\s+fa-[\w-]+)*|fa-?[srlbd]?"
_STRICT = rf"(?:no-icon|true|false|{_ICON}|#[0-9a-fA-F]{{3,8}}|(?:color|icon|child|open):\S*)"
_LOOKS = (
    rf"(?:{_STRICT}|flat|modern|simple|disabled|outline|round|open|closed?|light|dark|idea|link|quote|bug|error|done"
    r"|undone|red|green|blue|cyan|yellow|orange|purple|pink|gr[ae]y|black|white)"
)
_COLOUR = re.compile(rf"^\s*(?:{_LOOKS}\s*)*\s*(?:,|::)\s*")
_COLOURS = re.compile(r"(?:\s*,\s*(?:#[0-9a-fA-F]{3,8}|[a-z]{3,20})\s*){1,2}$")
_KIND = ("type", "kind", "context", "level", "color", "class", "style")
_TITLE = ("title", "header", "heading", "summary", "label", "caption")
_ADDRESS = re.compile(r"(?:https?://|/)\S+")


@dataclass(frozen=True)
class Pair:
    """A mark and what it holds. around: the mark that holds it; number: how many parts of that came before."""

    tag: Tag
    inner: str
    around: Tag | None = None
    number: int = 0

    @property
    def lines(self) -> str:
        """Return what it holds, without the space that all of its lines begin with."""
        return dedent(self.inner).strip()

    def given(self, *names: str) -> str:
        named = self.tag.named
        return next((named[name] for name in names if named.get(name)), "")


type Write = Callable[[Pair, list[Remark]], str]


def _name_look(looks: str, remarks: list[Remark]) -> None:
    if looks.strip():
        remarks.append(Remark("the look of single parts stays away", looks.strip()[:200], is_loss=False))


# --- Code ---


def _code(pair: Pair, remarks: list[Remark]) -> str:
    """Return a fence, with its title above it. Hexo has: title, lang:…, address, words of the address."""
    args = re.sub(r">\s*folded\b", "", pair.tag.args)
    words, named = pair.tag.words, pair.tag.named
    given = named.get("lang") or named.get("language") or ""
    if not given and pair.tag.name != "codeblock":
        given = next((word for word in words if re.fullmatch(r"[\w+#-]{1,20}", word) and word != "linenos"), "")
        words = [word for word in words if word != given]
    inner = pair.inner.strip("\n") if "\n" in pair.inner.strip() else pair.inner.strip()
    inner = dedent(inner) if inner.startswith((" ", "\t")) and pair.tag.is_hugo else inner
    fence = "````" if "```" in inner else "```"
    title = _code_title(words, args) or pair.given("title", "filename", "file", "caption", "name")
    head = f"**{title}**\n\n" if title else ""
    return f"{head}{fence}{given if re.fullmatch(r'[\w+#.-]{1,20}', given) else ''}\n{inner}\n{fence}"


def _code_title(words: list[str], args: str) -> str:
    kept = [word for word in words if word not in {"linenos", ">folded", "folded"} and "=" not in word]
    place = next((index for index, word in enumerate(kept) if _ADDRESS.fullmatch(word)), None)
    if place is None or not re.search(r"https?://", args):
        return " ".join(kept)
    return " ".join([*kept[:place], f"[{' '.join(kept[place + 1 :]) or kept[place]}]({kept[place]})"])


def _mermaid(pair: Pair, remarks: list[Remark]) -> str:
    return f"```mermaid\n{pair.inner.strip()}\n```"


# --- Boxes, quotes, fold-outs ---


def _box(pair: Pair, remarks: list[Remark]) -> str:
    words, name = _boxed_words(pair), pair.tag.name
    first = words[0].lower() if words else ""
    given = pair.given(*_KIND).lower()
    kind = next((one for one in (first, given, name) if one in KINDS), "note")
    is_icon = name == "alert" and pair.tag.is_hugo  # Blowfish's `alert "circle-info"`
    title = words[1:] if first in KINDS or (is_icon and len(words) == 1) else words
    shown, looks = _without_looks(title)
    _name_look(" ".join([*looks, *(words[:1] if is_icon and first not in KINDS else [])]), remarks)
    shown = pair.given(*_TITLE) or shown
    return boxed(kind, shown, pair.lines or pair.given("text", "content", "message"))


def _without_looks(words: list[str]) -> tuple[str, list[str]]:
    """Return the words of a title, and what only says a look."""
    form = _LOOKS if all(re.fullmatch(_LOOKS, word) for word in words) else _STRICT
    kept = [word for word in words if not re.fullmatch(form, word)]
    return " ".join(kept), [word for word in words if re.fullmatch(form, word)]


def _boxed_words(pair: Pair) -> list[str]:
    """Return the words of a box's mark; what stands before a comma in Hexo's themes says how it looks."""
    before, comma, after = pair.tag.args.partition(",")
    if pair.tag.is_hugo or not comma or not re.fullmatch(rf"\s*(?:(?:{_LOOKS}|{'|'.join(KINDS)})\s*)*", before):
        return pair.tag.words
    kind = next((word for word in before.split() if word in KINDS), "")
    return [*([kind] if kind else []), *after.strip(", ").split()]


def _quote(pair: Pair, remarks: list[Remark]) -> str:
    """Return a quotation with who said it and where: Hexo has them in a row, Hugo's themes by their names."""
    named, words = pair.tag.named, pair.tag.words
    place = next((index for index, word in enumerate(words) if _ADDRESS.fullmatch(word)), None)
    by = pair.given("author", "by", "name", "cite", "caption", "attribution")
    source, link = pair.given("source", "title", "work"), pair.given("link", "url", "href")
    if place is not None:
        by, link, source = " ".join(words[:place]), words[place], " ".join(words[place + 1 :])
    elif not named:
        by = pair.tag.args.strip().strip('"')
    source = f"[{source or link}]({link})" if link else source
    said = ", ".join(part for part in (by.strip(" ,"), source) if part)
    end = f"\n\n— {said.removeprefix('-- ').removeprefix('— ')}" if said and pair.tag.name != "pullquote" else ""
    return quoted(pair.lines + end)


def _centred(pair: Pair, remarks: list[Remark]) -> str:
    return f"\n\n{quoted(pair.lines)}\n\n"


def _folded(pair: Pair, remarks: list[Remark]) -> str:
    words = pair.given("summary", *_TITLE)
    if not words and pair.tag.is_hugo:
        words, _looks = _without_looks(pair.tag.words)
    elif not words:
        words = _COLOUR.sub("", pair.tag.args)
        words = _COLOURS.sub("", words) if pair.tag.name.startswith("hide") else words
    words = words.strip("\"' ")
    head = f"<details><summary>{words}</summary>\n\n" if words else ""
    return f"\n\n{head}{pair.lines}\n\n{'</details>' if head else ''}\n\n"


# --- Parts side by side ---


def _tab(pair: Pair, remarks: list[Remark]) -> str:
    items = pair.around.named.get("items", "") if pair.around else ""
    labels = [one.strip() for one in items.split(",")] if items else []
    own = labels[pair.number] if pair.number < len(labels) else ""
    words = pair.given("name", "tabname", "label", "lang", *_TITLE) or " ".join(pair.tag.words) or own
    return f"\n\n**{words}**\n\n{pair.lines}\n\n" if words else f"\n\n{pair.lines}\n\n"


def _through(pair: Pair, remarks: list[Remark]) -> str:
    """Return what a mark holds that only says how it looks."""
    if pair.tag.name in {
        "center",
        "left",
        "right",
        "lead",
        "column",
        "columns",
        "row",
        "col",
        "grid",
        "cell",
        "typeit",
    }:
        _name_look(f"{pair.tag.name} {pair.tag.args}", remarks)
    return dedent(pair.inner) if pair.inner.startswith("\n") else pair.inner


def _dated(pair: Pair, remarks: list[Remark]) -> str:
    """A part of what happened, one after the other: when and what, then the words."""
    when = _COLOURS.sub("", pair.tag.args)
    return f"\n\n**{when}**\n\n{pair.lines}\n\n" if when else f"\n\n{pair.lines}\n\n"


def _gallery(pair: Pair, remarks: list[Remark]) -> str:
    """Return the pictures of a gallery; of one whose pictures a file on the web names, what was typed (Butterfly)."""
    if pair.tag.args.startswith("url"):
        remarks.append(Remark("a short code stays as it was typed", pair.tag.typed[:80]))
        return f"{pair.tag.typed}{pair.inner}"
    return _through(pair, remarks)


def _friends(pair: Pair, remarks: list[Remark]) -> str:
    """Return a list of other sites, which Butterfly has as YAML: their names as links, and what is said of them."""
    try:
        groups = yaml.load(pair.inner, Loader=Loader)  # noqa: S506 - it builds texts, lists and mappings only
        parts = [part for group in groups for part in _friends_of(group, remarks)]
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError):
        remarks.append(Remark("a short code stays as it was typed", pair.tag.typed[:80]))
        return f"```yaml\n{pair.inner.strip()}\n```"
    return "\n\n".join(parts)


def _friends_of(group: dict[str, Any], remarks: list[Remark]) -> Iterator[str]:
    links = group.get("link_list") or []
    name, about = group.get("class_name", ""), group.get("class_desc", "")
    yield from filter(None, (f"**{name}**" if name else "", about))
    yield "\n".join(f"- [{one['name']}]({one['link']}) — {one.get('descr', '')}".removesuffix(" — ") for one in links)
    if pictures := [one["avatar"] for one in links if one.get("avatar")]:
        remarks.append(Remark("the small pictures of a bookmark stay away", ", ".join(pictures)[:200], is_loss=False))


def _picture(pair: Pair, remarks: list[Remark]) -> str:
    """A picture of Docsy, whose words are what it holds."""
    source = pair.given("src") or next(iter(pair.tag.words), "")
    if not PICTURE.search(source):
        remarks.append(Remark("a short code stays as it was typed", pair.tag.typed[:80]))
        return f"{pair.tag.typed}\n\n{pair.lines}"
    return f"![{pair.given('alt')}](<{source}>)\n\n{pair.lines}".strip()


def _button(pair: Pair, remarks: list[Remark]) -> str:
    link = pair.given("href", "link", "url", "relref", "ref") or next(iter(pair.tag.words), "")
    return f"[{' '.join(pair.inner.split())}]({link})" if link and pair.inner.strip() else pair.inner


def _links(pair: Pair, remarks: list[Remark]) -> str:
    """A grid of links, each on a line: name, address, words, picture (NexT)."""
    rows = [[part.strip() for part in line.split("|")] for line in pair.inner.strip().split("\n") if "|" in line]
    items = []
    for name, address, *more in rows:
        about = next((part for part in more if part and part != "(" + address + ")"), "")
        items.append(f"- [{name.lstrip('% ')}]({address.strip('()')})" + (f" — {about}" if about else ""))
    pictures = [row[3] for row in rows if len(row) > 3 and row[3]]
    if pictures:
        remarks.append(Remark("the small pictures of a bookmark stay away", ", ".join(pictures)[:200], is_loss=False))
    return "\n\n" + "\n".join(items) + "\n\n" if items else pair.inner


_BOXES = ("note", "tip", "warning", "info", "important", "caution", "danger", "success", "question", "hint", "message")
_FOLDS = ("details", "expand", "fold", "folding", "spoiler", "collapse", "accordion", "hidetoggle", "hideblock")
_BY_HUGO: dict[Write, tuple[str, ...]] = {
    _code: ("highlight", "code", "code-toggle", "prism"),
    _mermaid: ("mermaid",),
    _box: ("notice", "admonition", "alert", "callout", *_BOXES),
    _quote: ("quote", "blockquote", "epigraph"),
    _folded: _FOLDS,
    _tab: ("tab",),
    _picture: ("imgproc",),
    _button: ("button", "btn", "link"),
    _through: (
        *("rawhtml", "raw-html", "raw", "html", "gallery", "md", "markdown", "markdownify", "center", "figures"),
        *("tabs", "tabpane", "codetabs", "left", "right", "lead", "column", "columns", "row", "col", "typeit", "steps"),
    ),
}
_BY_LIQUID: dict[Write, tuple[str, ...]] = {
    _code: ("highlight", "codeblock", "code"),
    _mermaid: ("mermaid",),
    _box: ("noteblock", "admonition", *_BOXES),
    _quote: ("blockquote", "quote", "pullquote"),
    _centred: ("cq", "centerquote"),
    _folded: _FOLDS,
    _tab: ("tab",),
    _links: ("linkgrid", "lg"),
    _dated: ("timeline", "timenode", "node"),
    _gallery: ("gallery",),
    _friends: ("flink",),
    _through: ("raw", "tabs", "subtabs", "subsubtabs", "center", "grid", "cell", "grouppicture", "gp", "linkgroup"),
}
WRITERS: dict[tuple[str, bool], Write] = {
    **{(name, True): write for write, names in _BY_HUGO.items() for name in names},
    **{(name, False): write for write, names in _BY_LIQUID.items() for name in names},
}
# Those that hold no Markdown, and those that may stand within a line.
LITERAL = frozenset({"flink", "highlight", "codeblock", "code", "code-toggle", "prism", "mermaid", "raw"})
INLINE = frozenset({"button", "btn", "link", "raw", "gallery", *_BY_HUGO[_through], *_BY_LIQUID[_through]})
