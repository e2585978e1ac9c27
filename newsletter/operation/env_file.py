"""Files of variables as systemd reads them: comments, quotes, escapes, and no shell.

Source: systemd.exec(5), EnvironmentFile=, and src/basic/env-file.c of systemd 257. What systemd passes over with a
warning is an error here: a line without “=”, and a name that is none.
"""

import re
from pathlib import Path

_QUOTED = r"""'[^']*'|"(?:[^"\\]|\\.)*\""""
_LINE = re.compile(
    rf"""
    [ \t]*+
    (?: [#;] [^\n]*
      | (?P<name> [A-Za-z_][A-Za-z0-9_]* ) [ \t]*+ =
        (?P<quoted> (?: [ \t]*+ (?: {_QUOTED} ) )*+ )
        [ \t]*+
        (?P<bare> (?: (?!['"]) (?: [^\n\\] | \\. )*+ )? )
    )?+
    (?: \n | \Z )
    """,
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(_QUOTED, re.DOTALL)
_BARE = re.compile(r"((?:\\.|\S|[ \t]+(?![ \t]|\Z))*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IN_DOUBLE_QUOTES = '"\\`$'  # the only characters that a backslash there takes its meaning from


class Unreadable(Exception):
    """A file of variables that cannot be used; the message names file and line, and nothing of its content."""


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file. Raises Unreadable."""
    try:
        return variables(path.read_text())
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is not text in UTF-8.") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise Unreadable(f"{path}, {error}") from None


def variables(text: str) -> dict[str, str]:
    """Return the variables of such a text, the last one of a name. Raises ValueError, which names the line."""
    found, at = {}, 0
    while at < len(text):
        line = _LINE.match(text, at)
        if line is None:
            number = text.count("\n", 0, at) + 1
            raise ValueError(f"line {number}: this is no NAME=value, or its quotes do not end.")
        if line["name"]:
            found[line["name"]] = "".join(map(_unquoted, _PART.findall(line["quoted"]))) + _unescaped(line["bare"])
        at = line.end()
    return found


def _unquoted(part: str) -> str:
    """Return what stands between quotes; a backslash between double ones keeps its own place before most characters."""
    inside = part[1:-1]
    return inside if part[0] == "'" else _ESCAPED.sub(_in_double_quotes, inside)


def _in_double_quotes(escape: re.Match[str]) -> str:
    if escape[1] == "\n":
        return ""
    return escape[1] if escape[1] in _IN_DOUBLE_QUOTES else escape[0]


def _unescaped(bare: str) -> str:
    """Return a value without quotes: no space at its end, a line goes on after a backslash."""
    found = _BARE.match(bare)
    return _ESCAPED.sub(lambda escape: escape[1].strip("\n"), found[1] if found else "")
