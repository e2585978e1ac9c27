"""How each mark with an end is written: code, boxes, quotes, fold-outs, tabs, links, and what only says a look. Pure.

Sources: Hugo's short codes and those that many of its themes have (`notice`, `admonition`, `callout`, `tabs`, …);
Jekyll's Liquid; Hexo's tags.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

from newsletter.posts.importers.folder.boxes import KINDS, boxed, quoted
from newsletter.posts.importers.folder.tags import Tag
from newsletter.posts.importers.html.notes import Remark

_KIND = ("type", "kind", "context", "level", "color", "class", "style")
_TITLE = ("title", "header", "heading", "summary", "label", "caption")
_LOOK = re.compile(
    r"no-icon|flat|modern|simple|true|false|fa[srlbd]?|(?:fa[srlbd]? )?fa-[\w -]+"
)  # never a word of a title
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
    words, name = pair.tag.words, pair.tag.name
    first = words[0].lower() if words else ""
    given = pair.given(*_KIND).lower()
    kind = next((one for one in (first, given, name) if one in KINDS), "note")
    rest = words[1:] if first in KINDS else words
    title = pair.given(*_TITLE) or " ".join(word for word in rest if not _LOOK.fullmatch(word))
    if looks := " ".join(filter(_LOOK.fullmatch, rest)):
        remarks.append(Remark("the look of single parts stays away", looks[:200], is_loss=False))
    return boxed(kind, title, pair.lines or pair.given("text", "content", "message"))


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


def _folded(pair: Pair, remarks: list[Remark]) -> str:
    words = (pair.given("summary", *_TITLE) or " ".join(pair.tag.words)).strip("\"' ")
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
    if pair.tag.name in {"center", "left", "right", "column", "columns", "row", "col"}:
        look = f"{pair.tag.name} {pair.tag.args}".strip()[:200]
        remarks.append(Remark("the look of single parts stays away", look, is_loss=False))
    return dedent(pair.inner) if pair.inner.startswith("\n") else pair.inner


def _button(pair: Pair, remarks: list[Remark]) -> str:
    link = pair.given("href", "link", "url", "relref", "ref") or next(iter(pair.tag.words), "")
    return f"[{' '.join(pair.inner.split())}]({link})" if link and pair.inner.strip() else pair.inner


_BOXES = ("note", "tip", "warning", "info", "important", "caution", "danger", "success", "question", "hint", "message")
_FOLDS = ("details", "expand", "fold", "spoiler", "collapse", "accordion")
_BY_HUGO: dict[Write, tuple[str, ...]] = {
    _code: ("highlight", "code", "code-toggle", "prism"),
    _mermaid: ("mermaid",),
    _box: ("notice", "admonition", "alert", "callout", *_BOXES),
    _quote: ("quote", "blockquote", "epigraph"),
    _folded: _FOLDS,
    _tab: ("tab",),
    _button: ("button", "btn", "link"),
    _through: (
        *("rawhtml", "raw-html", "raw", "html", "gallery", "md", "markdown", "markdownify", "center", "figures"),
        *("tabs", "tabpane", "left", "right", "column", "columns", "row", "col", "steps"),
    ),
}
_BY_LIQUID: dict[Write, tuple[str, ...]] = {
    _code: ("highlight", "codeblock", "code"),
    _mermaid: ("mermaid",),
    _box: ("admonition", *_BOXES),
    _quote: ("blockquote", "quote", "pullquote"),
    _folded: _FOLDS,
    _tab: ("tab",),
    _through: ("raw", "center", "gallery"),
}
WRITERS: dict[tuple[str, bool], Write] = {
    **{(name, True): write for write, names in _BY_HUGO.items() for name in names},
    **{(name, False): write for write, names in _BY_LIQUID.items() for name in names},
}
# Those that hold no Markdown, and those that may stand within a line.
LITERAL = frozenset({"highlight", "codeblock", "code", "code-toggle", "prism", "mermaid", "raw"})
INLINE = frozenset({"button", "btn", "link", "raw", "gallery", *_BY_HUGO[_through], *_BY_LIQUID[_through]})
