"""The marks of Liquid (Jekyll, Hexo) and of Hugo, with and without an end, written as Markdown. Pure."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import dedent, indent

from newsletter.posts.importers.folder.code import CODE, KINDS, PICTURE, boxed, quoted
from newsletter.posts.importers.html.counts import Remark

_QUOTED = r"\"(?:\\.|(?!\{\{[<%])[^\"\\])*+\""
# Over several lines too; what is given may have a percent sign or the end of a tag of HTML in it.
LIQUID = r"\{%-?\s*(?P<liquid>\w+)(?P<args>(?:[^%{]|%(?!\})|\{(?!%)){0,2000}?)-?%\}"
HUGO = (
    r"\{\{[<%]-?\s*(?P<close>/)?\s*(?P<hugo>[\w-]+(?:[./][\w-]+)*)"
    rf"(?P<given>(?:\s(?:(?>{_QUOTED}|`[^`]{{0,500}}`|(?!\s*/?[>%]\}}\}})(?!\{{\{{[<%])[\s\S])){{0,2000}}?)?)"
    r"\s*(?P<alone>/)?[>%]\}\}"
)
TAG = re.compile(f"{LIQUID}|{HUGO}")
_NAMED = re.compile(
    r"(?<![\w\"'])([\w-]+)\s*[=:]\s*(?:\"((?:\\.|[^\"\\])*)\"|'([^']*)'|`([^`]*)`|([^\s\"'`,]+))|\"(?:\\.|[^\"\\])*\""
)
_KEY = re.compile(r"[A-Za-z][\w-]*(?:=|:(?=[^\s/]))")


@dataclass(frozen=True)
class Tag:
    """One mark. is_end: of those that hold others; is_alone: Hugo's `/>}}`, which holds nothing."""

    name: str
    args: str
    typed: str
    is_hugo: bool
    is_end: bool = False
    is_alone: bool = False

    @property
    def words(self) -> list[str]:
        return words_of(self.args)

    @property
    def named(self) -> dict[str, str]:
        return named_of(self.args)


def tag_of(found: re.Match[str]) -> Tag:
    """Return the mark that TAG has found."""
    if found["hugo"]:
        args, is_alone = found["given"].strip(), bool(found["alone"])
        return Tag(found["hugo"].lower(), args, found[0], True, bool(found["close"]), is_alone)
    name = found["liquid"]
    is_end = len(name) > 3 and name.startswith("end")
    return Tag((name[3:] if is_end else name).lower(), found["args"].strip(), found[0], False, is_end)


def words_of(args: str) -> list[str]:
    """Return what is given by its place alone; commas between belong to nothing."""
    try:
        found = shlex.split(args)
    except ValueError:
        found = [word.strip('"') for word in args.split()]
    words = (word.strip(",") if len(word) > 1 else word for word in found)
    return [word for word in words if word and word != "," and not _KEY.match(word)]


def named_of(args: str) -> dict[str, str]:
    """Return what is given by a name, in small letters."""
    found = (match for match in _NAMED.finditer(args) if match[1])
    return {
        match[1].lower(): re.sub(r"\\([\"\\])", r"\1", next((one for one in match.groups()[1:] if one), "")).strip()
        for match in found
    }


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


type Writer = Callable[[list[str], dict[str, str]], str]


def _figure(words: list[str], named: dict[str, str]) -> str:
    source = named.get("src") or named.get("link") or next((word for word in words if PICTURE.search(word)), "")
    if not source or not named:
        return _asset(words, named) if source else ""
    alt, caption = named.get("alt") or "", _caption(named)
    has_marks = bool(re.search(r"\]\(|[*`]|<\w", caption))  # a title of a picture has none: they stand below it
    shown = _shown(source, alt, "" if has_marks else caption)
    link = named.get("link") or named.get("href")
    shown = f"[{shown}]({link})" if link and named.get("src") else shown
    return f"{shown}\n\n{caption}\n" if has_marks else shown


def _caption(named: dict[str, str]) -> str:
    """Return the words of a picture, and who made it (Hugo's attr and attrlink)."""
    title = named.get("title") if named.get("title") != named.get("caption") else ""
    by, link = named.get("attr", ""), named.get("attrlink", "")
    credit = f"[{by or link}]({link})" if link else by
    return " ".join(" ".join(part.split()) for part in (title, named.get("caption"), credit) if part)


def _shown(source: str, alt: str, caption: str) -> str:
    said = caption.replace('"', "&quot;")
    address, alt = f"<{source}>" if " " in source else source, re.sub(r"([\[\]])", r"\\\1", " ".join(alt.split()))
    return f'![{alt}]({address} "{said}")' if caption else f"![{alt}]({address})"


def _asset(words: list[str], named: dict[str, str]) -> str:
    place = next((index for index, word in enumerate(words) if PICTURE.search(word)), None)
    if place is None:
        return ""
    rest = " ".join(word for word in words[place + 1 :] if not re.fullmatch(r"\d+(?:%|px)?", word))
    both = re.fullmatch(r"(?P<title>[^']*?)\s*'(?P<alt>[^']+)'", rest)  # Hexo: "title 'alt'"
    return _shown(words[place], both["alt"], both["title"]) if both else _shown(words[place], rest, "")


def _film(before: str) -> Writer:
    def write(words: list[str], named: dict[str, str]) -> str:
        number = named.get("id") or next(iter(words), "")
        if number.startswith("http"):
            return f"\n\n{number}\n\n"
        if number and "playlist" in words[1:2]:
            return f"\n\n<https://www.youtube.com/playlist?list={number}>\n\n"
        start = named.get("start") or named.get("t", "")
        begins = f"&t={start}" if start.isdecimal() and "youtube" in before else ""
        return f"\n\n{before}{number}{begins}\n\n" if number else ""

    return write


def _tweet(words: list[str], named: dict[str, str]) -> str:
    number, user = named.get("id") or next(iter(words), ""), named.get("user", "i")
    if number.startswith("http"):
        return f"<{number}>"
    return f"<https://twitter.com/{user}/status/{number}>" if number else ""


def _instagram(words: list[str], named: dict[str, str]) -> str:
    return f"<https://www.instagram.com/p/{words[0]}/>" if words else ""


def _include(words: list[str], named: dict[str, str]) -> str:
    """A file of Jekyll's theme: what shows a film, a picture or a box says so by its name or what it is given."""
    name = next(iter(words), "")
    provider, stem = f"{name} {named.get('provider', '')}".lower(), name.rpartition("/")[2].partition(".")[0].lower()
    if film := next((before for site, before in _FILMS.items() if site in provider), ""):
        return _film(film)([], named)
    if stem in _SINGLE_BOXES and (text := _told(named)):
        return f"\n\n{_single_boxed(stem, named, text)}\n\n"
    given = ("src", "url", "image_path", "path", "image", "file", "img")
    source = next((named[key] for key in given if named.get(key)), "")
    is_picture = PICTURE.search(source) and re.search(r"fig|im(?:g|age)|pic|photo", name, re.IGNORECASE)
    return _figure([], {**named, "src": source, "alt": named.get("alt", "")}) if is_picture else ""


def _told(named: dict[str, str]) -> str:
    return next((named[key] for key in ("text", "content", "message", "body") if named.get(key)), "")


def _single_boxed(name: str, named: dict[str, str], text: str) -> str:
    kinds = (named.get(key, "").lower() for key in ("type", "kind", "context", "level"))
    kind = next((one for one in kinds if one in KINDS), name)
    return boxed(kind, named.get("title") or named.get("header") or "", text)


def _single_box(name: str) -> Writer:
    """A box whose words are given to its mark: `{{< alert text="…" />}}`."""

    def write(words: list[str], named: dict[str, str]) -> str:
        return f"\n\n{_single_boxed(name, named, text)}\n\n" if (text := _told(named)) else ""

    return write


def _gist(words: list[str], named: dict[str, str]) -> str:
    place = "/".join(words[:2])
    return f"<https://gist.github.com/{place}>" if place else ""


def _reference(words: list[str], named: dict[str, str]) -> str:
    return named.get("path") or next(iter(words), "")


def _post_link(words: list[str], named: dict[str, str]) -> str:
    return f"[{' '.join(_shown_words(words[1:])) or words[0]}]({words[0].removesuffix('.md')}.md)" if words else ""


def _post_path(words: list[str], named: dict[str, str]) -> str:
    return f"{words[0]}.md" if words else ""


def _single_link(words: list[str], named: dict[str, str]) -> str:
    """Hexo's link has words and an address, Hugo's themes' an address and words; Jekyll's is the path of a file."""
    if named.get("href"):
        return f"[{_told(named) or named.get('title') or named['href']}]({named['href']})"
    if len(words) == 1 and "/" in words[0] and not words[0].startswith("http"):
        return f"/{words[0].lstrip('/')}"
    place = next((index for index, word in enumerate(words) if re.match(r"https?://|/", word)), None)
    if place is None:
        return ""
    before, after = _shown_words(words[:place]), _shown_words(words[place + 1 :])
    has_title = before and after and not re.match(r"https?://|/", after[0])  # or the picture of a card
    title = f' "{" ".join(after)}"' if has_title else ""
    return f"[{' '.join(before or after) or words[place]}]({words[place]}{title})"


def _shown_words(words: list[str]) -> list[str]:
    return [word.strip() for word in words if word not in {"true", "false"}]


def _asset_link(words: list[str], named: dict[str, str]) -> str:
    """Hexo's link to a file that lies beside the text."""
    return f"[{' '.join(_shown_words(words[1:])) or words[0]}](<{words[0]}>)" if words else ""


def _frame(words: list[str], named: dict[str, str]) -> str:
    """A page of another site in a frame: a link to it (here it would be one all the same)."""
    source = named.get("src") or named.get("url") or next(iter(words), "")
    return f"<{source}>" if source.startswith("http") else ""


def _file(words: list[str], named: dict[str, str]) -> str:
    """A film, a sound or a paper: a link to its file."""
    source = named.get("src") or named.get("file") or next(iter(words), "")
    return f"[{source.rpartition('/')[2]}](<{source}>)" if re.search(r"\.\w{2,4}$", source) else ""


_FILMS = {"youtube": "https://www.youtube.com/watch?v=", "vimeo": "https://vimeo.com/"}
_SINGLE_BOXES = (
    "alert",
    "callout",
    "notice",
    "note",
    "tip",
    "warning",
    "important",
    "info",
    "danger",
    "caution",
    "admonition",
)
_FILES = ("video", "audio", "pdf", "mp3", "mp4")
_WRITERS: dict[str, Writer] = {
    **dict.fromkeys(("figure", "img", "image", "picture", "imgcap"), _figure),
    **{name: _single_box(name) for name in _SINGLE_BOXES},
    "asset_img": _asset,
    **{site: _film(before) for site, before in _FILMS.items()},
    "instagram": _instagram,
    "iframe": _frame,
    **dict.fromkeys(_FILES, _file),
    "include": _include,
    **dict.fromkeys(("tweet", "twitter", "x"), _tweet),
    "gist": _gist,
    **dict.fromkeys(("ref", "relref"), _reference),
    "post_link": _post_link,
    **dict.fromkeys(("post_path", "post_url"), _post_path),
    **dict.fromkeys(("link", "exturl", "extlink"), _single_link),
    "asset_path": _reference,
    "asset_link": _asset_link,
}


# What is another thing here than it was there, by its name.
_NAMED_OF_SINGLES = {
    "a film or sound stays at its old address": _FILES,
    "a file that is no picture stays at its old address": ("asset_link",),
    "a program that stands at GitHub is a link": ("gist",),
    "what another site shows is a link": ("tweet", "twitter", "x", "instagram", "iframe"),
}


def as_single(tag: Tag, remarks: list[Remark]) -> str:
    """Return a mark as Markdown, or as it was typed, and named."""
    write = None if tag.is_end else _WRITERS.get(tag.name)
    found = write(tag.words, tag.named) if write else ""
    if not found:
        remarks.append(Remark("a short code stays as it was typed", " ".join(tag.typed.split())[:80]))
        return tag.typed
    if what := next((what for what, names in _NAMED_OF_SINGLES.items() if tag.name in names), ""):
        remarks.append(Remark(what, found.rpartition("<")[2].rstrip(">)")))
    return found


DEEPEST = 30  # marks inside each other; those beyond stay as typed
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}\n?(?P<inner>.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_SCAN = re.compile(f"(?P<code>{CODE.pattern})|{TAG.pattern}", CODE.flags)


@dataclass
class _Open:
    """A mark that began, and what came since. tag: None for the whole; parts: how many marks in it were written."""

    tag: Tag | None
    pieces: list[str] = field(default_factory=list)
    parts: int = 0


@dataclass
class _Reading:
    text: str
    remarks: list[Remark]
    raw: list[str] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=lambda: [_Open(None)])
    endless: set[tuple[str, bool]] = field(default_factory=set)

    def read(self) -> str:
        position = 0
        while found := _SCAN.search(self.text, position):
            self.put(self.text[position : found.start()])
            position = found.end()
            if found["code"] is not None:
                self.put(_RAW.sub(r"\g<inner>", found[0]) if "{%" in found[0] else found[0])
            else:
                position = self._mark(tag_of(found), position)
        self.put(self.text[position:])
        while len(self.stack) > 1:
            self._give_up()
        return "".join(self.stack[0].pieces)

    def put(self, text: str) -> None:
        self.stack[-1].pieces.append(text)

    def _mark(self, tag: Tag, position: int) -> int:
        """Take one mark; return where reading goes on."""
        is_known = (tag.name, tag.is_hugo) in WRITERS
        if tag.is_end and is_known:
            self._end(tag, position)
        elif not is_known or tag.is_alone or len(self.stack) > DEEPEST:
            self.put(as_single(tag, self.remarks))
        elif tag.name in LITERAL:
            return self._literal(tag, position)
        else:
            self.stack.append(_Open(tag))
        return position

    def _literal(self, tag: Tag, position: int) -> int:
        """Take a mark whose inside is no Markdown: up to the first end of its name."""
        key = (tag.name, tag.is_hugo)
        name = re.escape(tag.name)
        form = rf"\{{\{{[<%]\s*/\s*{name}\s*[>%]\}}\}}" if tag.is_hugo else rf"\{{%-?\s*end{name}\s*-?%\}}"
        end = None if key in self.endless else re.compile(form, re.IGNORECASE).search(self.text, position)
        if not end:
            self.endless.add(key)
            self.put(as_single(tag, self.remarks))
            return position
        inner = self.text[position : end.start()]
        if tag.name == "raw" and not tag.is_hugo:
            self.raw.append(inner)
            self.put(inner)
        else:
            self._write(tag, _RAW.sub(r"\g<inner>", inner), end.end())
        return end.end()

    def _end(self, tag: Tag, position: int) -> None:
        if not any(one.tag and (one.tag.name, one.tag.is_hugo) == (tag.name, tag.is_hugo) for one in self.stack):
            self.put(as_single(tag, self.remarks))
            return
        while (last := self.stack[-1].tag) and (last.name, last.is_hugo) != (tag.name, tag.is_hugo):
            self._give_up()
        opened = self.stack.pop()
        if opened.tag:
            self._write(opened.tag, "".join(opened.pieces), position)

    def _give_up(self) -> None:
        """Let a mark that never ends stand as it was typed."""
        opened = self.stack.pop()
        self.put((as_single(opened.tag, self.remarks) if opened.tag else "") + "".join(opened.pieces))

    def _write(self, tag: Tag, inner: str, position: int) -> None:
        around = self.stack[-1]
        pair = Pair(tag, inner, around.tag, around.parts)
        around.parts += 1
        found = WRITERS[tag.name, tag.is_hugo](pair, self.remarks)
        self.put(found if tag.name in INLINE else self._as_block(found.strip("\n"), self.text[position : position + 1]))

    def _as_block(self, block: str, following: str) -> str:
        """Return a block on lines of its own, as far to the right as its mark stood, with a blank line around it."""
        above, _newline, line = "".join(self.stack[-1].pieces[-3:]).rpartition("\n")
        after = "\n" if following in {"\n", ""} else "\n\n"
        if line.strip():
            return f"\n\n{block}{after}"
        gap = f"\n{line}" if above.rpartition("\n")[2].strip() else ""
        return gap + indent(block, line)[len(line) :] + after


def tags_written(text: str, remarks: list[Remark]) -> tuple[str, list[str]]:
    """Return the text with the marks that are known as Markdown, and what was to stay as it is (`raw`)."""
    if "{%" not in text and "{{" not in text:
        return text, []
    reading = _Reading(text, remarks)
    return reading.read(), reading.raw
