"""Obsidian's links, embeds, callouts, comments and marks of blocks, written as Markdown. Pure."""

import re
from html import escape

from newsletter.posts.importers.folder.boxes import KINDS, PICTURE
from newsletter.posts.importers.folder.code import substituted
from newsletter.posts.importers.html.notes import Remark

_WIKI = re.compile(r"(?P<embed>!?)\[\[(?P<target>[^\s\[\]|][^\[\]|\n]*)(?:\|(?P<alias>[^\[\]\n]*))?\]\]")
_CONTENTS = re.compile(r"^[ \t]*\[\[_?toc_?\]\][ \t]*$", re.IGNORECASE | re.MULTILINE)  # of VuePress and markdown-it
_HIDDEN = re.compile(r"%%(?P<words>.+?)%%", re.DOTALL)
_CALLOUT = re.compile(r"^(?P<before>[ \t>]*>[ \t]*)\[!(?P<kind>\w+)\](?P<fold>[-+]?)", re.MULTILINE)
_SIZED = re.compile(r"(?<=!\[)(?P<alt>[^\[\]|\n]{0,300})\|\d{1,5}(?:x\d{1,5})?(?=\]\()")
_BLOCK = re.compile(r"(?:[ \t]+|^)\^[A-Za-z0-9-]{1,60}(?=[ \t]*$)", re.MULTILINE)
_FILM = re.compile(r"!\[[^\[\]\n]{0,300}\]\((?P<url>https://(?:www\.youtube\.com/watch|youtu\.be/)[^\s()]{1,200})\)")
_SIZE = re.compile(r"\d{1,5}(?:x\d{1,5})?")


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text with the marks that Markdown has not as Markdown."""
    text = _CONTENTS.sub("[toc]", text)
    text = _WIKI.sub(lambda match: _wiki(match, remarks), text) if "[[" in text else text
    text = _CALLOUT.sub(_known_kind, text) if "[!" in text else text
    if "![" in text:
        text = _FILM.sub(r"\n\n\g<url>\n\n", _SIZED.sub(r"\g<alt>", text))
    return _BLOCK.sub("", text) if "^" in text else text


def without_comments(text: str) -> str:
    """Return the text with `%%…%%` as comments of HTML."""
    return substituted(_HIDDEN, lambda match: f"<!-- {match['words'].strip()} -->", text) if "%%" in text else text


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
