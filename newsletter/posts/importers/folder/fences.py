"""Blocks of code that are called something, or that are none: boxes, queries and parts of a page. Pure.

Sources: Docusaurus and Gatsby (`title=`), Hugo's themes (`{filename="…"}`), Hexo (language, title, address), Qiita and
Zenn (`language:file`); Docusaurus (`mdx-code-block`), and the plug-ins Admonition (`ad-note`) and Dataview of Obsidian.
"""

import re
from textwrap import dedent, indent

from newsletter.posts.importers.folder.boxes import KINDS, boxed
from newsletter.posts.importers.folder.code import CODE
from newsletter.posts.importers.html.notes import Remark

_HEAD = re.compile(r"(?P<before>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)(?=\n)")
_GIVEN = re.compile(
    r"\b(?:title|filename|file|caption|name|label|summary)\s*[=:]\s*"
    r"(?:\"(?P<double>[^\"\n]{1,200})\"|'(?P<single>[^'\n]{1,200})'|(?P<bare>[^\s\"'{},]{1,200}))"
)
_FILE = re.compile(r"[\w+#-]{1,20}:(?P<name>[\w./-]{1,200}\.\w{1,8}|[A-Z][\w/.-]{2,200})")
_WORDS = re.compile(r"(?P<words>\S.*?)(?:[ \t]+(?P<url>https?://\S+)(?:[ \t]+(?P<link>\S.*))?)?")
_PLAIN = re.compile(r"[\w./-]+\.\w{1,8}:?|[\u3400-\u9fff].*")  # a single word that is no switch: a file, or Han

_INLINE_QUERY = re.compile(r"`+\s*(?:\$=|=\s*(?:this\.|\[\[|date\(|link\())")  # Dataview's, within a sentence
QUERIES = {"dataview", "dataviewjs", "query", "tasks", "base"}  # a program writes what readers see


def plain(text: str, remarks: list[Remark]) -> str:
    """Return a text in which the title of each block of code stands above it, in bold, and what is no code is none."""
    return CODE.sub(lambda code: _written(code, remarks), text) if "`" in text or "~~~" in text else text


def _written(code: re.Match[str], remarks: list[Remark]) -> str:
    if code["ticks"] and _INLINE_QUERY.match(code[0]):
        remarks.append(Remark("a value that a program writes stays as it was typed", code[0].strip("`")[:80]))
    head = _HEAD.match(code[0]) if code["fence"] else None
    info = head["info"].strip() if head else ""
    language = info.partition(" ")[0].lower()
    if language.startswith("ad-"):
        return indent(_box(language[3:], _inner(code[0])), head["before"] if head else "")
    if language == "mdx-code-block":
        return _inner(code[0])
    if language in QUERIES:
        remarks.append(
            Remark("a value that a program writes stays as it was typed", f"{language}: {_inner(code[0])}"[:80])
        )
    return _titled(code, head, info)


def _inner(code: str) -> str:
    lines = code.split("\n")[1:]
    return dedent("\n".join(lines[:-1] if lines and lines[-1].strip(" `~") == "" else lines))


def _box(kind: str, inner: str) -> str:
    """Return a box of Obsidian's plug-in: its first lines may say its title and how it looks."""
    lines, title = inner.strip("\n").split("\n"), ""
    while lines and (said := re.fullmatch(r"(title|collapse|icon|color):[ \t]*(.*)", lines[0])):
        title = said[2] if said[1] == "title" else title
        lines.pop(0)
    return boxed(kind, title or ("" if kind in KINDS else kind), "\n".join(lines))


def _titled(code: re.Match[str], head: re.Match[str] | None, info: str) -> str:
    title = _title(info) if head else ""
    if not head or not title:
        return code[0]
    return f"{head['before']}{title}\n\n{code[0]}"


def _title(info: str) -> str:
    """Return what is said of the code, as Markdown; "" if nothing is."""
    if given := _GIVEN.search(info):
        return f"**{given['double'] or given['single'] or given['bare']}**"
    if named := _FILE.match(info):
        return f"**{named['name']}**"
    _language, _space, rest = info.partition(" ")
    rest = re.sub(r"\{[^{}]*\}|[\w-]+\s*[=:]\s*(?!//)\S+", " ", rest).strip()
    found = _WORDS.fullmatch(rest)
    if not found or not (_PLAIN.fullmatch(rest) or found["url"]):
        return ""
    words = found["words"]
    if words.startswith("http"):
        words, url = found["link"] or words, words
    elif not (url := found["url"] or ""):
        return f"**{words}**"
    return f"**{words}** [{found['link'] or url}]({url})" if found["url"] else f"[{words}]({url})"
