"""Parses environment files as systemd does: comments, quotes, escapes, no shell.

Source: systemd.exec(5), EnvironmentFile=, and src/basic/env-file.c of systemd 257. What systemd ignores with a warning
is an error here: a line without “=”, and an invalid name.
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
_IN_DOUBLE_QUOTES = '"\\`$'  # the characters that a backslash escapes there


class EnvFileError(Exception):
    """The message names file and line, but no content."""


def read_env_file(path: Path) -> dict[str, str]:
    """Raises EnvFileError."""
    try:
        return parse_variables(path.read_text())
    except UnicodeDecodeError:
        raise EnvFileError(f"{path} is not text in UTF-8.") from None
    except OSError as error:
        raise EnvFileError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise EnvFileError(f"{path}, {error}") from None


def parse_variables(text: str) -> dict[str, str]:
    """The last value of a name wins. Raises ValueError, which names the line."""
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
    """The text between quotes; in double quotes a backslash escapes only some characters."""
    inside = part[1:-1]
    return inside if part[0] == "'" else _ESCAPED.sub(_in_double_quotes, inside)


def _in_double_quotes(escape: re.Match[str]) -> str:
    if escape[1] == "\n":
        return ""
    return escape[1] if escape[1] in _IN_DOUBLE_QUOTES else escape[0]


def _unescaped(bare: str) -> str:
    """An unquoted value: trailing blanks removed, backslash-newline joins lines."""
    found = _BARE.match(bare)
    return _ESCAPED.sub(lambda escape: escape[1].strip("\n"), found[1] if found else "")
