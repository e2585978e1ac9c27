"""The marks of Liquid (Jekyll, Hexo) and of Hugo, and what is given to them. Pure."""

import re
import shlex
from dataclasses import dataclass

_QUOTED = r"\"(?:\\.|(?!\{\{[<%])[^\"\\])*+\""
# Over several lines too; what is given may have a percent sign or the end of a tag of HTML in it.
LIQUID = r"\{%-?\s*(?P<liquid>\w+)(?P<args>(?:[^%{]|%(?!\})|\{(?!%)){0,2000}?)-?%\}"
HUGO = (
    r"\{\{[<%]-?\s*(?P<close>/)?\s*(?P<hugo>[\w-]+(?:[./][\w-]+)*)"
    rf"(?P<given>(?:\s(?:(?>{_QUOTED}|`[^`]{{0,500}}`|(?!\s*/?[>%]\}}\}})(?!\{{\{{[<%])[\s\S])){{0,2000}}?)?)"
    r"\s*(?P<alone>/)?[>%]\}\}"
)
TAG = re.compile(f"{LIQUID}|{HUGO}")
_NAMED = re.compile(
    r"(?<![\w\"'])([\w-]+)\s*[=:]\s*(?:\"((?:\\.|[^\"\\])*)\"|'([^']*)'|`([^`]*)`|([^\s\"'`,]+))|\"(?:\\.|[^\"\\])*\""
)
_KEY = re.compile(r"[A-Za-z][\w-]*(?:=|:(?=[^\s/]))")


@dataclass(frozen=True)
class Tag:
    """One mark. is_end: of those that hold others; is_alone: Hugo's `/>}}`, which holds nothing."""

    name: str
    args: str
    typed: str
    is_hugo: bool
    is_end: bool = False
    is_alone: bool = False

    @property
    def words(self) -> list[str]:
        return words_of(self.args)

    @property
    def named(self) -> dict[str, str]:
        return named_of(self.args)


def tag_of(found: re.Match[str]) -> Tag:
    """Return the mark that TAG has found."""
    if found["hugo"]:
        args, is_alone = found["given"].strip(), bool(found["alone"])
        return Tag(found["hugo"].lower(), args, found[0], True, bool(found["close"]), is_alone)
    name = found["liquid"]
    is_end = len(name) > 3 and name.startswith("end")
    return Tag((name[3:] if is_end else name).lower(), found["args"].strip(), found[0], False, is_end)


def words_of(args: str) -> list[str]:
    """Return what is given by its place alone; commas between belong to nothing."""
    try:
        found = shlex.split(args)
    except ValueError:
        found = [word.strip('"') for word in args.split()]
    words = (word.strip(",") if len(word) > 1 else word for word in found)
    return [word for word in words if word and word != "," and not _KEY.match(word)]


def named_of(args: str) -> dict[str, str]:
    """Return what is given by a name, in small letters."""
    found = (match for match in _NAMED.finditer(args) if match[1])
    return {
        match[1].lower(): re.sub(r"\\([\"\\])", r"\1", next((one for one in match.groups()[1:] if one), "")).strip()
        for match in found
    }
