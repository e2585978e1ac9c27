"""How the program of a folder was told to show its texts, read from the files that say so."""

import re
from pathlib import PurePosixPath

from newsletter.posts.importers.folder.files.texts import Texts
from newsletter.posts.importers.imported import Rejected

SETTINGS_MAX = 200_000  # bytes
_HUGO = tuple(
    f"{folder}{name}.{form}"
    for folder in ("", "config/_default/")
    for name in ("hugo", "config", "markup")
    for form in ("toml", "yaml", "yml", "json")
)
# By program: the files that may say it; whether lines end unless they say otherwise; and the words that say otherwise.
# Sources: hexo-renderer-marked, -kramed and -markdown-it (`breaks`, on by default), Obsidian ("Strict line breaks", off
# by default), kramdown and redcarpet (`hard_wrap`), Goldmark (`hardWraps`) and Blackfriday (`hardLineBreak`).
_LINES: dict[str, tuple[tuple[str, ...], bool, re.Pattern[str]]] = {
    "Hexo": (("_config.yml", "_config.yaml"), True, re.compile(r"^\s+breaks:\s*false\b", re.MULTILINE)),
    "Obsidian": ((".obsidian/app.json",), True, re.compile(r"\"strictLineBreaks\"\s*:\s*true\b")),
    "Jekyll": (
        ("_config.yml", "_config.yaml"),
        False,
        re.compile(r"^[^#\n]*\bhard_wrap\b(?!\"?:\s*false)", re.MULTILINE),
    ),
    "Hugo": (
        _HUGO,
        False,
        re.compile(r"^[^#\n]*(?:\bhardWraps\"?\s*[=:]\s*true\b|\bhardLineBreak\b)", re.MULTILINE | re.IGNORECASE),
    ),
}


def ends_lines(program: str, texts: Texts) -> bool:
    """Return whether its pages end a line where the text does; Markdown by itself goes on with the next."""
    if program not in _LINES:
        return False
    names, usual, otherwise = _LINES[program]
    return usual != any(otherwise.search(_settings(texts, name)) for name in names if texts.has(name))


def _settings(texts: Texts, name: str) -> str:
    try:
        return texts.read(PurePosixPath(name), SETTINGS_MAX).decode("utf-8", "replace")
    except Rejected:
        return ""
