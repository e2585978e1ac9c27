"""Tags and short codes that themes of Hexo and Hugo brought: centred quotes, tabs, buttons, fold-outs, charts. Pure.

Sources: hexo-theme-next (docs on tag plugins), hexo-theme-butterfly (`btn`, `hideToggle`, `tabs`), Hugo's themes
(`mermaid`, `rawhtml`, `gallery`, `bilibili`).
"""

import re

from newsletter.posts.importers.folder.boxes import quoted

_TABS = re.compile(r"\{%-?\s*(?:sub)*tabs\b[^%\n]*-?%\}[ \t]*\n?|\{%-?\s*end(?:sub)*tabs\s*-?%\}[ \t]*\n?")
_TAB = re.compile(r"^[ \t]*<!--\s*tab\s+(?P<words>[^\n]*?)\s*-->[ \t]*\n?", re.MULTILINE)
_TAB_END = re.compile(r"^[ \t]*<!--\s*endtab\s*-->[ \t]*\n?", re.MULTILINE)
_PAIRED = re.compile(
    r"\{%-?\s*(?P<name>cq|centerquote|mermaid|hideToggle|hideBlock|fold|folding|spoiler|details|checkbox)\b(?P<args>[^%\n]*)-?%\}"
    r"(?P<inner>.*?)\{%-?\s*end(?P=name)\s*-?%\}",
    re.DOTALL,
)
_HUGO = re.compile(
    r"\{\{[<%]\s*(?P<name>mermaid|rawhtml|raw-html|raw|html|gallery|md|markdown|markdownify|center|figures)\b(?P<args>[^>\n]*?)[>%]\}\}"
    r"(?P<inner>.*?)\{\{[<%]\s*/\s*(?P=name)\s*[>%]\}\}",
    re.DOTALL,
)
_BUTTON = re.compile(r"\{%-?\s*(?:btn|button)\s+(?P<args>[^%\n]+?)\s*-?%\}")
_LABEL = re.compile(r"\{%-?\s*label\s+(?:[\w-]+\s*)?@(?P<words>[^%\n]+?)\s*-?%\}")
_BOX = re.compile(r"\{%-?\s*checkbox\s+(?P<args>[^%\n]+?)\s*-?%\}")


def plain(text: str) -> str:
    """Return a text with the tags that hold others as Markdown; code in it is not looked at, for they may hold some."""
    if "{%" in text:
        text = _TAB_END.sub("", _TAB.sub(_tab, _TABS.sub("", text))) if "tabs" in text else text
        text = _LABEL.sub(r"\g<words>", _BUTTON.sub(_button, _PAIRED.sub(_paired, text)))
        text = _BOX.sub(_checkbox, text)
    return _HUGO.sub(_hugo, text) if "{{" in text else text


def _tab(found: re.Match[str]) -> str:
    words = re.sub(r"@[\w\s-]+$", "", found["words"]).strip()  # what follows @ is the name of an icon
    return f"**{words}**\n\n" if words else ""


def _paired(found: re.Match[str]) -> str:
    inner, args = found["inner"].strip(), found["args"].strip()
    if found["name"] == "mermaid":
        return f"```mermaid\n{inner}\n```"
    if found["name"] in {"cq", "centerquote"}:
        return f"\n\n{quoted(inner)}\n\n"
    words = re.sub(r",\s*[#\w]+\s*(?:,\s*[#\w]+\s*)?$", "", args).strip("\"' ")  # colours
    return f"\n\n<details><summary>{words}</summary>\n\n{inner}\n\n</details>\n\n" if words else f"\n\n{inner}\n\n"


def _hugo(found: re.Match[str]) -> str:
    inner = found["inner"]
    return f"```mermaid\n{inner.strip()}\n```" if found["name"] == "mermaid" else inner


def _button(found: re.Match[str]) -> str:
    """NexT has `url, text, icon`, Butterfly `'url',text,icon,option`."""
    parts = [part.strip().strip("\"'") for part in found["args"].split(",")]
    if len(parts) < 2 or not re.match(r"https?://|/|#", parts[0]):
        return found[0]
    return f"[{parts[1] or parts[0]}]({parts[0]})"


def _checkbox(found: re.Match[str]) -> str:
    given, _comma, words = found["args"].rpartition(",")
    return f"{'☑' if 'checked' in given else '☐'} {words.strip()}"
