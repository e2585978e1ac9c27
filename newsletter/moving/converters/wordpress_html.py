"""WordPress post content as the HTML of its page: classic-editor paragraphs, shortcodes, blocks, notes. Pure.

Sources of notes: Easy Footnotes and Simple Footnotes ([footnote], [ref]), Easy Footnotes for Gutenberg ([efn_note]),
Modern Footnotes ([mfn]).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import urlsplit

from newsletter.moving.converters.addresses import is_picture
from newsletter.moving.converters.html.boxes import UNKNOWN_BOX, comment
from newsletter.moving.converters.html.tree import BLOCK, serialised, with_code_escaped
from newsletter.moving.converters.markdown.code import Code
from newsletter.moving.folder.layout import Remark
from newsletter.posts.markdown.figures import parse_video

_GALLERY = re.compile(r"\[gallery(?P<args>(?:\s[^\]\n]{0,500})?)\]")
_IDS = re.compile(r"\b(?:ids|include)=[\"']?(?P<ids>[\d,\s]{1,400})")
_SHARED_BLOCK = re.compile(r"<!--\s*wp:block\s*\{\"ref\":(?P<ref>\d{1,12})[^\n>]{0,300}?/-->")


@dataclass(frozen=True)
class Attachment:
    """A file that was uploaded for the post with the id `post_id`."""

    url: str
    alt: str = ""
    caption: str = ""
    post_id: str = ""

    @property
    def is_picture(self) -> bool:
        return is_picture(urlsplit(self.url).path)

    def as_html(self) -> str:
        words = f"<figcaption>{self.caption}</figcaption>" if self.caption else ""
        return f'<figure><img src="{escape(self.url)}" alt="{escape(self.alt)}">{words}</figure>'


def with_galleries(text: str, number: str, files: Mapping[str, Attachment], blocks: Mapping[str, str]) -> str:
    """Write out galleries (one without ids has all pictures of post `number`) and shared blocks that are known."""

    def gallery(found: re.Match[str]) -> str:
        ids = _IDS.search(found["args"])
        named = [files.get(one.strip()) for one in ids["ids"].split(",")] if ids else []
        own = named if ids else [one for one in files.values() if number and one.post_id == number and one.is_picture]
        pictures = [one.as_html() for one in own if one and one.is_picture]
        is_whole = pictures and len(pictures) == len(own)
        return f'\n\n<figure class="wp-block-gallery">{"".join(pictures)}</figure>\n\n' if is_whole else found[0]

    text = _SHARED_BLOCK.sub(lambda found: blocks.get(found["ref"], found[0]), text)
    return _GALLERY.sub(gallery, text)


_CAPTION = re.compile(r"\[caption[^\]]{0,500}\](?P<inner>.*?)\[/caption\]", re.DOTALL)
_CAPTION_GIVEN = re.compile(r"\[caption[^\]]{0,500}?\scaption=\"(?P<words>[^\"\]]+)\"")
_PICTURE = re.compile(r"(?P<picture>(?:<a\b[^>]*>\s*)?<img\b[^>]*>(?:\s*</a>)?)(?P<words>.*)", re.DOTALL)
_EMBED = re.compile(
    r"\[embed[^\]]{0,200}\](?P<url>[^\[\]\s]+)\[/embed\]"
    r"|\[(?:youtube|vimeo)[\s=]+\"?(?P<film>https?://[^\s\]\"]+)[^\]]{0,200}\]"
    r"|(?P<figure><figure[^>]*\bwp-block-embed\b[^>]*>)\s*<div class=\"wp-block-embed__wrapper\">\s*"
    r"(?P<block>https?://[^\s<]+)\s*</div>"
)
_DYNAMIC = re.compile(r"<!--\s*wp:(?P<name>[a-z][a-z0-9/_-]{0,60})(?P<args>\s(?:(?!-->)[^\n]){0,2000}?)?\s*/-->")
_CODE = re.compile(
    r"\[(?P<name>code|sourcecode|source|php|js|css|html|python|bash|plain)(?P<args>[^\]]{0,200})\](?P<inner>.*?)\[/(?P=name)\]",
    re.DOTALL,
)
_CODE_BLOCK = re.compile(  # SyntaxHighlighter's: its language stands in the mark of the block alone
    r"<!--\s*wp:[\w/-]{0,60}code[^>]{0,300}?\"language\":\"(?P<language>[\w+#-]{1,20})\"[^>]{0,300}-->\s*<pre\s"
)
_ESCAPED = re.compile(r"\[\[(?P<code>[a-z][\w-]{1,40}(?:\s[^\[\]\n]{0,300})?)\]\]")
_MEDIA = re.compile(r"\[(?:video|audio)\b(?P<args>[^\]]{0,1000})\](?:\[/(?:video|audio)\])?")
_VERBATIM = re.compile(r"<(?P<name>pre|code|script|style)\b.*?</(?P=name)>", re.DOTALL | re.IGNORECASE)
_BLOCK_MARK = re.compile(r"<!--\s*/?wp:.*?-->", re.DOTALL)
_MORE = re.compile(r"<!--(?:more|nextpage|noteaser).*?-->", re.IGNORECASE)


def as_html(text: str, footnotes: str, remarks: list[Remark]) -> str:
    """The HTML that WordPress would have made. footnotes: JSON of the notes, as the block editor keeps them."""
    is_blocks, code = "<!-- wp:" in text, Code()
    text = _CODE.sub(_code, with_code_escaped(text))
    text = _CODE_BLOCK.sub(r'<pre lang="\g<language>" ', _MORE.sub("", text))
    text = _EMBED.sub(lambda found: _embedded(found, remarks), text)
    text = _DYNAMIC.sub(lambda found: _dynamic(found, remarks), _MEDIA.sub(_media, _CAPTION.sub(_figure, text)))
    text = _with_notes_below(_VERBATIM.sub(lambda found: code.hide(found[0]), text))
    _report_unknown(text, remarks)
    text = _ESCAPED.sub(r"[\g<code>]", text)
    text = code.put_back(_BLOCK_MARK.sub("", text)) if is_blocks else with_paragraphs(code.put_back(text))
    return text + _notes(footnotes, remarks)


def _shown(url: str) -> str:
    """An embedded address: the video player, or a link."""
    if video := parse_video(unescape(url)):
        return f'<iframe src="{escape(video.player_url)}"></iframe>'
    return f'<p><a href="{escape(unescape(url))}">{escape(unescape(url), quote=False)}</a></p>'


def _embedded(found: re.Match[str], remarks: list[Remark]) -> str:
    url = unescape(found["url"] or found["film"] or found["block"])
    remark = Remark("what another site shows is a link", url)
    remarks += [remark] if parse_video(url) is None and remark not in remarks else []
    return f"{found['figure']}<div>{_shown(url)}</div>" if found["figure"] else f"\n\n{_shown(url)}\n\n"


def _dynamic(found: re.Match[str], remarks: list[Remark]) -> str:
    """A block that the server filled is a comment; footnotes are written by `_notes`."""
    if found["name"] == "footnotes":
        return ""
    remarks.append(Remark(UNKNOWN_BOX, found["name"]))
    args = (found["args"] or "").strip()
    return f"<div>{serialised(comment(args))}</div>" if args else ""


def _code(found: re.Match[str]) -> str:
    language = re.search(r"lang(?:uage)?=[\"']?([\w+#-]+)", found["args"])
    plain = {"code", "sourcecode", "source", "plain"}
    name = language[1] if language else "" if found["name"] in plain else found["name"]
    code = found["inner"].strip("\n")
    code = code if re.search(r"&(?:lt|gt|amp|quot);", code) else escape(code, quote=False)
    return f'<pre><code class="language-{name}">{code}</code></pre>' if name else f"<pre><code>{code}</code></pre>"


def _figure(found: re.Match[str]) -> str:
    inner = _PICTURE.match(found["inner"].strip())
    if not inner:
        return found["inner"]
    given = _CAPTION_GIVEN.match(found[0])  # as WordPress wrote it before 3.4
    words = inner["words"].strip() or (given["words"] if given else "")
    caption = f"<figcaption>{words}</figcaption>" if words else ""
    return f"\n\n<figure>{inner['picture']}{caption}</figure>\n\n"


def _media(found: re.Match[str]) -> str:
    source = re.search(r"(?:src|mp4|mp3|m4a|webm|ogg)=[\"']?([^\s\"'\]]+)", found["args"])
    return f'\n\n<video src="{escape(source[1])}"></video>\n\n' if source else found[0]


_UNKNOWN = re.compile(r"(?<!\[)\[(?P<name>[a-z][a-z0-9_-]{2,40})(?:\s[^\[\]\n]{0,500})?\](?!\()")
SHORT_CODE_NAMES = {"toc", "gallery", "playlist", "sitemap", "archives"}  # also without arguments
BRACKETED_WORDS = {"sic", "note", "edit", "update", "optional", "link", "http", "https"}


def _report_unknown(text: str, remarks: list[Remark]) -> None:
    for found in _UNKNOWN.finditer(text):
        name = found["name"]
        is_code = name in SHORT_CODE_NAMES or "_" in name or name.count("-") > 1
        if name not in BRACKETED_WORDS and (is_code or re.search(r"=|://", found[0]) or f"[/{name}]" in text):
            remarks.append(Remark("a short code stays as it was typed", found[0][:80]))


_BLOCK = re.compile(rf"^\s*</?(?:{'|'.join(sorted(BLOCK))}|figcaption|!--)\b", re.IGNORECASE)
_ALONE = re.compile(r"^\s*(?P<url>https?://[^\s<>\"]+)\s*$")
_PRE = re.compile(r"<(?P<name>pre|script|style|table|ul|ol)\b.*?</(?P=name)>", re.DOTALL | re.IGNORECASE)


def with_paragraphs(text: str) -> str:
    """Text of the old editor with `<p>` and `<br>` where a blank line and an end of line stood for them."""
    code = Code()
    text = _PRE.sub(lambda found: f"\n\n<div>{code.hide(found[0])}</div>\n\n", text.replace("\r\n", "\n"))
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return code.put_back(re.sub(r"<div>(\0\d+\0)</div>", r"\1", "\n".join(map(_paragraph, parts))))


def _paragraph(part: str) -> str:
    if alone := _ALONE.match(part):
        return _shown(alone["url"])
    if _BLOCK.match(part):
        return part
    return "<p>" + re.sub(r"(?<!<br>)(?<!<br />)(?<!<br/>)\n", "<br>\n", part) + "</p>"


_NOTE = re.compile(
    r"\s?\[(?P<name>footnote|efn_note|ref|fn|mfn|modern_footnote)(?:\s[^\]\n]{0,100})?\](?P<words>(?:(?!\[/?(?P=name)\b).)+?)\[/(?P=name)\]",
    re.DOTALL,
)


def _with_notes_below(text: str) -> str:
    """A text with the notes of plug-ins as links to a list at its end."""
    items: list[str] = []

    def link(found: re.Match[str]) -> str:
        name = f"plug-note-{len(items) + 1}"
        items.append(_note(name, found["words"].strip()))
        return f'<sup><a href="#{name}" id="{name}-link">{len(items)}</a></sup>'

    text = _NOTE.sub(link, text)
    return f'{text}\n\n<ol class="footnotes">{"".join(items)}</ol>' if items else text


def _notes(typed: str, remarks: list[Remark]) -> str:
    """The notes of the block editor as the list at the end of the page."""
    try:
        notes = json.loads(typed) if typed.strip() else []
    except ValueError:
        remarks.append(Remark("its footnotes cannot be read", typed))
        return ""
    items = "".join(_note(escape(str(one.get("id"))), one.get("content", "")) for one in notes if isinstance(one, dict))
    return f'<ol class="wp-block-footnotes">{items}</ol>' if items else ""


def _note(name: str, words: str) -> str:
    return f'<li id="{name}">{words} <a href="#{name}-link">↩</a></li>'
