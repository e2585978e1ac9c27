"""The marks of Hugo, Jekyll, Hexo, MkDocs and Obsidian as Markdown; unknown ones stay, and are named. Pure."""

import re
from collections.abc import Iterator
from html import escape
from textwrap import dedent, indent
from urllib.parse import unquote

from newsletter.posts.importers.folder import raw_html, tags
from newsletter.posts.importers.folder.code import CODE, KINDS, PICTURE, boxed, outside_code, substituted
from newsletter.posts.importers.html import converting
from newsletter.posts.importers.html.counts import Remark
from newsletter.posts.markdown.sanitise import SCHEMES

_FENCE_HEAD = re.compile(r"(?P<before>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`{]*)(?P<info>[^\n`]*)(?=\n)")
_CODE_TITLE = re.compile(
    r"\b(?:title|filename|file|caption|name)\s*[=:]\s*(?P<quote>[\"'])(?P<words>[^\"'\n]{1,200})(?P=quote)"
)
_INLINE_QUERY = re.compile(r"`+\s*(?:\$=|=\s*(?:this\.|\[\[|date\(|link\())")  # Dataview's, within a sentence
_QUERIES = {"dataview", "dataviewjs", "query", "tasks", "base"}  # of Obsidian: a program writes what readers see


def with_titles_of_code(text: str, remarks: list[Remark]) -> str:
    """Return a text in which the title of each block of code stands above it, in bold."""
    return CODE.sub(lambda code: _fence(code, remarks), text) if "`" in text or "~~~" in text else text


def _fence(code: re.Match[str], remarks: list[Remark]) -> str:
    head = _FENCE_HEAD.match(code[0]) if code["fence"] else None
    if (head and head["language"].lower() in _QUERIES) or (code["ticks"] and _INLINE_QUERY.match(code[0])):
        typed = " ".join(code[0].strip("`~").split())[:80]
        remarks.append(Remark("a value that a program writes stays as it was typed", typed))
    if not head or not (info := head["info"].strip()):
        return code[0]
    if title := _CODE_TITLE.search(info):
        return f"{head['before']}**{title['words']}**\n\n{code[0]}"
    remarks.append(
        Remark(
            "what stands behind the fence of code stays away", info[:200], is_loss=bool(re.search(r"[^\W\d]{3}", info))
        )
    )
    return code[0]


_FORMULA_BLOCK = re.compile(r"(?<!\\)\$\$(?P<tex>[^$]{1,4000}?)\$\$")
# A dollar is money more often than a formula: one has a sign of TeX in it, and no spaces at its ends.
_FORMULA_INLINE = re.compile(r"(?<![\\$\w])\$(?=\S)(?P<tex>[^$\n]{1,400}?)(?<=\S)\$(?![\w$])")
_TEX = re.compile(r"\\[a-zA-Z]|[\^_]|[=<>]|^[a-zA-Z]$")


def formulas_as_code(text: str, remarks: list[Remark]) -> str:
    """Return the text with its formulas as code; name them."""
    return outside_code(text, lambda part: _formulas(part, remarks)) if "$" in text else text


def _formulas(text: str, remarks: list[Remark]) -> str:
    def block(found: re.Match[str]) -> str:
        tex = found["tex"].strip()
        if not tex:
            return found[0]
        _name_formula(tex, remarks)
        is_alone = "\n" in found["tex"] or _is_alone(found)
        return f"\n\n```latex\n{tex}\n```\n\n" if is_alone else _formula_inline(tex)

    def inline(found: re.Match[str]) -> str:
        tex = found["tex"]
        if not _TEX.search(tex) or "](" in tex or "`" in tex:
            return found[0]
        _name_formula(tex, remarks)
        return _formula_inline(tex)

    return outside_code(_FORMULA_BLOCK.sub(block, text), lambda part: _FORMULA_INLINE.sub(inline, part))


def _is_alone(found: re.Match[str]) -> bool:
    """Return whether nothing else stands on the line of a formula."""
    before, after = found.string[: found.start()].rpartition("\n")[2], found.string[found.end() :].partition("\n")[0]
    return not before.strip() and not after.strip()


def _formula_inline(tex: str) -> str:
    return f"`{' '.join(tex.split())}`" if "`" not in tex else f"``{' '.join(tex.split())}``"


def _name_formula(tex: str, remarks: list[Remark]) -> None:
    remarks.append(Remark("a formula is written as it was typed", " ".join(tex.split())[:80], is_loss=False))


_BOX = re.compile(
    r"^(?P<before> {0,12})(?P<mark>!!!|\?\?\?\+?)[ \t]+(?P<kind>[a-z][\w-]{1,20})(?P<rest>[^\n]{0,300})\n"
    r"(?P<inner>(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?(?:(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?)*)",
    re.MULTILINE,
)
_BOX_TITLE = re.compile(r"[\"'](?P<words>[^\"'\n]*)[\"']")
BOXES_DEEPEST = 4


def mkdocs_boxes(text: str, depth: int = 0) -> str:
    """Return a text with these boxes as ours; those that open by a click are fold-outs."""
    if depth == BOXES_DEEPEST or ("!!!" not in text and "???" not in text):
        return text

    def box(found: re.Match[str]) -> str:
        title = _BOX_TITLE.search(found["rest"])
        words, kind = (title["words"] if title else "").strip(), found["kind"]
        inner = mkdocs_boxes(dedent(found["inner"]).strip("\n"), depth + 1)
        if found["mark"] == "!!!":
            text = boxed(kind, words or ("" if kind in KINDS else kind), inner)
        else:
            text = f"<details><summary>{words or kind.capitalize()}</summary>\n\n{inner}\n\n</details>"
        return indent(text, found["before"]) + "\n\n"

    return _BOX.sub(box, text)


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
_KRAMDOWN_CONTENTS = re.compile(
    r"^[ \t]*[-*1][.]?[ \t]+[^\n]{1,60}\n\{:[ \t]*toc\b[^}\n]*\}[ \t]*\n?", re.MULTILINE | re.IGNORECASE
)
_KRAMDOWN_COMMENT = re.compile(r"\{::comment\}(?P<words>.*?)\{:/(?:comment)?\}", re.DOTALL)
_LIQUID_COMMENT = re.compile(r"\{%-?\s*comment\s*-?%\}(?P<words>.*?)\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
_UNMARKED = re.compile(r"\{::(?:nomarkdown|options)\b[^}\n]*?(?:/\}|\}(?P<inner>.*?)\{:/(?:nomarkdown)?\})", re.DOTALL)


def named_headings(text: str) -> dict[str, str]:
    """Return the words of each heading that was given a name by hand, by this name."""
    given = {found["name"]: found["words"] for found in _HEADING.finditer(text)}
    anchored = _ANCHORED.finditer(text)
    return given | {found["name"] or found["inner"]: found["words"] or found["after"] for found in anchored}


def without_attributes(text: str, remarks: list[Remark]) -> str:
    """Return the text without attributes; name them."""
    text = _KRAMDOWN_CONTENTS.sub("[toc]\n", text)
    text = _IDENTITY.sub("", _UNMARKED.sub(lambda found: found["inner"] or "", text))
    found = [match[0].strip() for match in _ATTRIBUTES.finditer(text)]
    if found:
        shown = ", ".join(dict.fromkeys(found))[:200]
        remarks.append(Remark("the look of single parts stays away", shown, is_loss=False))
    return _ATTRIBUTES.sub("", text)


def without_kramdown_comments(text: str) -> str:
    """Return the text with `{::comment}` and Liquid's `{% comment %}` as comments of HTML."""
    for pattern in (_KRAMDOWN_COMMENT, _LIQUID_COMMENT):
        text = substituted(pattern, lambda found: comment(found["words"]), text) if "comment" in text else text
    return text


def comment(words: str) -> str:
    words = " ".join(words.replace("--", "- -").split())
    return f"<!-- {words} -->" if words else ""


NOTE_LONGEST = 2_000  # characters of a note in a sentence
MISSED_MAX = 200  # notes without an end, after which a text is thought to have none


def with_notes_below(text: str) -> str:
    """Return the text with the notes that stand in its sentences below it."""
    if "^[" not in text:
        return text
    notes: list[str] = []
    label = next(name for name in ("in", "note-", "inline-note-") if f"[^{name}" not in text)

    def plain(part: str) -> str:
        pieces, position, missed = [], 0, 0
        for opened in re.finditer(r"(?<![\\\w\]])\^\[|(?<=[^\W\d_])\^\[|(?<=\])\^\[", part):
            if opened.start() < position:
                continue
            if not (words := _within(part, opened.end())):
                missed += 1
                if missed == MISSED_MAX:
                    break
                continue
            notes.append(" ".join(words.split()))
            pieces += [part[position : opened.start()], f"[^{label}{len(notes)}]"]
            position = opened.end() + len(words) + 1
        return "".join([*pieces, part[position:]])

    text = outside_code(text, plain)
    below = "\n\n".join(f"[^{label}{number}]: {words}" for number, words in enumerate(notes, 1))
    return f"{text.rstrip()}\n\n{below}\n" if below else text


def _within(text: str, start: int) -> str:
    """Return what stands until the bracket that closes; "" if none does in the same paragraph."""
    depth, end = 1, min(len(text), start + NOTE_LONGEST)
    for place in range(start, end):
        if text.startswith("\n\n", place):
            return ""
        depth += {"[": 1, "]": -1}.get(text[place], 0) if text[place - 1] != "\\" else 0
        if depth == 0:
            return text[start:place]
    return ""


_WIKI = re.compile(r"(?P<embed>!?)\[\[(?P<target>[^\s\[\]|][^\[\]|\n]*)(?:\|(?P<alias>[^\[\]\n]*))?\]\]")
_WIKI_CONTENTS = re.compile(
    r"^[ \t]*\[\[_?toc_?\]\][ \t]*$", re.IGNORECASE | re.MULTILINE
)  # of VuePress and markdown-it
_OBSIDIAN_COMMENT = re.compile(r"%%(?P<words>.+?)%%", re.DOTALL)
_CALLOUT = re.compile(r"^(?P<before>[ \t>]*>[ \t]*)\[!(?P<kind>\w+)\](?P<fold>[-+]?)", re.MULTILINE)
_SIZED = re.compile(r"(?<=!\[)(?P<alt>[^\[\]|\n]{0,300})\|\d{1,5}(?:x\d{1,5})?(?=\]\()")
_BLOCK_NAME = re.compile(r"(?:[ \t]+|^)\^[A-Za-z0-9-]{1,60}(?=[ \t]*$)", re.MULTILINE)
_FILM = re.compile(r"!\[[^\[\]\n]{0,300}\]\((?P<url>https://(?:www\.youtube\.com/watch|youtu\.be/)[^\s()]{1,200})\)")
_SIZE = re.compile(r"\d{1,5}(?:x\d{1,5})?")


def obsidian_marks(text: str, remarks: list[Remark]) -> str:
    """Return the text with the marks that Markdown has not as Markdown."""
    text = _WIKI_CONTENTS.sub("[toc]", text)
    text = _WIKI.sub(lambda match: _wiki(match, remarks), text) if "[[" in text else text
    text = _CALLOUT.sub(_known_kind, text) if "[!" in text else text
    if "![" in text:
        text = _FILM.sub(r"\n\n\g<url>\n\n", _SIZED.sub(r"\g<alt>", text))
    return _BLOCK_NAME.sub("", text) if "^" in text else text


def without_obsidian_comments(text: str) -> str:
    """Return the text with `%%…%%` as comments of HTML."""
    return (
        substituted(_OBSIDIAN_COMMENT, lambda match: f"<!-- {match['words'].strip()} -->", text)
        if "%%" in text
        else text
    )


def _known_kind(match: re.Match[str]) -> str:
    return f"{match['before']}[!{KINDS.get(match['kind'].lower(), 'NOTE')}]{match['fold']}"


def _wiki(match: re.Match[str], remarks: list[Remark]) -> str:
    # In a table the sign before another name is written with a backslash.
    target, alias = match["target"].rstrip("\\ ").strip(), (match["alias"] or "").strip()
    if match["embed"] and PICTURE.search(target):
        parts = (part.strip("\\ ") for part in alias.split("|"))
        words = "|".join(part for part in parts if not _SIZE.fullmatch(part))
        return f"![{words}](<{target}>)"
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


_EMOJI = re.compile(r"(?<![A-Za-z0-9_:/]):(?P<name>[a-z+-][a-z0-9_+-]{0,30}):(?![A-Za-z0-9_:/])")
_PROGRAM_LINK = re.compile(
    r"(?<![!\\])\[(?P<words>[^\[\]\n]{1,300})\]\(<?(?P<url>(?P<scheme>[a-z][a-z0-9+.-]{1,20}):[^\s()<>]{1,500})>?\)"
)
_TABLE = """
smile 😄 smiley 😃 grin 😁 joy 😂 laughing 😆 sweat_smile 😅 wink 😉 blush 😊 heart_eyes 😍
thinking 🤔 cry 😢 sob 😭 scream 😱 sunglasses 😎 heart ❤️ broken_heart 💔 sparkles ✨ star ⭐
star2 🌟 fire 🔥 boom 💥 tada 🎉 confetti_ball 🎊 gift 🎁 rocket 🚀 bulb 💡 zap ⚡ warning ⚠️
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 clap 👏 pray 🙏 muscle 💪 wave 👋 point_right 👉
point_left 👈 point_up ☝️ point_down 👇 ok_hand 👌 raised_hands 🙌 white_check_mark ✅
heavy_check_mark ✔️ x ❌ exclamation ❗ question ❓ no_entry ⛔ memo 📝 pencil 📝 book 📖
books 📚 computer 💻 email 📧 link 🔗 lock 🔒 coffee ☕ beer 🍺 bug 🐛 cat 🐱 dog 🐶
"""
_NAMES = _TABLE.split()
EMOJI = dict(zip(_NAMES[::2], _NAMES[1::2], strict=True))


def emoji_and_links(text: str, remarks: list[Remark]) -> str:
    """Return the text with these signs as Markdown."""
    text = _EMOJI.sub(lambda found: _emoji(found, remarks), text) if ":" in text else text
    return _PROGRAM_LINK.sub(lambda found: _linked(found, remarks), text) if "](" in text else text


def _emoji(found: re.Match[str], remarks: list[Remark]) -> str:
    if found["name"] in EMOJI:
        return EMOJI[found["name"]]
    remark = Remark("the name of an emoji stays as it was typed", found[0])
    remarks += [] if remark in remarks else [remark]
    return found[0]


def _linked(found: re.Match[str], remarks: list[Remark]) -> str:
    """No page here leads out of the web: a link into a program is its words."""
    if found["scheme"] in SCHEMES:
        return found[0]
    remarks.append(Remark("a link that opens a program is words", found["url"][:200]))
    return found["words"]


_FORM = r"\.\w{1,6}"
_FILE_LINK = re.compile(
    rf"(?P<code>{CODE.pattern})|!\[[^\[\]\n]{{0,300}}\]\([^()\n]{{0,500}}\)"
    rf"|(?<!\\)\]\(<(?P<spaced>[^<>\n]{{1,500}}?{_FORM})>"
    rf"|(?:(?<!\\)\]\(|\bhref=[\"'])(?P<path>[^\s<>()\"']{{1,500}}?{_FORM})(?=[)\s\"'#?])",
    CODE.flags,
)
_ELSEWHERE = re.compile(r"[a-zA-Z][\w+.-]*:|//|#")
_PAGES = {"md", "mdx", "markdown", "mkd", "mdown", "html", "htm", "php", "asp", "aspx", "jsp"}


def links_left_behind(text: str, remarks: list[Remark]) -> list[Remark]:
    """Return a remark about each file, but for those that have one already."""
    told = " ".join(remark.detail for remark in remarks)
    return [Remark("a link leads to a file of the old site", path) for path in _paths(text) if path not in told]


def _paths(text: str) -> Iterator[str]:
    paths = (found["path"] or found["spaced"] or "" for found in _FILE_LINK.finditer(text))
    yield from dict.fromkeys(unquote(path) for path in paths if _is_file(path))


def _is_file(path: str) -> bool:
    form = path.rpartition(".")[2].lower()
    return bool(path) and not _ELSEWHERE.match(path) and form not in _PAGES


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
_VALUE = re.compile(r"(?<![\\=])\{\{-?(?![<%])\s*[\w.\"'\[][^{}\n]{0,200}?\s*-?\}\}")  # Liquid's and Go's
_ESCAPED = re.compile(r"(?P<open>\{\{[<%])/\*(?P<words>[^\n]*?)\*/(?P<close>[>%]\}\})")
# Marks of MDX (Docusaurus, Astro), boxes between colons, and abbreviations of kramdown and PHP Markdown Extra.
_UNKNOWN = re.compile(
    r"^[ \t]*:{3,}[ \t]*[A-Za-z][^\n]{0,300}|^ {0,3}\*\[[^\]\n]{1,60}\]:[^\n]*|^(?:import|export)[ \t][^\n]+['\";{(]$"
    r"|</?[A-Z][a-z]\w{0,60}(?:\.[A-Z]\w{0,60})?(?:\s[^<>]{0,500})?/?>|\{/\*.{0,2000}?\*/\}",
    re.MULTILINE | re.DOTALL,
)
_VALUE_OF_MDX = re.compile(r"(?<![\\{$])\{(?![{%#:/])(?:[^{}\n]|\{[^{}\n]*\}){1,300}\}(?!\})")


def as_markdown(body: str, *, is_mdx: bool = False) -> tuple[str, list[Remark]]:
    """Return the text with the marks that are known as Markdown, and what was unknown. Code stays as it is.

    is_mdx: whether its program reads what stands in braces as a program.
    """
    remarks: list[Remark] = []
    text = _without_comments(mkdocs_boxes(with_titles_of_code(body, remarks)))
    text, raw = tags.tags_written(outside_code(text, _addressed), remarks)
    text = raw_html.plain(formulas_as_code(text, remarks), remarks)
    text = outside_code(text, lambda part: _plain(part, remarks, is_mdx=is_mdx, literal="".join(raw)))
    text, lost = converting.mended(with_notes_below(text), named_headings(body))
    return text, [*remarks, *lost, *links_left_behind(text, remarks)]


def _without_comments(text: str) -> str:
    return without_obsidian_comments(without_kramdown_comments(text))


def _addressed(text: str) -> str:
    """Return a text with paths where Liquid would write them."""
    if "{" not in text:
        return text
    return _RELATIVE.sub(r"\1", _SITE.sub(lambda found: "" if found["after"] == "" else "/", text))


def _plain(text: str, remarks: list[Remark], *, is_mdx: bool, literal: str) -> str:
    if "{" in text:
        text = without_attributes(_ESCAPED.sub(r"\g<open>\g<words>\g<close>", text), remarks)
        values = (found[0] for found in _VALUE.finditer(text) if found[0] not in literal)
        remarks += [Remark("a value that a program writes stays as it was typed", value[:80]) for value in values]
    remarks += [Remark("a short code stays as it was typed", one[0].strip()[:80]) for one in _UNKNOWN.finditer(text)]
    if is_mdx:
        values = (found[0] for found in _VALUE_OF_MDX.finditer(text))
        remarks += [Remark("a value that a program writes stays as it was typed", value[:80]) for value in values]
    return emoji_and_links(obsidian_marks(text, remarks), remarks)
