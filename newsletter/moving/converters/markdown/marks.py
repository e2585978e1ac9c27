"""The marks of Hugo, Hexo, Jekyll, MkDocs, kramdown and Obsidian: a table. What is unknown stays as typed. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from html import escape
from textwrap import dedent, indent
from urllib.parse import unquote

from newsletter.moving.converters.html.boxes import EMBED_IS_A_LINK
from newsletter.moving.converters.html.converting import convert_html, lead_anchors
from newsletter.moving.converters.markdown import short_codes
from newsletter.moving.converters.markdown.code import CODE, Code
from newsletter.moving.converters.markdown.short_codes import KINDS, PAIRS, PICTURE, parse_args
from newsletter.moving.folder.layout import Remark
from newsletter.posts.markdown.figures import parse_video

DEPTH_MAX = 20  # marks inside each other; those beyond stay as typed
SHORT_CODE_STAYS = "a short code stays as it was typed"
VALUE_STAYS = "a value that a program writes stays as it was typed"
LOOK_DROPPED = "the look of single parts stays away"


@dataclass
class MarkedText:
    """State of one conversion. names: words of headings with an explicit id, by this id."""

    code: Code = field(default_factory=Code)
    remarks: list[Remark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def remark(self, what: str, detail: str, *, is_loss: bool = True) -> None:
        remark = Remark(what, " ".join(self.code.put_back(detail).split())[:200], is_loss)
        self.remarks += [] if remark in self.remarks else [remark]


@dataclass(frozen=True)
class Mark:
    """A mark, what it becomes, and an example with its result. depth_max: how often it may stand in itself."""

    name: str
    pattern: re.Pattern[str]
    becomes: Callable[[MarkedText, re.Match[str]], str]
    example: str
    result: str
    depth_max: int = 1

    def replaced(self, text: MarkedText, typed: str) -> str:
        for _depth in range(self.depth_max):
            before, typed = typed, self.pattern.sub(partial(self.becomes, text), typed)
            if typed == before:
                break
        return typed


def as_markdown(typed: str, *, is_mdx: bool = False) -> tuple[str, list[Remark]]:
    """Plain Markdown, and what differs. is_mdx: braces hold a program."""
    text, body = MarkedText(), typed
    for mark in MARKS:
        body = mark.replaced(text, body)
    body = with_html_shown(body, text.code, text.remarks)
    _report_unknown(body, text, is_mdx=is_mdx)
    notes = [f"[^inline-{number}]: {words}" for number, words in enumerate(text.notes, 1)]
    body = "\n\n".join([body.rstrip(), *notes]) if notes else body
    body, lost = lead_anchors(text.code.put_back(body), text.names)
    return body, [*text.remarks, *lost]


def _as_block(found: re.Match[str], block: str) -> str:
    """A block on lines of its own, as far to the right as its mark stood, with a blank line around it."""
    above, _newline, line = found.string[: found.start()].rpartition("\n")
    after = "\n" if found.string[found.end() : found.end() + 1] in {"\n", ""} else "\n\n"
    if line.strip():
        return f"\n\n{block}{after}"
    gap = f"\n{line}" if above.rpartition("\n")[2].strip() else ""
    return gap + indent(block, line)[len(line) :] + after


_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}\n?(?P<inner>(?:(?!\{%-?\s*raw\b).)*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_CODE = re.compile(
    rf"{CODE.pattern}|\{{\{{(?P<sign>[<%])/\*(?P<shown>[^\n]*?)\*/(?P<end>[>%]\}}\}})"  # Hugo's way to write a mark
    r"|\{\{[<%]\s*highlight\b(?P<given>[^{}\n]{0,300}?)[>%]\}\}"
    r"(?P<hugo>(?:(?!\{\{[<%]\s*highlight\b).)*?)\{\{[<%]\s*/\s*highlight\s*[>%]\}\}"
    r"|\{%-?\s*(?P<name>highlight|codeblock)\b(?P<args>[^{}%\n]{0,300}?)-?%\}"
    r"(?P<liquid>(?:(?!\{%-?\s*(?P=name)\b).)*?)\{%-?\s*end(?P=name)\s*-?%\}"
    rf"|{_RAW.pattern}",
    CODE.flags | re.DOTALL,
)
_CODE_TITLE = re.compile(
    r"\A[^\n]*?\b(?:title|filename|file|caption|name)\s*[=:]\s*([\"'])(?P<words>[^\"'\n]{1,200})\1"
)


def _hide_code(text: MarkedText, found: re.Match[str]) -> str:
    """Take code out of the text; code that a mark holds is a block of it."""
    code = text.code
    if found["fence"]:
        named_so = _CODE_TITLE.match(found["block"])
        above = f"{found['before']}**{named_so['words']}**\n\n" if named_so else ""
        return above + code.hide_block(found["before"], _RAW.sub(r"\g<inner>", found["block"]))
    if found["ticks"]:
        return code.hide(_RAW.sub(r"\g<inner>", found[0]))
    if found["shown"] is not None:
        return code.hide(f"{{{{{found['sign']}{found['shown']}{found['end']}")
    if found["inner"] is not None:
        return code.hide(found["inner"])
    words, named = parse_args(found["given"] or found["args"] or "")
    inner = _RAW.sub(r"\g<inner>", found["hugo"] if found["hugo"] is not None else found["liquid"]).strip("\n")
    words, language = [word for word in words if word != "linenos"], named.get("lang") or named.get("language") or ""
    if not language and found["name"] != "codeblock" and words:
        language, *words = words
    fence = "````" if "```" in inner else "```"
    title = f"**{' '.join(words)}**\n\n" if words else ""
    return _as_block(found, title + code.hide(f"{fence}{language}\n{inner}\n{fence}"))


_TEX = re.compile(r"\\[a-zA-Z]|[\^_]|[=<>]|^[a-zA-Z]$")
# A dollar is money more often than a formula: one has a sign of TeX in it, and no spaces at its ends.
_FORMULA = re.compile(
    r"(?<!\\)\$\$(?P<block>[^$]{1,4000}?)\$\$|(?<![\\$\w])\$(?=\S)(?P<inline>[^$\n\0`]{1,400}?)(?<=\S)\$(?![\w$])"
)


def _formula(text: MarkedText, found: re.Match[str]) -> str:
    """A formula as code: it is written as it was typed."""
    tex = (found["block"] or found["inline"]).strip()
    if not tex or (found["inline"] and ("](" in tex or not _TEX.search(tex))):
        return found[0]
    text.remark("a formula is written as it was typed", tex, is_loss=False)
    before = found.string[: found.start()].rpartition("\n")[2]
    after = found.string[found.end() :].partition("\n")[0]
    if found["block"] and ("\n" in tex or not (before.strip() or after.strip())):
        return f"\n\n{text.code.hide(f'```latex\n{tex}\n```')}\n\n"
    return text.code.hide(f"`{' '.join(tex.split())}`")


_COMMENT = re.compile(
    r"%%(?P<obsidian>.+?)%%|\{::comment\}(?P<kramdown>.*?)\{:/(?:comment)?\}"
    r"|\{%-?\s*comment\s*-?%\}(?P<liquid>.*?)\{%-?\s*endcomment\s*-?%\}",
    re.DOTALL,
)
_MORE = re.compile(r"^[ \t]*<!--\s*(?:more|truncate|excerpt)\s*-->[ \t]*$\n?", re.IGNORECASE | re.MULTILINE)


def _comment(text: MarkedText, found: re.Match[str]) -> str:
    words = text.code.put_back(found["obsidian"] or found["kramdown"] or found["liquid"] or "")
    words = " ".join(words.replace("--", "- -").split())
    return f"<!-- {words} -->" if words else ""


_MKDOCS = re.compile(
    r"^(?P<before> {0,12})(?P<mark>!!!|\?\?\?\+?)[ \t]+(?P<kind>[a-z][\w-]{1,20})(?P<rest>[^\n]{0,300})\n"
    r"(?P<inner>(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?(?:(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?)*)",
    re.MULTILINE,
)


def _mkdocs(text: MarkedText, found: re.Match[str], depth: int = 0) -> str:
    """A box of MkDocs as ours; one that opens by a click is a fold-out."""
    title = re.search(r"[\"'](?P<words>[^\"'\n]*)[\"']", found["rest"])
    words, inner = (title["words"] if title else "").strip(), dedent(found["inner"]).strip("\n")
    inner = _MKDOCS.sub(lambda box: _mkdocs(text, box, depth + 1), inner) if depth < DEPTH_MAX else inner
    if found["mark"] == "!!!":
        box = short_codes.boxed(found["kind"], words, inner)
    else:
        box = short_codes.folded(words or found["kind"].capitalize(), inner)
    return indent(box, found["before"]) + "\n\n"


# Where the site is, in Liquid: before the path of a file, or before a tag that is one; or a filter that writes it.
_BASE_URL = re.compile(
    r"(?:\{\{-?\s*(?:site\.(?:baseurl|url|BaseURL)|page\.baseurl|\.Site\.BaseURL)\s*(?:\|[^{}\n]{0,100})?-?\}\}\s*)+"
    r"(?:(?P<slash>/)|(?P<tag>(?=\{%-?\s*(?:link|post_url)\b)))?"
    r"|\{\{-?\s*['\"](?P<path>[^'\"\n]+)['\"]\s*\|\s*(?:relative_url|absolute_url|relURL|absURL|prepend:[^}\n]*?)\s*"
    r"(?:\|[^{}\n]{0,100})?-?\}\}",
    re.IGNORECASE,
)


def _base_url(text: MarkedText, found: re.Match[str]) -> str:
    return found["path"] or ("" if found["tag"] is not None else "/")


_QUOTED = r"\"(?:\\.|(?!\{\{[<%])[^\"\\])*+\""
_ARGS = r"(?:[^%{]|%(?!\})|\{(?!%)){0,2000}?"
_GIVEN = rf"(?:\s(?:(?>{_QUOTED}|`[^`]{{0,500}}`|(?!\s*/?[>%]\}}\}})(?!\{{\{{[<%])[\s\S])){{0,2000}}?)?"
_TAG = re.compile(
    rf"\{{%-?\s*(?P<end>end)?(?P<liquid>\w+)(?P<args>{_ARGS})-?%\}}"
    rf"|\{{\{{[<%]-?\s*(?P<close>/)?\s*(?P<hugo>[\w-]+(?:[./][\w-]+)*)(?P<given>{_GIVEN})\s*(?P<alone>/)?[>%]\}}\}}"
)
_NAMES = "|".join(PAIRS)
_PAIR = re.compile(
    rf"(?:\{{%-?\s*(?P<liquid>{_NAMES})\b(?P<args>{_ARGS})-?%\}}"
    rf"|\{{\{{[<%]-?\s*(?P<hugo>{_NAMES})(?P<given>{_GIVEN})\s*[>%]\}}\}})"
    r"(?P<inner>(?:(?!\{%|\{\{[<%])[\s\S])*+)"
    r"(?:\{%-?\s*end(?P=liquid)\s*-?%\}|\{\{[<%]-?\s*/\s*(?P=hugo)\s*[>%]\}\})",
    re.IGNORECASE,
)


def _single(text: MarkedText, found: re.Match[str]) -> str:
    """The Markdown of a tag. One that may hold others stays; an unknown one is hidden as typed."""
    name = (found["hugo"] or found["liquid"]).lower()
    if name in PAIRS and not found["alone"]:
        return found[0]
    write = None if found["end"] or found["close"] else short_codes.SINGLES.get(name)
    made = write(*parse_args((found["given"] or found["args"] or "").strip())) if write else ""
    return made or _unknown(text, found)


def _unknown(text: MarkedText, found: re.Match[str]) -> str:
    text.remark(SHORT_CODE_STAYS, found[0])
    return text.code.hide(found[0])


def _pair(text: MarkedText, found: re.Match[str]) -> str:
    hold, inner = PAIRS[(found["hugo"] or found["liquid"]).lower()], found["inner"]
    if hold is short_codes.unwrapped:
        return dedent(inner) if inner.startswith("\n") else inner
    return _as_block(found, hold(*parse_args((found["given"] or found["args"] or "").strip()), dedent(inner).strip()))


_ATTRIBUTES = re.compile(
    r"(?P<unmarked>\{::(?:nomarkdown|options)\b[^}\n]*?(?:/\}|\}(?P<inner>[\s\S]*?)\{:/(?:nomarkdown)?\}))"
    r"|(?P<contents>^[ \t]*[-*1][.]?[ \t]+[^\n]{1,60}\n\{:[ \t]*toc\b[^}\n]*\}[ \t]*$|^[ \t]*\[\[_?toc_?\]\][ \t]*$)"
    r"|^(?P<heading> {0,3}\#{1,6}[ \t]+(?P<words>[^\n]{1,300}?))(?:[ \t]*\n)?[ \t]*"
    r"\{:?[^{}\n]{0,200}?\#(?P<name>[\w:.-]{1,100})[^{}\n]{0,200}\}"
    r"|[ \t]*\{:(?!:)[^{}\n]{0,300}\}"  # kramdown's, behind words or on a line of their own
    r"|(?<=\))\{[^{}\n]{0,200}[=.\#][^{}\n]{0,200}\}"  # behind a picture or a link
    r"|^[ \t]*\{(?:(?:[.\#][\w-]+|[\w-]+=\"[^\"\n]*\")[ \t]*)+\}[ \t]*$",  # Goldmark's
    re.MULTILINE | re.IGNORECASE,
)


def _attributes(text: MarkedText, found: re.Match[str]) -> str:
    if found["unmarked"]:
        return found["inner"] or ""
    if found["contents"]:
        return "[toc]"
    if found["heading"]:
        text.names[found["name"]] = found["words"]
        return found["heading"]
    text.remark(LOOK_DROPPED, found[0].strip(), is_loss=False)
    return ""


_NOTE = re.compile(r"(?<!\\)\^\[(?P<words>(?:\\.|(?!\n[ \t]*\n)[^\[\]\\]|\[[^\[\]]{0,500}+\]){1,2000}+)\]", re.DOTALL)


def _note(text: MarkedText, found: re.Match[str]) -> str:
    text.notes.append(" ".join(found["words"].split()))
    return f"[^inline-{len(text.notes)}]"


_WIKI = re.compile(r"(?P<embed>!?)\[\[(?P<target>[^\s\[\]|][^\[\]|\n]*)(?:\|(?P<alias>[^\[\]\n]*))?\]\]")
_OBSIDIAN = re.compile(
    r"^(?P<box>[ \t>]*>[ \t]*\[!)(?P<kind>\w+)\]"
    r"|(?<=!\[)(?P<alt>[^\[\]|\n]{0,300})\|\d{1,5}(?:x\d{1,5})?(?=\]\()"  # how large a picture is
    r"|!\[[^\[\]\n]{0,300}\]\((?P<film>https://(?:www\.youtube\.com/watch|youtu\.be/)[^\s()]{1,200})\)"
    r"|(?:[ \t]+|^)\^[A-Za-z0-9-]{1,60}(?=[ \t]*$)",  # what a link to a block names
    re.MULTILINE,
)


def _wiki(text: MarkedText, found: re.Match[str]) -> str:
    # In a table the sign before another name is written with a backslash.
    target, alias = found["target"].rstrip("\\ ").strip(), (found["alias"] or "").strip()
    if found["embed"] and PICTURE.search(target):
        parts = (part.strip("\\ ") for part in alias.split("|"))
        return f"![{'|'.join(part for part in parts if not re.fullmatch(r'\d{1,5}(?:x\d{1,5})?', part))}](<{target}>)"
    note, _sign, heading = target.partition("#")
    shown = "" if heading.startswith("^") else heading
    words = alias or (f"{note} › {shown}" if note and shown else note or shown)
    is_note = bool(note) and not PICTURE.search(note) and ("." not in note or note.endswith(".md"))
    if note and not is_note:
        text.remark("a file that is no picture stays at its old address", note)
    if found["embed"] and is_note:
        text.remark("what another text says is a link to it", target)
    address = f"{note.removesuffix('.md')}.md" if is_note else note
    return f"[{words}](<{address}>)" if address else escape(words, quote=False)


def _obsidian(text: MarkedText, found: re.Match[str]) -> str:
    if found["box"]:
        return f"{found['box']}{KINDS.get(found['kind'].lower(), 'NOTE')}]"
    return f"\n\n{found['film']}\n\n" if found["film"] else found["alt"] or ""


# In the order in which they are applied.
MARKS = (
    Mark("code", _CODE, _hide_code, "{{< highlight go >}}\nx\n{{< /highlight >}}", "```go\nx\n```\n"),
    Mark("comments", _COMMENT, _comment, "甲%%藏%%乙", "甲<!-- 藏 -->乙"),
    Mark("where the excerpt ends", _MORE, lambda _text, _found: "", "甲\n\n<!-- more -->\n乙", "甲\n\n乙"),
    Mark("MkDocs: boxes", _MKDOCS, _mkdocs, '!!! tip "題"\n    內文\n', "> [!TIP] 題\n> 內文\n\n"),
    Mark("where the site is", _BASE_URL, _base_url, "[甲]({{ site.baseurl }}/a)", "[甲](/a)"),
    Mark("short codes", _TAG, _single, '{{< figure src="a.png" caption="說明" >}}', '![](a.png "說明")'),
    Mark("short codes around a text", _PAIR, _pair, "{% note tip %}\n文\n{% endnote %}", "> [!TIP]\n> 文\n", DEPTH_MAX),
    Mark("short codes that are left", _TAG, _unknown, "{% note %}", "{% note %}"),
    Mark("formulas", _FORMULA, _formula, "甲 $x^2$ 乙", "甲 `x^2` 乙"),
    Mark("kramdown, Goldmark: attributes", _ATTRIBUTES, _attributes, "段落{: .lead}", "段落"),
    Mark("notes in a sentence", _NOTE, _note, "句^[註]", "句[^inline-1]\n\n[^inline-1]: 註"),
    Mark("Obsidian: links", _WIKI, _wiki, "[[筆記|那篇]]", "[那篇](<筆記.md>)"),
    Mark("Obsidian: boxes, sizes, films, places", _OBSIDIAN, _obsidian, "> [!faq] 題\n> 文", "> [!NOTE] 題\n> 文"),
)


_UNKNOWN = re.compile(
    r"^[ \t]*:{3,}[ \t]*[A-Za-z][^\n]{0,300}|^ {0,3}\*\[[^\]\n]{1,60}\]:[^\n]*|^(?:import|export)[ \t][^\n]+['\";{(]$"
    r"|</?[A-Z][a-z]\w{0,60}(?:\.[A-Z]\w{0,60})?(?:\s[^<>]{0,500})?/?>|\{/\*.{0,2000}?\*/\}"
    r"|(?<![A-Za-z0-9_:/]):[a-z+-][a-z0-9_+-]{0,30}:(?![A-Za-z0-9_:/])",  # the name of an emoji
    re.MULTILINE | re.DOTALL,
)
_VALUE = re.compile(r"(?<![\\=])\{\{-?(?![<%])\s*[\w.\"'\[][^{}\n]{0,200}?\s*-?\}\}")  # Liquid's and Go's
_VALUE_OF_MDX = re.compile(r"(?<![\\{$])\{(?![{%#:/])(?:[^{}\n]|\{[^{}\n]*\}){1,300}\}(?!\})")
_FILE_LINK = re.compile(
    r"!\[[^\[\]\n]{0,300}\]\([^()\n]{0,500}\)|(?<!\\)\]\(<(?P<spaced>[^<>\n]{1,500}?\.\w{1,6})>"
    r"|(?:(?<!\\)\]\(|\bhref=[\"'])(?P<path>[^\s<>()\"']{1,500}?\.\w{1,6})(?=[)\s\"'#?])"
)
_EXTERNAL = re.compile(r"[a-zA-Z][\w+.-]*:|//|#")
_PAGE_SUFFIXES = {"md", "mdx", "markdown", "mkd", "mdown", "html", "htm", "php", "asp", "aspx", "jsp"}


def _report_unknown(body: str, text: MarkedText, *, is_mdx: bool) -> None:
    for found in _UNKNOWN.finditer(body):
        text.remark(SHORT_CODE_STAYS, found[0].strip())
    for pattern in (_VALUE, _VALUE_OF_MDX) if is_mdx else (_VALUE,):
        for found in pattern.finditer(body):
            text.remark(VALUE_STAYS, found[0])
    known = {"", *(remark.detail for remark in text.remarks)}
    for path in (unquote(found["path"] or found["spaced"] or "") for found in _FILE_LINK.finditer(body)):
        is_page = path.rpartition(".")[2].lower() in _PAGE_SUFFIXES
        if path not in known and not is_page and not _EXTERNAL.match(path):
            text.remark("a link leads to a file of the old site", path)


# HTML that no page here shows becomes a link or a comment, as in `convert_html`, and is named.
_HIDDEN_HTML = re.compile(
    r"<(?P<name>video|audio|script|style|object|svg|canvas|form|noscript|template)\b[^<>]{0,2000}>.*?</(?P=name)\s*>"
    r"|<embed\b[^<>]{0,1000}>|<img\b(?![^<>]{0,2000}\ssrc\s*=)[^<>]{0,2000}?\sdata-src=[^<>]{0,1000}>",
    re.DOTALL | re.IGNORECASE,
)
_FRAME = re.compile(r"<iframe\b[^<>]{0,2000}?\ssrc\s*=\s*[\"']?(?P<url>[^\s\"'<>]+)", re.IGNORECASE)
_MARKED_HTML = re.compile(
    r"^[ \t]*<(?P<name>div|section|article|aside|figure|center|details)\b(?P<given>[^<>\n]{0,500}?)"
    r"\smarkdown=[\"']?(?:1|block|span)[\"']?(?P<rest>[^<>\n]{0,500})>(?P<inner>.*?)</(?P=name)>",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)


def without_hidden_html(typed: str) -> tuple[str, list[Remark]]:
    """For Markdown without marks of its own, as Buttondown's."""
    remarks, code = list[Remark](), Code()
    return code.put_back(with_html_shown(code.take_out(typed), code, remarks)), remarks


def with_html_shown(text: str, code: Code, remarks: list[Remark]) -> str:
    """Turn HTML that our pages do not show into links and comments, each with a remark. `code` is taken out already."""

    def shown(found: re.Match[str]) -> str:
        made = convert_html(code.put_back(found[0]))
        remarks.extend(made.remarks)
        is_alone = found["name"] in {"object", None} and not made.markdown.startswith("!")
        return f"\n\n{made.markdown}\n\n" if is_alone else made.markdown

    def with_lines(found: re.Match[str]) -> str:
        """Markdown within a box: blank lines around it, and it is read."""
        inner = re.sub(r"</summary>[ \t]*\n", "</summary>\n\n", found["inner"]).strip()
        return f"<{found['name']}{found['given']}{found['rest']}>\n\n{inner}\n\n</{found['name']}>"

    text = _MARKED_HTML.sub(with_lines, _HIDDEN_HTML.sub(shown, text))
    urls = dict.fromkeys(found["url"] for found in _FRAME.finditer(text))
    remarks += [Remark(EMBED_IS_A_LINK, url) for url in urls if parse_video(url) is None]
    return text
