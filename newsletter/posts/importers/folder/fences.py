"""What stands behind the language of a block of code: a title or the name of its file, which no page here shows. Pure.

Sources: Docusaurus and Gatsby (`title=`), Hugo's themes (`{filename="…"}`), Hexo (language, title, address), Qiita and
Zenn (`language:file`).
"""

import re

from newsletter.posts.importers.folder.code import CODE

_HEAD = re.compile(r"(?P<before>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)(?=\n)")
_GIVEN = re.compile(
    r"\b(?:title|filename|file|caption|name|label|summary)\s*[=:]\s*"
    r"(?:\"(?P<double>[^\"\n]{1,200})\"|'(?P<single>[^'\n]{1,200})'|(?P<bare>[^\s\"'{},]{1,200}))"
)
_FILE = re.compile(r"[\w+#-]{1,20}:(?P<name>[\w./-]{1,200}\.\w{1,8}|[A-Z][\w/.-]{2,200})")
_WORDS = re.compile(r"(?P<words>\S.*?)(?:[ \t]+(?P<url>https?://\S+)(?:[ \t]+(?P<link>\S.*))?)?")
_PLAIN = re.compile(r"[\w.-]+\.\w{1,8}|[\u3400-\u9fff].*")  # a single word that is no switch: a file, or Han


def with_titles(text: str) -> str:
    """Return a text in which the title of each block of code stands above it, in bold."""
    return CODE.sub(_titled, text) if "```" in text or "~~~" in text else text


def _titled(code: re.Match[str]) -> str:
    head = _HEAD.match(code[0]) if code["fence"] else None
    title = _title(head["info"].strip()) if head else ""
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
