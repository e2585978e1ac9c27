"""The marks of Hugo, Jekyll, Hexo, MkDocs and Obsidian as Markdown; unknown ones stay, and are named. Pure."""

import re

from newsletter.posts.importers.folder import (
    fences,
    formulas,
    indented,
    kramdown,
    left_behind,
    notes,
    obsidian,
    paired,
    raw_html,
    signs,
)
from newsletter.posts.importers.folder.code import outside_code
from newsletter.posts.importers.html import places
from newsletter.posts.importers.html.notes import Remark

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
    text = _without_comments(indented.plain(fences.plain(body, remarks)))
    text, raw = paired.written(outside_code(text, _addressed), remarks)
    text = raw_html.plain(formulas.as_code(text, remarks), remarks)
    text = outside_code(text, lambda part: _plain(part, remarks, is_mdx=is_mdx, literal="".join(raw)))
    text, lost = places.mended(notes.written_out(text), kramdown.named(body))
    return text, [*remarks, *lost, *left_behind.named(text, remarks)]


def _without_comments(text: str) -> str:
    return obsidian.without_comments(kramdown.without_comments(text))


def _addressed(text: str) -> str:
    """Return a text with paths where Liquid would write them."""
    if "{" not in text:
        return text
    return _RELATIVE.sub(r"\1", _SITE.sub(lambda found: "" if found["after"] == "" else "/", text))


def _plain(text: str, remarks: list[Remark], *, is_mdx: bool, literal: str) -> str:
    if "{" in text:
        text = kramdown.plain(_ESCAPED.sub(r"\g<open>\g<words>\g<close>", text), remarks)
        values = (found[0] for found in _VALUE.finditer(text) if found[0] not in literal)
        remarks += [Remark("a value that a program writes stays as it was typed", value[:80]) for value in values]
    remarks += [Remark("a short code stays as it was typed", one[0].strip()[:80]) for one in _UNKNOWN.finditer(text)]
    if is_mdx:
        values = (found[0] for found in _VALUE_OF_MDX.finditer(text))
        remarks += [Remark("a value that a program writes stays as it was typed", value[:80]) for value in values]
    return signs.plain(obsidian.plain(text, remarks), remarks)
