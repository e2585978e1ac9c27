"""HTML in Markdown that no page here shows becomes what it becomes in HTML: a link or a comment, and is named. Pure."""

import re

from newsletter.moving.converters.html.boxes import EMBED_IS_A_LINK
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.markdown.code import Code
from newsletter.moving.folder.layout import Remark
from newsletter.posts.markdown.figures import parse_video

_HIDDEN = re.compile(
    r"<(?P<name>video|audio|script|style|object|svg|canvas|form|noscript|template)\b[^<>]{0,2000}>.*?</(?P=name)\s*>"
    r"|<embed\b[^<>]{0,1000}>|<img\b(?![^<>]{0,2000}\ssrc\s*=)[^<>]{0,2000}?\sdata-src=[^<>]{0,1000}>",
    re.DOTALL | re.IGNORECASE,
)
_FRAME = re.compile(r"<iframe\b[^<>]{0,2000}?\ssrc\s*=\s*[\"']?(?P<url>[^\s\"'<>]+)", re.IGNORECASE)
_MARKED = re.compile(
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

    text = _MARKED.sub(_with_lines, _HIDDEN.sub(shown, text))
    urls = dict.fromkeys(found["url"] for found in _FRAME.finditer(text))
    remarks += [Remark(EMBED_IS_A_LINK, url) for url in urls if parse_video(url) is None]
    return text


def _with_lines(found: re.Match[str]) -> str:
    """Markdown within a box: blank lines around it, and it is read."""
    inner = re.sub(r"</summary>[ \t]*\n", "</summary>\n\n", found["inner"])
    return f"<{found['name']}{found['given']}{found['rest']}>\n\n{inner.strip()}\n\n</{found['name']}>"
