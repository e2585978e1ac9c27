"""Short codes of plug-ins that many texts of WordPress have: footnotes in the text, and formulas. Pure.

Sources: Easy Footnotes and Simple Footnotes ([footnote], [ref]), Easy Footnotes for Gutenberg ([efn_note]), Modern
Footnotes ([mfn]), Jetpack's and WP QuickLaTeX's formulas ([latex], $latex …$).
"""

import re
from html import escape

_NOTE = re.compile(
    r"\s?\[(?P<name>footnote|efn_note|ref|fn|mfn|modern_footnote)(?:\s[^\]\n]{0,100})?\](?P<words>(?:(?!\[/?(?P=name)\b).)+?)\[/(?P=name)\]",
    re.DOTALL,
)
_FORMULA = re.compile(
    r"\$latex\s+(?P<dollars>[^$\n]{1,500})\$|\[latex(?:page)?\](?P<named>[^\[\]]{1,500})\[/latex(?:page)?\]"
)
_CODE = re.compile(r"<(?P<name>pre|code|script|style)\b.*?</(?P=name)>", re.DOTALL | re.IGNORECASE)


def written_out(text: str) -> str:
    """Return a text with the notes of plug-ins as links to a list at its end, and with formulas as code."""
    notes: list[str] = []
    pieces, position = [], 0
    for code in _CODE.finditer(text):
        pieces += [_plain(text[position : code.start()], notes), code[0]]
        position = code.end()
    found = "".join([*pieces, _plain(text[position:], notes)])
    items = "".join(
        f'<li id="plug-note-{number}">{words} <a href="#plug-note-{number}-link">↩</a></li>'
        for number, words in enumerate(notes, 1)
    )
    return f'{found}\n\n<ol class="footnotes">{items}</ol>' if items else found


def _plain(text: str, notes: list[str]) -> str:
    def note(found: re.Match[str]) -> str:
        notes.append(found["words"].strip())
        number = len(notes)
        return f'<sup><a href="#plug-note-{number}" id="plug-note-{number}-link">{number}</a></sup>'

    if "[" in text:
        text = _NOTE.sub(note, text)
    return _FORMULA.sub(_formula, text) if "latex" in text else text


def _formula(found: re.Match[str]) -> str:
    typed = (found["dollars"] or found["named"]).strip()
    return f"<code>{typed if '&' in typed else escape(typed, quote=False)}</code>"
