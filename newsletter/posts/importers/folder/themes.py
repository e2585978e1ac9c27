"""Tags without an end that themes of Hexo brought: buttons, labels, coloured words; parts of tabs and of times. Pure.

Sources: hexo-theme-next (docs on tag plugins), hexo-theme-butterfly (`btn`), Volantis and Stellar (`span`, `p`, `u`).
"""

import re

from newsletter.posts.importers.folder.code import outside_code

_TABS = re.compile(r"\{%-?\s*(?:sub)*tabs\b[^%\n]*-?%\}[ \t]*\n?|\{%-?\s*end(?:sub)*tabs\s*-?%\}[ \t]*\n?")
_PARTED = re.compile(r"\{%-?\s*(?:(?:sub)*tabs|timeline)\b")
_TAB = re.compile(r"^[ \t]*<!--\s*(?:tab|timeline|node)\s+(?P<words>[^\n]*?)\s*-->[ \t]*\n?", re.MULTILINE)
_TAB_END = re.compile(r"^[ \t]*<!--\s*end(?:tab|timeline|node)\s*-->[ \t]*\n?", re.MULTILINE)
_BUTTON = re.compile(r"\{%-?\s*(?:btn|button)\s+(?P<args>[^%\n]+?)\s*-?%\}")
_LABEL = re.compile(r"\{%-?\s*label\s+(?:[\w-]+\s*)?@(?P<words>[^%\n]+?)\s*-?%\}")
# Butterfly's: words, and a colour behind them.
_COLOURED = re.compile(
    r"\{%-?\s*label\s+(?P<quote>[\"']?)(?P<words>[^@%\n]{1,300}?)(?P=quote)"
    r"(?:\s+(?:default|blue|pink|red|purple|orange|green))?\s*-?%\}"
)
_BOX = re.compile(r"\{%-?\s*(?P<name>checkbox|radio)\s+(?P<args>[^%\n]+?)\s*-?%\}")
# Words with a look: `{% span red, words %}`, `{% u words %}`. By name, the mark that Markdown has for it.
_WORDS = re.compile(
    r"\{%-?\s*(?P<name>span|p|u|emp|wavy|del|psw|kbd|hl|mark|blur)\s+(?P<args>(?:[^%\n]|%(?!\})){1,500}?)\s*-?%\}"
)
_MARKS = {"u": "u", "emp": "em", "del": "del", "kbd": "kbd", "wavy": "u", "hl": "mark", "mark": "mark"}


def with_tabs(text: str) -> str:
    """Return a text with parts that comments name (tabs, times) one below the other, each with its words."""
    if not _PARTED.search(text) or "<!--" not in text:
        return text
    return outside_code(text, lambda part: _TAB_END.sub("", _TAB.sub(_tab, _TABS.sub("", part))))


def plain(text: str) -> str:
    """Return a text with the tags that themes brought as Markdown."""
    if "{%" not in text:
        return text
    text = _COLOURED.sub(r"\g<words>", _LABEL.sub(r"\g<words>", _BUTTON.sub(_button, text)))
    return _WORDS.sub(_worded, _BOX.sub(_checkbox, text))


def _tab(found: re.Match[str]) -> str:
    words = re.sub(r"@[\w\s-]+$", "", found["words"]).strip()  # what follows @ is the name of an icon
    return f"**{words}**\n\n" if words else ""


def _worded(found: re.Match[str]) -> str:
    _look, comma, words = found["args"].partition(",")
    given = (
        words if comma and re.fullmatch(r"[\w\s:#-]{0,80}", _look) and found["name"] in {"span", "p"} else ""
    ).strip()
    given = given or found["args"].strip()
    mark = _MARKS.get(found["name"], "")
    if found["name"] == "p":
        return f"\n\n{given}\n\n"
    return f"<{mark}>{given}</{mark}>" if mark else given


def _button(found: re.Match[str]) -> str:
    """NexT has `url, text, icon`, Butterfly `'url',text,icon,option`, Volantis `text, url` or `text url`."""
    parts = [part.strip().strip("\"'") for part in found["args"].split(",")]
    if len(parts) == 1 and (last := re.fullmatch(r"(?P<words>[^,]+?)\s+(?P<url>https?://\S+)", parts[0])):
        return f"[{last['words']}]({last['url']})"
    place = next((index for index, part in enumerate(parts[:2]) if re.match(r"https?://|/|#", part)), None)
    if place is None or len(parts) < 2:
        return found[0]
    return f"[{parts[1 - place] or parts[place]}]({parts[place]})"


def _checkbox(found: re.Match[str]) -> str:
    given, comma, words = found["args"].partition(",")
    if not comma or not re.fullmatch(r"[\sa-z]*", given):
        given, words = "", found["args"]
    yes, no = ("☑", "☐") if found["name"] == "checkbox" else ("◉", "○")
    return f"{yes if 'checked' in given else no} {words.strip()}"
