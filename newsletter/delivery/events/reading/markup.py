"""The HTML of a person's mail as plain text: no element of it is ever shown. Pure.

Quoted words begin with "> ", as in plain mails. A link is followed by its address, so that nobody follows one unseen.
"""

from html.parser import HTMLParser

SILENT = frozenset({"head", "style", "script", "title", "template", "noscript", "svg", "math", "object", "iframe"})
APART = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "table"})
BLOCKS = APART | {"div", "li", "tr"}
DEPTH_MAX = 5  # of quotes that are told apart
ADDRESS_MAX = 500  # characters of a link


def text_from(markup: str) -> str:
    """Return what a person reads of HTML that anybody may have written."""
    walker = _Walker()
    walker.feed(markup)
    walker.close()
    return walker.text()


class _Walker(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.run: list[str] = []
        self.silent = ""  # the element that is left out; what stands in it is not counted, only its own kind
        self.nested = self.quotes = self.pre = 0
        self.link: tuple[str, int] | None = None  # the address, and where its words begin in the run

    def text(self) -> str:
        self._end_line()
        return "\n".join(self.lines).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.silent:
            self.nested += tag == self.silent
        elif tag in SILENT:
            self.silent, self.nested = tag, 1
        elif tag == "br":
            self._end_line(keep_empty=True)
        elif tag == "a":
            self.link = ((dict(attrs).get("href") or "").strip()[:ADDRESS_MAX], len(self.run))
        elif tag in BLOCKS:
            self._begin_block(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br" and not self.silent:
            self._end_line(keep_empty=True)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            self.nested -= tag == self.silent
            self.silent = self.silent if self.nested else ""
        elif tag == "a":
            self._end_link()
        elif tag in BLOCKS:
            self._end_block(tag)

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        if not self.pre:
            self.run.append(data)
            return
        for number, line in enumerate(data.split("\n")):
            if number:
                self._end_line(keep_empty=True)
            self.run.append(line)

    def _begin_block(self, tag: str) -> None:
        self._end_line()
        if tag in APART:
            self._leave_space()
        self.quotes += tag == "blockquote"
        self.pre += tag == "pre"
        if tag == "li":
            self.run.append("• ")

    def _end_block(self, tag: str) -> None:
        self._end_line()
        self.quotes = max(0, self.quotes - (tag == "blockquote"))
        self.pre = max(0, self.pre - (tag == "pre"))
        if tag in APART:
            self._leave_space()

    def _end_link(self) -> None:
        if self.link is None:
            return
        (address, begins), self.link = self.link, None
        words = "".join(self.run[begins:]).strip()
        is_shown = address.removeprefix("mailto:").rstrip("/") in words or words in address.rstrip("/")
        if address.startswith(("http://", "https://", "mailto:")) and not (words and is_shown):
            self.run.append(f" <{address}>")

    def _end_line(self, *, keep_empty: bool = False) -> None:
        words = "".join(self.run)
        words = words.rstrip() if self.pre else " ".join(words.split())
        self.run.clear()
        if self.link:
            self.link = (self.link[0], 0)
        if words or keep_empty:
            self.lines.append("> " * min(self.quotes, DEPTH_MAX) + words)

    def _leave_space(self) -> None:
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append("> " * min(self.quotes, DEPTH_MAX))
