"""The marks of Hugo, Hexo, Jekyll, MkDocs and Obsidian as Markdown; any other stays as typed, and is named. Pure."""

import re
import shlex
from collections.abc import Callable, Iterator
from html import escape
from textwrap import dedent, indent
from urllib.parse import unquote

from newsletter.posts.importers.folder.raw_html import CODE, Code, without_hidden_html
from newsletter.posts.importers.html import converting
from newsletter.posts.importers.html.counts import Remark
from newsletter.posts.markdown.sanitise import SCHEMES
from newsletter.posts.markdown.structure import CALLOUTS

PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg|bmp)$", re.IGNORECASE)
DEEPEST = 20  # marks inside each other; those beyond stay as typed
# Kinds of boxes elsewhere, and the one of ours that says nearly the same; any other is a note.
KINDS = {
    **{name: name.upper() for name in CALLOUTS},
    **dict.fromkeys(("success", "hint", "check", "done"), "TIP"),
    **dict.fromkeys(("danger", "error", "failure", "bug", "critical", "fail"), "CAUTION"),
    **dict.fromkeys(("attention", "warn"), "WARNING"),
}
TYPED = "a short code stays as it was typed"
VALUE = "a value that a program writes stays as it was typed"


def as_markdown(body: str, *, is_mdx: bool = False) -> tuple[str, list[Remark]]:
    """Return the text with the marks that are known as Markdown, and what was unknown. Code stays as it is.

    is_mdx: whether its program reads what stands in braces as a program.
    """
    remarks: list[Remark] = []
    code = Code()
    text = _LITERAL.sub(lambda found: _literal(found, code, remarks), body)
    text = _mkdocs_boxes(_COMMENT.sub(lambda found: _comment(found, code), text))
    text = _RELATIVE.sub(r"\1", _SITE.sub(lambda found: "" if found["after"] == "" else "/", text))
    text = _formulas(_tags(text, code, remarks), code, remarks)
    text = _without_attributes(without_hidden_html(text, code, remarks), remarks)
    text = _obsidian(text, remarks)
    _name_unknown(text, remarks, is_mdx=is_mdx)
    text, lost = converting.mended(code.put_back(_with_notes_below(text)), _named_headings(body))
    return text, [*remarks, *lost]


# --- Code, and what stands as typed ---


_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}\n?(?P<inner>(?:(?!\{%-?\s*raw\b).)*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_LITERAL = re.compile(
    rf"{CODE.pattern}|\{{\{{(?P<sign>[<%])/\*(?P<shown>[^\n]*?)\*/(?P<end>[>%]\}}\}})"  # Hugo's way to write a mark
    r"|\{\{[<%]\s*highlight\b(?P<given>[^{}\n]{0,300}?)[>%]\}\}"
    r"(?P<hugo>(?:(?!\{\{[<%]\s*highlight\b).)*?)\{\{[<%]\s*/\s*highlight\s*[>%]\}\}"
    r"|\{%-?\s*(?P<name>highlight|codeblock)\b(?P<args>[^{}%\n]{0,300}?)-?%\}"
    r"(?P<liquid>(?:(?!\{%-?\s*(?P=name)\b).)*?)\{%-?\s*end(?P=name)\s*-?%\}"
    rf"|{_RAW.pattern}",
    CODE.flags | re.DOTALL,
)
_FENCE_HEAD = re.compile(r"(?:`{3,}|~{3,})[ \t]*(?P<language>[^\s`{]*)(?P<info>[^\n`]*)(?=\n)")
_CODE_TITLE = re.compile(r"\b(?:title|filename|file|caption|name)\s*[=:]\s*([\"'])(?P<words>[^\"'\n]{1,200})\1")
_QUERIES = {"dataview", "dataviewjs", "query", "tasks", "base"}  # of Obsidian: a program writes what readers see
_INLINE_QUERY = re.compile(r"`+\s*(?:\$=|=\s*(?:this\.|\[\[|date\(|link\())")


def _literal(found: re.Match[str], code: Code, remarks: list[Remark]) -> str:
    """Take code out of the text; code that a mark holds is a block of it, and what is escaped stands as it is meant."""
    if found["fence"]:
        return _titled(found, code, remarks) + code.take(found, _RAW.sub(r"\g<inner>", found["block"]))
    if found["ticks"]:
        if _INLINE_QUERY.match(found[0]):
            remarks.append(Remark(VALUE, found[0].strip("`")[:80]))
        return code.hide(_RAW.sub(r"\g<inner>", found[0]))
    if found["shown"] is not None:
        return code.hide(f"{{{{{found['sign']}{found['shown']}{found['end']}")
    if found["inner"] is not None:
        return code.hide(found["inner"])
    words, named = _given(found["given"] or found["args"] or "")
    inner = _RAW.sub(r"\g<inner>", found["hugo"] if found["hugo"] is not None else found["liquid"]).strip("\n")
    return _as_block(found, _coloured(inner, [word for word in words if word != "linenos"], named, code, found["name"]))


def _coloured(inner: str, words: list[str], named: dict[str, str], code: Code, name: str | None) -> str:
    """Return a block of code: Hexo's begins with its title and names its language, the others begin with that."""
    language = named.get("lang") or named.get("language") or ""
    if not language and name != "codeblock" and words:
        language, *words = words
    title = f"**{' '.join(words)}**\n\n" if words else ""
    fence = "````" if "```" in inner else "```"
    return title + code.hide(f"{fence}{language}\n{inner}\n{fence}")


def _titled(found: re.Match[str], code: Code, remarks: list[Remark]) -> str:
    """Return what stands above a block of code: its title. What else is said of it is named."""
    head = _FENCE_HEAD.match(found["block"])
    if head and head["language"].lower() in _QUERIES:
        remarks.append(Remark(VALUE, " ".join(found["block"].strip("`~").split())[:80]))
    if not head or not (info := head["info"].strip()):
        return ""
    if title := _CODE_TITLE.search(info):
        return f"{found['before']}**{title['words']}**\n\n"
    is_loss = bool(re.search(r"[^\W\d]{3}", info))
    remarks.append(Remark("what stands behind the fence of code stays away", info[:200], is_loss=is_loss))
    return ""


_TEX = re.compile(r"\\[a-zA-Z]|[\^_]|[=<>]|^[a-zA-Z]$")
# A dollar is money more often than a formula: one has a sign of TeX in it, and no spaces at its ends.
_FORMULA = re.compile(
    r"(?<!\\)\$\$(?P<block>[^$]{1,4000}?)\$\$|(?<![\\$\w])\$(?=\S)(?P<inline>[^$\n\0`]{1,400}?)(?<=\S)\$(?![\w$])"
)


def _formulas(text: str, code: Code, remarks: list[Remark]) -> str:
    """Return the text with its formulas as code: they are written as they were typed."""

    def as_code(found: re.Match[str]) -> str:
        tex = (found["block"] or found["inline"]).strip()
        if not tex or (found["inline"] and ("](" in tex or not _TEX.search(tex))):
            return found[0]
        remarks.append(Remark("a formula is written as it was typed", " ".join(tex.split())[:80], is_loss=False))
        before, after = text[: found.start()].rpartition("\n")[2], text[found.end() :].partition("\n")[0]
        if found["block"] and ("\n" in tex or not (before.strip() or after.strip())):
            return f"\n\n{code.hide(f'```latex\n{tex}\n```')}\n\n"
        return code.hide(f"`{' '.join(tex.split())}`")

    return _FORMULA.sub(as_code, text) if "$" in text else text


# --- Comments, boxes of MkDocs, and where the site is ---


_COMMENT = re.compile(
    r"%%(?P<obsidian>.+?)%%|\{::comment\}(?P<kramdown>.*?)\{:/(?:comment)?\}"
    r"|\{%-?\s*comment\s*-?%\}(?P<liquid>.*?)\{%-?\s*endcomment\s*-?%\}",
    re.DOTALL,
)


def _comment(found: re.Match[str], code: Code) -> str:
    words = code.put_back(found["obsidian"] or found["kramdown"] or found["liquid"] or "")
    words = " ".join(words.replace("--", "- -").split())
    return f"<!-- {words} -->" if words else ""


_BOX = re.compile(
    r"^(?P<before> {0,12})(?P<mark>!!!|\?\?\?\+?)[ \t]+(?P<kind>[a-z][\w-]{1,20})(?P<rest>[^\n]{0,300})\n"
    r"(?P<inner>(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?(?:(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?)*)",
    re.MULTILINE,
)
_BOX_TITLE = re.compile(r"[\"'](?P<words>[^\"'\n]*)[\"']")


def _mkdocs_boxes(text: str, depth: int = 0) -> str:
    """Return a text with these boxes as ours; those that open by a click are fold-outs."""

    def box(found: re.Match[str]) -> str:
        title = _BOX_TITLE.search(found["rest"])
        words, kind = (title["words"] if title else "").strip(), found["kind"]
        inner = _mkdocs_boxes(dedent(found["inner"]).strip("\n"), depth + 1)
        made = boxed(kind, words, inner) if found["mark"] == "!!!" else folded(words or kind.capitalize(), inner)
        return indent(made, found["before"]) + "\n\n"

    is_plain = depth == DEEPEST or ("!!!" not in text and "???" not in text)
    return text if is_plain else _BOX.sub(box, text)


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def boxed(kind: str, title: str, inner: str) -> str:
    head = f"[!{KINDS.get(kind.lower(), 'NOTE')}] {title.strip()}".rstrip()
    return quoted(f"{head}\n{inner.strip()}")


def folded(summary: str, inner: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{inner}\n\n</details>" if summary else inner


# Where the site is, in Liquid: before the path of a file, or before a tag that is one.
_SITE = re.compile(
    r"(?:\{\{-?\s*(?:site\.(?:baseurl|url|BaseURL)|page\.baseurl|\.Site\.BaseURL)\s*(?:\|[^{}\n]{0,100})?-?\}\}\s*)+"
    r"(?P<after>/|(?=\{%-?\s*(?:link|post_url)\b))?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\{\{-?\s*['\"]([^'\"\n]+)['\"]\s*\|\s*(?:relative_url|absolute_url|relURL|absURL|prepend:[^}\n]*?)\s*"
    r"(?:\|[^{}\n]{0,100})?-?\}\}"
)


# --- Tags of Liquid and short codes of Hugo ---


_QUOTED = r"\"(?:\\.|(?!\{\{[<%])[^\"\\])*+\""
_ARGS = r"(?:[^%{]|%(?!\})|\{(?!%)){0,2000}?"
_GIVEN = rf"(?:\s(?:(?>{_QUOTED}|`[^`]{{0,500}}`|(?!\s*/?[>%]\}}\}})(?!\{{\{{[<%])[\s\S])){{0,2000}}?)?"
_TAG = re.compile(
    rf"\{{%-?\s*(?P<end>end)?(?P<liquid>\w+)(?P<args>{_ARGS})-?%\}}"
    rf"|\{{\{{[<%]-?\s*(?P<close>/)?\s*(?P<hugo>[\w-]+(?:[./][\w-]+)*)(?P<given>{_GIVEN})\s*(?P<alone>/)?[>%]\}}\}}"
)
_NAMED = re.compile(
    r"(?<![\w\"'])([\w-]+)\s*[=:]\s*(?:\"((?:\\.|[^\"\\])*)\"|'([^']*)'|`([^`]*)`|([^\s\"'`,]+))|\"(?:\\.|[^\"\\])*\""
)
_KEY = re.compile(r"[A-Za-z][\w-]*(?:=|:(?=[^\s/]))")
_LOOKS = {"no-icon", "flat", "modern", "simple", "true", "false"}  # never a word of a title


def _given(args: str) -> tuple[list[str], dict[str, str]]:
    """Return what is given by its place, without the commas between, and what is given by a name."""
    try:
        found = shlex.split(args)
    except ValueError:
        found = [word.strip('"') for word in args.split()]
    words = (word.strip(",") for word in found)
    named = {
        match[1].lower(): re.sub(r"\\([\"\\])", r"\1", next(filter(None, match.groups()[1:]), "")).strip()
        for match in _NAMED.finditer(args)
        if match[1]
    }
    return [word.strip() for word in words if word and not _KEY.match(word)], named


type Write = Callable[[list[str], dict[str, str]], str]
type Hold = Callable[[list[str], dict[str, str], str], str]


def _figure(words: list[str], named: dict[str, str]) -> str:
    source = named.get("src") or named.get("image_path") or named.get("link") or ""
    place = next((index for index, word in enumerate(words) if PICTURE.search(word)), None)
    if not source:  # Hexo's: the path, sizes and words in a row
        rest = words[place + 1 :] if place is not None else []
        words_below = " ".join(word for word in rest if not re.fullmatch(r"\d+(?:%|px)?", word))
        return _shown(words[place], words_below, "") if place is not None else ""
    by, link = named.get("attr", ""), named.get("attrlink", "")
    credit = f"[{by or link}]({link})" if link else by
    parts = dict.fromkeys(filter(None, (named.get("title"), named.get("caption"), credit)))
    caption = " ".join(" ".join(parts).split())
    has_marks = bool(re.search(r"\]\(|[*`]|<\w", caption))  # a title of a picture has none: they stand below it
    picture = _shown(source, named.get("alt", ""), "" if has_marks else caption)
    around = named.get("link") or named.get("href")
    picture = f"[{picture}]({around})" if around and named.get("src") else picture
    return f"{picture}\n\n{caption}\n" if has_marks else picture


def _shown(source: str, alt: str, caption: str) -> str:
    address, alt = f"<{source}>" if " " in source else source, re.sub(r"([\[\]])", r"\\\1", " ".join(alt.split()))
    return f'![{alt}]({address} "{caption.replace('"', "&quot;")}")' if caption else f"![{alt}]({address})"


def _film(before: str) -> Write:
    def write(words: list[str], named: dict[str, str]) -> str:
        name = named.get("id") or next(iter(words), "")
        address = name if name.startswith("http") else f"{before}{name}"
        return f"\n\n{address}\n\n" if name and "playlist" not in words else ""

    return write


_FILMS = {"youtube": _film("https://www.youtube.com/watch?v="), "vimeo": _film("https://vimeo.com/")}


def _include(words: list[str], named: dict[str, str]) -> str:
    """A file of Jekyll's theme: what shows a film or a picture says so by its name."""
    about = f"{next(iter(words), '')} {named.get('provider', '')}".lower()
    if film := next((write for site, write in _FILMS.items() if site in about), None):
        return film([], named)
    source = next((named[key] for key in ("src", "url", "image_path", "image", "path") if named.get(key)), "")
    is_picture = PICTURE.search(source) and re.search(r"fig|im(?:g|age)|pic|photo", about)
    return _figure([], {**named, "src": source}) if is_picture else ""


def _reference(words: list[str], named: dict[str, str]) -> str:
    return named.get("path") or next(iter(words), "")


def _post_link(words: list[str], named: dict[str, str]) -> str:
    shown = " ".join(word for word in words[1:] if word not in _LOOKS)
    return f"[{shown or words[0]}]({words[0].removesuffix('.md')}.md)" if words else ""


def _link(words: list[str], named: dict[str, str]) -> str:
    """Hexo's link has words and an address, Hugo's themes' an address and words; Jekyll's is the path of a file."""
    place = next((index for index, word in enumerate(words) if re.match(r"https?://|/", word)), None)
    if place is None or len(words) == 1:
        return f"/{words[0].lstrip('/')}" if len(words) == 1 and "/" in words[0] else ""
    return f"[{' '.join(words[:place] or words[1:])}]({words[place]})"


_SINGLES: dict[str, Write] = {
    **dict.fromkeys(("figure", "img", "image", "asset_img"), _figure),
    **_FILMS,
    "include": _include,
    **dict.fromkeys(("ref", "relref", "asset_path"), _reference),
    "post_link": _post_link,
    **dict.fromkeys(("post_path", "post_url"), lambda words, _named: f"{words[0]}.md" if words else ""),
    "link": _link,
}


def _box(name: str) -> Hold:
    def write(words: list[str], named: dict[str, str], inner: str) -> str:
        given = [words[0] if words else "", *(named.get(key, "") for key in ("type", "kind", "context", "level")), name]
        kind = next((one for one in given if one.lower() in KINDS), "note")
        rest = words[1:] if words and words[0].lower() in {*KINDS, "info", "default", "primary"} else words
        title = next((named[key] for key in ("title", "header", "heading") if named.get(key)), "")
        return boxed(kind, title or " ".join(word for word in rest if word not in _LOOKS), inner)

    return write


def _quote(words: list[str], named: dict[str, str], inner: str) -> str:
    by = [*words, *(named[key] for key in ("author", "by", "source", "title", "link") if named.get(key))]
    return quoted(inner + (f"\n\n— {', '.join(by) if named else ' '.join(by)}" if by else ""))


def _fold(words: list[str], named: dict[str, str], inner: str) -> str:
    return folded(named.get("summary") or named.get("title") or " ".join(words), inner)


def _through(words: list[str], named: dict[str, str], inner: str) -> str:
    return inner


_BOXES = (
    "notice",
    "admonition",
    "alert",
    "callout",
    "note",
    "tip",
    "warning",
    "info",
    "important",
    "caution",
    "danger",
)
_PAIRS: dict[str, Hold] = {
    **{name: _box(name) for name in _BOXES},
    **dict.fromkeys(("quote", "blockquote", "pullquote"), _quote),
    **dict.fromkeys(("details", "expand", "spoiler", "collapse"), _fold),
    **dict.fromkeys(("rawhtml", "raw", "html", "md", "markdown", "center", "gallery"), _through),
}
_NAMES = "|".join(_PAIRS)
_PAIR = re.compile(
    rf"(?:\{{%-?\s*(?P<liquid>{_NAMES})\b(?P<args>{_ARGS})-?%\}}"
    rf"|\{{\{{[<%]-?\s*(?P<hugo>{_NAMES})(?P<given>{_GIVEN})\s*[>%]\}}\}})"
    r"(?P<inner>(?:(?!\{%|\{\{[<%])[\s\S])*+)"
    r"(?:\{%-?\s*end(?P=liquid)\s*-?%\}|\{\{[<%]-?\s*/\s*(?P=hugo)\s*[>%]\}\})",
    re.IGNORECASE,
)


def _tags(text: str, code: Code, remarks: list[Remark]) -> str:
    """Return the text with the marks that are known as Markdown: first those that stand alone, then from the inside."""
    if "{%" not in text and "{{" not in text:
        return text
    text = _TAG.sub(lambda found: _single(found) or _typed(found, code, remarks), text)
    for _depth in range(DEEPEST):
        text, count = _PAIR.subn(_held, text)
        if not count:
            break
    return _TAG.sub(lambda found: _typed(found, code, remarks), text)


def _typed(found: re.Match[str], code: Code, remarks: list[Remark]) -> str:
    remarks.append(Remark(TYPED, " ".join(code.put_back(found[0]).split())[:80]))
    return code.hide(found[0])


def _single(found: re.Match[str]) -> str:
    """Return what a mark stands for; itself if it holds others; "" if nobody knows it."""
    name = (found["hugo"] or found["liquid"]).lower()
    if name in _PAIRS and not found["alone"]:
        return found[0]
    write = None if found["end"] or found["close"] else _SINGLES.get(name)
    return write(*_given((found["given"] or found["args"] or "").strip())) if write else ""


def _held(found: re.Match[str]) -> str:
    hold, inner = _PAIRS[(found["hugo"] or found["liquid"]).lower()], found["inner"]
    if hold is _through:
        return dedent(inner) if inner.startswith("\n") else inner
    return _as_block(found, hold(*_given((found["given"] or found["args"] or "").strip()), dedent(inner).strip()))


def _as_block(found: re.Match[str], block: str) -> str:
    """Return a block on lines of its own, as far to the right as its mark stood, with a blank line around it."""
    above, _newline, line = found.string[: found.start()].rpartition("\n")
    after = "\n" if found.string[found.end() : found.end() + 1] in {"\n", ""} else "\n\n"
    if line.strip():
        return f"\n\n{block}{after}"
    gap = f"\n{line}" if above.rpartition("\n")[2].strip() else ""
    return gap + indent(block, line)[len(line) :] + after


# --- Attributes, and names of headings ---


_ATTRIBUTES = re.compile(
    r"[ \t]*\{:(?!:)[^{}\n]{0,300}\}"  # kramdown's, behind words or on a line of their own
    r"|(?<=\))\{[^{}\n]{0,200}[=.#][^{}\n]{0,200}\}"  # behind a picture or a link
    r"|^[ \t]*\{(?:(?:[.#][\w-]+|[\w-]+=\"[^\"\n]*\")[ \t]*)+\}[ \t]*$"  # Goldmark's
    r"|(?<=\S)[ \t]+\{(?:[.#][\w:-]+[ \t]*){2,}\}(?=[ \t]*$)",  # of a heading, with a name and classes
    re.MULTILINE,
)
_IDENTITY = re.compile(r"(?<=\S)[ \t]*\{#[\w-]{1,80}\}(?=[ \t]*$)", re.MULTILINE)  # of a heading
_HEADING = re.compile(
    r"^ {0,3}#{1,6}[ \t]+(?P<words>[^\n]{1,300}?)(?:[ \t]*\n)?[ \t]*"
    r"\{:?[^{}\n]{0,200}?#(?P<name>[\w:.-]{1,100})[^{}\n]{0,200}\}",
    re.MULTILINE,
)
_ANCHOR = r"<a\s+(?:name|id)=[\"']?(?P<{}>[^\s\"'<>]{{1,100}})[\"']?\s*(?:/>|>\s*</a>)"
_ANCHORED = re.compile(
    rf"{_ANCHOR.format('name')}\s*#{{1,6}}[ \t]+(?P<words>[^\n]{{1,300}})"
    rf"|^ {{0,3}}#{{1,6}}[ \t]+{_ANCHOR.format('inner')}(?P<after>[^\n]{{1,300}})",
    re.MULTILINE | re.IGNORECASE,
)
_CONTENTS = re.compile(
    r"^[ \t]*[-*1][.]?[ \t]+[^\n]{1,60}\n\{:[ \t]*toc\b[^}\n]*\}[ \t]*\n?|^[ \t]*\[\[_?toc_?\]\][ \t]*\n",
    re.MULTILINE | re.IGNORECASE,
)
_UNMARKED = re.compile(r"\{::(?:nomarkdown|options)\b[^}\n]*?(?:/\}|\}(?P<inner>.*?)\{:/(?:nomarkdown)?\})", re.DOTALL)


def _named_headings(text: str) -> dict[str, str]:
    """Return the words of each heading that was given a name by hand, by this name."""
    given = {found["name"]: found["words"] for found in _HEADING.finditer(text)}
    anchored = _ANCHORED.finditer(text)
    return given | {found["name"] or found["inner"]: found["words"] or found["after"] for found in anchored}


def _without_attributes(text: str, remarks: list[Remark]) -> str:
    text = _CONTENTS.sub("[toc]\n", text)
    if "{" not in text:
        return text
    text = _IDENTITY.sub("", _UNMARKED.sub(lambda found: found["inner"] or "", text))
    if found := dict.fromkeys(match[0].strip() for match in _ATTRIBUTES.finditer(text)):
        remarks.append(Remark("the look of single parts stays away", ", ".join(found)[:200], is_loss=False))
    return _ATTRIBUTES.sub("", text)


# --- Notes in a sentence, and marks of Obsidian ---


_NOTE = re.compile(r"(?<!\\)\^\[(?P<words>(?:\\.|(?!\n[ \t]*\n)[^\[\]\\]|\[[^\[\]]{0,500}+\]){1,2000}+)\]", re.DOTALL)


def _with_notes_below(text: str) -> str:
    """Return the text with the notes that stand in its sentences (`^[…]`) below it."""
    notes: list[str] = []
    label = next(name for name in ("in", "note-", "inline-note-") if f"[^{name}" not in text)

    def below(found: re.Match[str]) -> str:
        notes.append(f"[^{label}{len(notes) + 1}]: {' '.join(found['words'].split())}")
        return f"[^{label}{len(notes)}]"

    text = _NOTE.sub(below, text)
    return f"{text.rstrip()}\n\n{'\n\n'.join(notes)}\n" if notes else text


_WIKI = re.compile(r"(?P<embed>!?)\[\[(?P<target>[^\s\[\]|][^\[\]|\n]*)(?:\|(?P<alias>[^\[\]\n]*))?\]\]")
_CALLOUT = re.compile(r"^(?P<before>[ \t>]*>[ \t]*)\[!(?P<kind>\w+)\]", re.MULTILINE)
_SIZE = re.compile(r"\d{1,5}(?:x\d{1,5})?")
_SIZED = re.compile(r"(?<=!\[)(?P<alt>[^\[\]|\n]{0,300})\|\d{1,5}(?:x\d{1,5})?(?=\]\()")
_PLACE = re.compile(r"(?:[ \t]+|^)\^[A-Za-z0-9-]{1,60}(?=[ \t]*$)", re.MULTILINE)  # what a link to a block names
_FILM = re.compile(r"!\[[^\[\]\n]{0,300}\]\((?P<url>https://(?:www\.youtube\.com/watch|youtu\.be/)[^\s()]{1,200})\)")


def _obsidian(text: str, remarks: list[Remark]) -> str:
    """Return the text with its links, pictures, films and callouts as Markdown."""
    text = _WIKI.sub(lambda found: _wiki(found, remarks), text)
    text = _CALLOUT.sub(lambda found: f"{found['before']}[!{KINDS.get(found['kind'].lower(), 'NOTE')}]", text)
    return _PLACE.sub("", _FILM.sub(r"\n\n\g<url>\n\n", _SIZED.sub(r"\g<alt>", text)))


def _wiki(match: re.Match[str], remarks: list[Remark]) -> str:
    # In a table the sign before another name is written with a backslash.
    target, alias = match["target"].rstrip("\\ ").strip(), (match["alias"] or "").strip()
    if match["embed"] and PICTURE.search(target):
        parts = (part.strip("\\ ") for part in alias.split("|"))
        return f"![{'|'.join(part for part in parts if not _SIZE.fullmatch(part))}](<{target}>)"
    note, _sign, heading = target.partition("#")
    shown = "" if heading.startswith("^") else heading
    words = alias or (f"{note} › {shown}" if note and shown else note or shown)
    is_note = bool(note) and not PICTURE.search(note) and ("." not in note or note.endswith(".md"))
    if note and not is_note:
        remarks.append(Remark("a file that is no picture stays at its old address", note))
    if match["embed"] and is_note:
        remarks.append(Remark("what another text says is a link to it", target))
    address = f"{note.removesuffix('.md')}.md" if is_note else note
    return f"[{words}](<{address}>)" if address else escape(words, quote=False)


# --- What stays as typed ---


_UNKNOWN = re.compile(
    r"^[ \t]*:{3,}[ \t]*[A-Za-z][^\n]{0,300}|^ {0,3}\*\[[^\]\n]{1,60}\]:[^\n]*|^(?:import|export)[ \t][^\n]+['\";{(]$"
    r"|</?[A-Z][a-z]\w{0,60}(?:\.[A-Z]\w{0,60})?(?:\s[^<>]{0,500})?/?>|\{/\*.{0,2000}?\*/\}"
    r"|(?<![A-Za-z0-9_:/]):[a-z+-][a-z0-9_+-]{0,30}:(?![A-Za-z0-9_:/])",  # the name of an emoji
    re.MULTILINE | re.DOTALL,
)
_VALUE = re.compile(r"(?<![\\=])\{\{-?(?![<%])\s*[\w.\"'\[][^{}\n]{0,200}?\s*-?\}\}")  # Liquid's and Go's
_VALUE_OF_MDX = re.compile(r"(?<![\\{$])\{(?![{%#:/])(?:[^{}\n]|\{[^{}\n]*\}){1,300}\}(?!\})")
_PROGRAM_LINK = re.compile(r"(?<![!\\])\[[^\[\]\n]{1,300}\]\(<?(?P<url>([a-z][a-z0-9+.-]{1,20}):[^\s()<>]{1,500})>?\)")
_FILE_LINK = re.compile(
    r"!\[[^\[\]\n]{0,300}\]\([^()\n]{0,500}\)|(?<!\\)\]\(<(?P<spaced>[^<>\n]{1,500}?\.\w{1,6})>"
    r"|(?:(?<!\\)\]\(|\bhref=[\"'])(?P<path>[^\s<>()\"']{1,500}?\.\w{1,6})(?=[)\s\"'#?])"
)
_ELSEWHERE = re.compile(r"[a-zA-Z][\w+.-]*:|//|#")
_PAGES = {"md", "mdx", "markdown", "mkd", "mdown", "html", "htm", "php", "asp", "aspx", "jsp"}


def _name_unknown(text: str, remarks: list[Remark], *, is_mdx: bool) -> None:
    known = " ".join(remark.detail for remark in remarks)
    remarks += [Remark(TYPED, one) for one in dict.fromkeys(found[0].strip()[:80] for found in _UNKNOWN.finditer(text))]
    for pattern in (_VALUE, _VALUE_OF_MDX) if is_mdx else (_VALUE,):
        remarks += [Remark(VALUE, found[0][:80]) for found in pattern.finditer(text)]
    programs = (found["url"][:200] for found in _PROGRAM_LINK.finditer(text) if found[2] not in SCHEMES)
    remarks += [Remark("a link that opens a program is words", url) for url in programs]
    remarks += [Remark("a link leads to a file of the old site", path) for path in _files(text) if path not in known]


def _files(text: str) -> Iterator[str]:
    paths = (unquote(found["path"] or found["spaced"] or "") for found in _FILE_LINK.finditer(text))
    for path in dict.fromkeys(paths):
        if path and not _ELSEWHERE.match(path) and path.rpartition(".")[2].lower() not in _PAGES:
            yield path
