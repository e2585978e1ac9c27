"""Code in colours: CSS classes for the web, inline styles for mail."""

import re
from collections import defaultdict
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

LONGEST = 20_000  # characters of one fence; longer ones are data, and cost a second


class Light(Style):
    """Colours of at least 4.5:1 on the ground of code; static/code.css has the same and their dark counterparts.

    Nothing is slanted, because comments are Chinese as often as not.
    """

    background_color = palette()["code"].day
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


class Dark(Style):
    background_color = palette()["code"].night
    styles: ClassVar[dict[_TokenType, str]] = {
        Token: "#e8e4dc",
        Comment: "#a39d92",
        Keyword: "#ff9bbd",
        Operator: "#cfc8bb",
        Punctuation: "#cfc8bb",
        Name.Builtin: "#7fd1e8",
        Name.Class: "bold #d3b3ff",
        Name.Decorator: "#d3b3ff",
        Name.Exception: "#ff9bbd",
        Name.Function: "#8fbfff",
        Name.Namespace: "#d3b3ff",
        Name.Tag: "#ff9bbd",
        Name.Attribute: "#7fd1e8",
        Name.Variable: "#7fd1e8",
        Name.Constant: "#7fd1e8",
        Literal: "#f0bf78",
        Number: "#f0bf78",
        String: "#9bdca8",
        String.Doc: "#a39d92",
        String.Escape: "#f0bf78",
        Generic.Deleted: "#ff9d8a",
        Generic.Inserted: "#9bdca8",
        Generic.Heading: "bold #8fbfff",
        Generic.Subheading: "bold #8fbfff",
        Generic.Emph: "",
        Generic.Strong: "bold",
        Generic.Prompt: "#a39d92",
        Generic.Output: "#cfc8bb",
    }


MAIL_BLOCK = (
    "margin:0 0 1.2em;padding:12px 14px;background-color:#f6f4f0;color:#1f2328;"
    "font-family:Menlo,Consolas,monospace;font-size:14px;line-height:1.55;white-space:pre-wrap;border-radius:6px"
)


_COLOUR = re.compile(r"(?<=[ {;])color: (#\w+)")


def highlight(code: str, language: str, *, inline: bool = False) -> str:
    """Return `<pre><code>` with `code` in colours; as plain text if nobody knows the language.

    inline: styles instead of classes, as mail needs them.
    """
    lexer = _lexer(language) if len(code) <= LONGEST else None
    body = pygmentise(code, lexer, _formatter(inline)) if lexer else escape(code, quote=False) + "\n"
    if inline:
        return f'<pre style="{MAIL_BLOCK}"><code>{body}</code></pre>'
    kind = f' class="language-{escape(language)}"' if lexer else ""
    return f'<pre class="code"><code{kind}>{body}</code></pre>'


@cache
def allowed_styles() -> frozenset[str]:
    """Return every value of a style attribute that `highlight` can write."""
    styles = (re.search(r"{ (.*) }", rule) for rule in _rules(Light))
    return frozenset({MAIL_BLOCK, *(style[1] for style in styles if style)})


@cache
def colours_at_night() -> dict[str, str]:
    """Return the colour in the dark of each colour in which a mail's code is written, both as rrggbb."""
    by_night = dict(Dark)
    pairs = ((style["color"], by_night[token]["color"]) for token, style in Light)
    return {day: night for day, night in pairs if day and night}


def stylesheet() -> str:
    """Return the rules for the classes of `highlight`, as static/code.css keeps them: `light-dark(day, night)`.

    One rule for all classes that look alike; what has the colour of the text needs none.
    """
    by_night = {_selector(rule): rule for rule in _rules(Dark)}
    pairs = ((rule, by_night[_selector(rule)]) for rule in _rules(Light) if _COLOUR.search(rule))
    alike = defaultdict[str, list[str]](list)
    for day, night in pairs:
        if looks := _by_day_and_night(day, night):
            alike[looks].append(_selector(day).removeprefix(".code "))
    return "".join(f".code :is({', '.join(classes)}) {{ {looks} }}\n" for looks, classes in alike.items())


def _selector(rule: str) -> str:
    return rule.partition(" {")[0]


def _by_day_and_night(day: str, night: str) -> str:
    """Return what a class declares, both schemes in one; "" if that is what all text has."""
    declared = day.partition("{")[2].partition(" }")[0]
    colours = [found[1].lower() for rule in (day, night) if (found := _COLOUR.search(rule))]
    plain = [Light.styles[Token], Dark.styles[Token]]
    both = "" if colours == plain else "color: light-dark({}, {})".format(*colours)
    return _COLOUR.sub(both, declared, count=1).strip(" ;")


def _rules(style: type[Style]) -> list[str]:
    css: str = HtmlFormatter(style=style).get_style_defs(".code")  # type: ignore[no-untyped-call]
    return [line for line in css.splitlines() if line.startswith(".code .") and "{" in line]


@cache
def _formatter(inline: bool) -> "HtmlFormatter[str]":
    return HtmlFormatter(style=Light, nowrap=True, noclasses=inline)


def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, stripnl=False) if language else None
    except ClassNotFound:
        return None
