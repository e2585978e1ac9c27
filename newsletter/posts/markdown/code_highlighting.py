"""Syntax highlighting: CSS classes for the web, inline styles for mail."""

import re
from functools import cache
from html import escape
from typing import ClassVar

from pygments import highlight as pygmentise
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.style import Style
from pygments.token import (
    Comment,
    Generic,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Token,
    _TokenType,
)
from pygments.util import ClassNotFound

from newsletter.mail.colours import palette

HIGHLIGHT_MAX = 20_000  # characters; longer code is not highlighted: it would take a second


class LightStyle(Style):
    """Colours of at least 4.5:1 on the code background, the same as in static/code.css. No italics: comments are
    often Chinese.
    """

    background_color = palette()["code"].light
    styles: ClassVar[dict[_TokenType, str]] = {
        Token: "#1f2328",
        Comment: "#5c6370",
        Keyword: "#8f2d56",
        Operator: "#4d4d4d",
        Punctuation: "#4d4d4d",
        Name.Builtin: "#0b5a7a",
        Name.Class: "bold #6a3d9a",
        Name.Decorator: "#6a3d9a",
        Name.Exception: "#8f2d56",
        Name.Function: "#0b4f9c",
        Name.Namespace: "#6a3d9a",
        Name.Tag: "#8f2d56",
        Name.Attribute: "#0b5a7a",
        Name.Variable: "#0b5a7a",
        Name.Constant: "#0b5a7a",
        Literal: "#7a4100",
        Number: "#7a4100",
        String: "#1d6335",
        String.Doc: "#5c6370",
        String.Escape: "#7a4100",
        Generic.Deleted: "#a1260d",
        Generic.Inserted: "#1d6335",
        Generic.Heading: "bold #0b4f9c",
        Generic.Subheading: "bold #0b4f9c",
        Generic.Emph: "",
        Generic.Strong: "bold",
        Generic.Prompt: "#5c6370",
        Generic.Output: "#4d4d4d",
    }


# Dark counterparts of the colours above.
DARK_COLOURS = {
    "#1f2328": "#e8e4dc",
    "#5c6370": "#a39d92",
    "#8f2d56": "#ff9bbd",
    "#4d4d4d": "#cfc8bb",
    "#0b5a7a": "#7fd1e8",
    "#6a3d9a": "#d3b3ff",
    "#0b4f9c": "#8fbfff",
    "#7a4100": "#f0bf78",
    "#1d6335": "#9bdca8",
    "#a1260d": "#ff9d8a",
}
MAIL_PRE_STYLE = (
    "margin:0 0 1.2em;padding:12px 14px;background-color:#f6f4f0;color:#1f2328;"
    "font-family:Menlo,Consolas,monospace;font-size:14px;line-height:1.55;white-space:pre-wrap;border-radius:6px"
)


def highlight(code: str, language: str, *, inline: bool = False) -> str:
    """Highlighted `<pre><code>`; plain if the language is unknown or the code too long. inline: styles for mail."""
    lexer = _lexer(language) if len(code) <= HIGHLIGHT_MAX else None
    body = pygmentise(code, lexer, _formatter(inline)) if lexer else escape(code, quote=False) + "\n"
    if inline:
        return f'<pre style="{MAIL_PRE_STYLE}"><code>{body}</code></pre>'
    kind = f' class="language-{escape(language)}"' if lexer else ""
    return f'<pre class="code"><code{kind}>{body}</code></pre>'


@cache
def allowed_styles() -> frozenset[str]:
    """All style values that `highlight` can write, for the sanitiser."""
    css: str = _formatter(False).get_style_defs(".code")  # type: ignore[no-untyped-call]
    return frozenset({MAIL_PRE_STYLE, *re.findall(r"^\.code \..*{ (.*) }", css, re.MULTILINE)})


def dark_by_light_colour() -> dict[str, str]:
    """Dark colour by light colour of code in mails, both as rrggbb."""
    return {day[1:]: night[1:] for day, night in DARK_COLOURS.items()}


@cache
def _formatter(inline: bool) -> "HtmlFormatter[str]":
    return HtmlFormatter(style=LightStyle, nowrap=True, noclasses=inline)


def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, stripnl=False) if language else None
    except ClassNotFound:
        return None
