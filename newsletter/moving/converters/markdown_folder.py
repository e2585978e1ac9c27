"""A folder of Markdown files as Hugo, Jekyll, Hexo, Docusaurus and Obsidian keep them, or with nothing but text."""

import re
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import unquote, urlsplit

from newsletter.mail.characters import nfc, without_control_characters
from newsletter.moving.converters.addresses import links_of
from newsletter.moving.converters.converter import BODY_MAX, ConvertedPost, Converter
from newsletter.moving.converters.files import Files, Rejected
from newsletter.moving.converters.html.inlines import address
from newsletter.moving.converters.markdown.code import Code
from newsletter.moving.converters.markdown.fields import ALT_KEYS, Fields, stem_of, without_day
from newsletter.moving.converters.markdown.front_matter import parse
from newsletter.moving.converters.markdown.marks import as_markdown
from newsletter.moving.counting import count_markdown
from newsletter.moving.folder.layout import Remark

SUFFIXES = (".md", ".markdown", ".mdx", ".mkd", ".mdown")
SETTINGS_MAX = 200_000  # bytes
# Files of a repository or of a program that are no texts of an author, wherever they lie at the top.
IGNORED_STEMS = {"readme", "license", "licence", "contributing", "changelog", "code_of_conduct", "security"}
IGNORED_FOLDERS = {
    *("node_modules", "vendor", "public", "_site", "themes", "scaffolds", "archetypes", "_layouts", "_includes")
}
# By program: files one of which it keeps beside the texts. The first that fits counts.
PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Obsidian", (".obsidian/app.json", ".obsidian/workspace.json", ".obsidian/appearance.json")),
    ("Docusaurus", ("docusaurus.config.js", "docusaurus.config.ts", "website/docusaurus.config.js")),
    ("Hugo", ("hugo.toml", "hugo.yaml", "hugo.json", "archetypes/default.md", "config/_default/hugo.toml")),
    ("Hexo", ("scaffolds/post.md", "_config.landscape.yml", "scaffolds/draft.md")),
    ("Jekyll", ("_config.yml", "_config.yaml")),
    ("Hugo", ("config.toml", "config/_default/config.toml", "config/_default/config.yaml")),
)
# By program whose pages end a line where the text does: the file of its settings, and the words that say otherwise.
# Sources: hexo-renderer-marked, -kramed and -markdown-it (`breaks`), Obsidian ("Strict line breaks").
LINE_END_SETTINGS = {
    "Hexo": ("_config.yml", r"^\s+breaks:\s*false\b"),
    "Obsidian": (".obsidian/app.json", r"\"strictLineBreaks\"\s*:\s*true\b"),
}


class MarkdownFolder(Converter):
    """Markdown files in a folder or a ZIP, or one. The name of a post counts from the folder: name the same again."""

    program = "Markdown"

    @classmethod
    def recognises(cls, files: Files) -> bool:
        return any(_is_text(name, files) for name in files.with_suffix(*SUFFIXES))

    @cached_property
    def name(self) -> str:
        has = (lambda _name: False) if self.files.is_single_file else self.files.has
        return next((program for program, names in PROGRAMS if any(map(has, names))), self.program)

    @cached_property
    def ends_lines(self) -> bool:
        """Whether the program's pages break lines where the text does; Markdown itself does not."""
        name, otherwise = LINE_END_SETTINGS.get(self.name, ("", ""))
        typed = self.files.head(name, SETTINGS_MAX).decode("utf-8", "replace") if self.files.has(name) else ""
        return bool(name) and not re.search(otherwise, typed, re.MULTILINE)

    @cached_property
    def texts(self) -> list[str]:
        return [name for name in self.files.with_suffix(*SUFFIXES) if _is_text(name, self.files)]

    @cached_property
    def sources(self) -> dict[str, str]:
        """The source of each text, by its file and by what else links call it."""
        found: dict[str, str] = {name: f"markdown:{name}" for name in self.texts}
        for name in self.texts:
            stem = stem_of(PurePosixPath(name))
            for key in (name.removesuffix(PurePosixPath(name).suffix), stem, without_day(stem)):
                found.setdefault(key.removesuffix("/index"), f"markdown:{name}")
        return found

    def posts(self) -> Iterator[tuple[str, Callable[[], ConvertedPost]]]:
        yield from ((name, partial(self.read_post, PurePosixPath(name))) for name in self.texts)

    def read_post(self, name: PurePosixPath) -> ConvertedPost:
        text = self.files.text(str(name), BODY_MAX * 4)
        if "\0" in text:
            raise Rejected("it contains a NUL character; is it a text?")
        values, typed = parse(nfc(without_control_characters(text)))
        fields = Fields(values, name)
        title, text = fields.title(typed)
        if not text.strip():
            raise Rejected("it has no text")
        is_mdx = self.name == "Docusaurus" or name.suffix.lower() == ".mdx"
        body, remarks = as_markdown(text.strip(), is_mdx=is_mdx)
        if photos := fields.photos:
            body = "\n\n".join([*(f"![]({address(one)})" for one in photos), body])
            remarks.append(Remark("stands above the text now", ", ".join(photos), False, {"pictures": len(photos)}))
        body = with_hard_breaks(body).strip() if self.ends_lines else body.strip()
        at = fields.date(self.zone, remarks)
        return ConvertedPost(
            source=f"markdown:{name}",
            title=title,
            body=body,
            slug=fields.slug(title),
            summary=fields.text("summary", "description", "excerpt", "subtitle"),
            tags=tuple(fields.tags),
            tag_pages=tuple(fields.tag_pages),
            date=None if fields.is_hidden else at,
            is_unlisted=fields.is_page,
            is_web_only=fields.is_page,
            cover=next(iter(fields.covers), ""),
            cover_alt=fields.text(*ALT_KEYS) if fields.covers else "",
            folder=self._folder(name),
            addresses=fields.addresses(at),
            links=links_of(body, partial(self._source_of, name.parent)),
            original_counts=count_markdown(text),
            remarks=(*remarks, *fields.remarks()),
        )

    def _folder(self, name: PurePosixPath) -> str:
        """The base of relative addresses. Hexo keeps a post's pictures in a folder of its name."""
        own, around = str(name.with_suffix("")), str(name.parent)
        return own if own in self._folders else "" if around == "." else around

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(name.rpartition("/")[0] for name in self.files.names)

    def _source_of(self, folder: PurePosixPath, url: str) -> str:
        """The text that a link in this folder means: by its file, or by its mere name."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        if parts.scheme or parts.netloc or not path:
            return ""
        place = normpath(path.lstrip("/") if path.startswith("/") else folder / path)
        stem = PurePosixPath(path).name.removesuffix(".md").removesuffix(".html")
        keys = (place, place.removesuffix(PurePosixPath(place).suffix), stem)
        return next((self.sources[key] for key in keys if key in self.sources), "")


def _is_text(name: str, files: Files) -> bool:
    """A text of the author, not of a program. A single file always is."""
    path = PurePosixPath(name)
    if files.is_single_file:
        return True
    if any(part.startswith(".") or part in IGNORED_FOLDERS for part in path.parts):
        return False
    return len(path.parts) > 1 or path.stem.lower() not in IGNORED_STEMS


# What no line goes on in: HTML up to a blank line, comments, code by its indent, and code in quotes.
_NO_PROSE = re.compile(
    r"<(?P<name>pre|script|style|textarea)\b.*?</(?P=name)\s*>|<!--.*?-->|<[a-zA-Z][^<>\n]*\n[^<>]*>"
    r"|^[ ]{0,3}</?[a-zA-Z][^\n]*\n(?:[^\n]*\S[^\n]*\n?)*|(?:(?<=\n\n)|\A)(?:(?: {4}|\t)[^\n]+(?:\n|\Z))+"
    r"|^[ \t>]*(?P<fence>```+|~~~+)[^\n]*\n.*?^[ \t>]*(?P=fence)[^\n]*$",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
_MARK = (
    r"(?:[-*+]|\d{1,9}[.)])[ \t]|#{1,6}(?:[ \t]|$)|(?:[-*_=][ \t]*){3,}$|-+$|\[!\w+\]|\[toc\]|:[ \t]|\[[^\]\n]+\]:|\0"
)
# A line of words, behind the marks of quotes, items and notes; and below it one that has no mark of its own.
_SOFT_END = re.compile(
    r"^(?P<line>[ \t>]*+(?:(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)|\[\^[^\]\n]{1,100}\]:[ \t]*)*+"
    rf"(?!{_MARK})[^\n|]*[^\s\\|\0])(?<!<br>)(?<!<br/>)(?<!<br />)"
    rf"\n(?=[ \t>]*+(?!{_MARK})[^\s|>][^\n|]*$)",
    re.MULTILINE | re.IGNORECASE,
)


def with_hard_breaks(text: str) -> str:
    """`text` with a backslash at each end of a line inside a paragraph; code, tables and HTML stay."""
    code = Code()
    text = code.take_out(text.replace("\r\n", "\n"))
    text = _NO_PROSE.sub(lambda found: code.hide(found[0]), text)
    return code.put_back(_SOFT_END.sub(r"\g<line>\\\n", text))
