"""Insert spaces between Chinese and Latin in mails, where no client supports CSS `text-autospace`. Pure.

Leaves code, URLs, hashtags, @handles and names unchanged. Idempotent."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

HAN: Final = (
    "\u3005\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
LATIN: Final = "0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0391-\u03c9"
# Between the two, and after 50%, C++ and C#.
GAP: Final = re.compile(rf"(?<=[{HAN}])(?=[{LATIN}])|(?:(?<=[{LATIN}])|(?<=[0-9]%)|(?<=\+\+)|(?<=[A-Z]\#))(?=[{HAN}])")
UNSPACED_TEXT: Final = re.compile(
    r"https?://[^\s<>，。；：、！？（）「」『』《》〈〉]+"
    r"|(?<![0-9A-Za-z.-])[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+/[^\s<>，。；：、！？（）「」『』《》〈〉]*"
    r"|(?<![\w&])#[^\W\d]\w*|(?<![\w.])@\w+"
    rf"|(?<=[(（「『“])(?:[A-Za-z][{HAN}]|[{HAN}][A-Za-z])(?=[)）」』”])"  # a nickname: (A小)
)
# Words of both scripts.
MIXED_WORDS: Final = ["T恤", "X光", "K歌", "K書", "Q彈", "Q版", "阿Q", "卡拉OK", "PO文", "po文", "V領", "U型", "A片"]

HTML_TOKEN: Final = re.compile(r"""<!--.*?-->|<(?:[^<>"']|"[^"]*"|'[^']*')*>|[^<]+|<""", re.DOTALL)
TAG_NAME: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)")
ALT_TEXT: Final = re.compile(r'(?<= alt=")[^"]*')
INLINE_TAGS: Final = frozenset(
    ("a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q", "s")
) | {"samp", "small", "span", "strong", "tt", "u", "var", "wbr"}
CODE_TAGS: Final = frozenset({"code", "kbd", "samp", "tt", "var"})  # one word of the line, left unchanged
SKIPPED_TAGS: Final = frozenset(
    ("head", "math", "pre", "rp", "rt", "script", "style", "sub", "sup", "svg", "template", "textarea", "title")
)


def autospace_text(text: str, names: Iterable[str] = ()) -> str:
    """names: left unchanged."""
    kept = [found.span() for found in UNSPACED_TEXT.finditer(text)]
    kept += [found.span() for found in _unspaced_words(tuple(names)).finditer(text)]
    inside = {place for start, end in kept for place in range(start + 1, end)}
    return GAP.sub(lambda gap: "" if gap.start() in inside else " ", text)


def autospace_html(html: str, names: Iterable[str] = ()) -> str:
    """Spaces go outside inline tags."""
    spacer = _HtmlSpacer(tuple(names))
    for token in HTML_TOKEN.findall(html):
        spacer.feed(token)
    return "".join(spacer.out)


class _HtmlSpacer:
    """Consumes tokens and remembers the end of the line before the current tags."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.out: list[str] = []
        self.tail = ""  # the last characters of the line
        self.gap_index = 0  # in `out`, for a space before the next text
        self.open_elements: list[str] = []  # the open one of CODE_TAGS or SKIPPED_TAGS, once per nesting

    def feed(self, token: str) -> None:
        if token.startswith("<") and (tag := TAG_NAME.match(token)):
            self._tag(token, tag[1].lower(), is_end=token.startswith("</"))
        elif token.startswith("<!--"):
            self.out.append(token)
        else:
            self._text(token)

    def _tag(self, token: str, name: str, *, is_end: bool) -> None:
        if self.open_elements:
            if name == self.open_elements[0] and not token.endswith("/>"):
                self.open_elements = self.open_elements[1:] if is_end else [name, *self.open_elements]
        elif name in CODE_TAGS | SKIPPED_TAGS and not is_end:
            self.open_elements = [name]
        if name not in INLINE_TAGS:
            self.tail = ""
        is_first = self.gap_index == len(self.out)
        self.out.append(ALT_TEXT.sub(lambda alt: autospace_text(alt[0], self.names), token) if name == "img" else token)
        if is_end and is_first:
            self.gap_index = len(self.out)

    def _text(self, text: str) -> None:
        is_kept = bool(self.open_elements)
        if is_kept and self.open_elements[0] in SKIPPED_TAGS:
            self.out.append(text)
            return
        if self.tail and GAP.search(self.tail + text[:1], len(self.tail), len(self.tail) + 1):
            self.out.insert(self.gap_index, " ")
        self.out.append(text if is_kept else autospace_text(text, self.names))
        self.tail, self.gap_index = text[-2:], len(self.out)


@lru_cache(maxsize=64)
def _unspaced_words(names: tuple[str, ...]) -> re.Pattern[str]:
    """Pattern of the words that stay unchanged, longest first."""
    words = sorted({*MIXED_WORDS, *filter(None, names)}, key=len, reverse=True)
    patterns = []
    for word in words:
        left = "(?<![0-9A-Za-z])" if word[0].isascii() else ""
        right = "(?![0-9A-Za-z])" if word[-1].isascii() else ""
        patterns.append(left + re.escape(word) + right)
    return re.compile("|".join(patterns))
