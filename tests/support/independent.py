"""What a page has, counted by the standard library alone: nothing of our importers reads it."""

import re
from collections import Counter
from html.parser import HTMLParser

from newsletter.posts.markdown.render import render

TOKEN = re.compile(r"[\u3400-\u9fff]|[A-Za-z0-9\u00c0-\u024f]+")
SILENT = {"script", "style", "title", "head", "noscript", "template", "svg", "math", "iframe", "object"}
VOID = {"area", "br", "col", "embed", "hr", "img", "image", "input", "link", "meta", "source", "wbr"}
THINGS = {"table": "tables", "pre": "code blocks", "img": "pictures", "image": "pictures"}


class Page(HTMLParser):
    """Counts words and things. Numbers of notes, which links within the page show, are no words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.things: Counter[str] = Counter()
        self.silent: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_mark = tag == "a" and (given.get("href") or "").startswith("#")
        if self.silent or tag in SILENT or is_mark:
            self.silent += [] if tag in VOID else [tag]
        elif tag in THINGS and (tag not in {"img", "image"} or given.get("src")):
            self.things[THINGS[tag]] += 1
        self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)

    @property
    def tokens(self) -> Counter[str]:
        return Counter(word.lower() for word in TOKEN.findall("".join(self.words)))


def differences(old_html: str, post) -> dict[str, int]:
    """Return what there is more or less of in the post than on its old page, and what no remark explains.

    A player shows words of its own (where it leads); they are no words of the author's.
    """
    old, new = (
        Page(old_html),
        Page(re.sub(r"<(details|a) class=\"embed.*?</\1>", "", render(post.body), flags=re.DOTALL)),
    )
    rest = Counter(new.tokens)
    rest.subtract(old.tokens)
    things = Counter(new.things)
    things.subtract(old.things)
    for remark in post.remarks:
        rest.subtract({word: count for word, count in remark.effect.tokens.items() if TOKEN.fullmatch(word)})
        things.subtract({name: count for name, count in remark.effect.things.items() if name in THINGS.values()})
    return {word: count for word, count in [*rest.items(), *things.items()] if count}
