"""Short codes of Hugo and its themes, and tags of Hexo and Jekyll, as Markdown. Pure."""

import re
import shlex
from collections.abc import Callable
from functools import partial

from newsletter.posts.markdown.elements import TITLE_BY_CALLOUT

PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg|bmp)$", re.IGNORECASE)
# Other programs' kinds of boxes → our nearest callout; an unknown kind becomes a NOTE.
KINDS = {
    **{name: name.upper() for name in TITLE_BY_CALLOUT},
    **dict.fromkeys(("success", "hint", "check", "done"), "TIP"),
    **dict.fromkeys(("danger", "error", "failure", "bug", "critical", "fail"), "CAUTION"),
    **dict.fromkeys(("attention", "warn"), "WARNING"),
}
_NAMED = re.compile(
    r"(?<![\w\"'])([\w-]+)\s*[=:]\s*(?:\"((?:\\.|[^\"\\])*)\"|'([^']*)'|`([^`]*)`|([^\s\"'`,]+))|\"(?:\\.|[^\"\\])*\""
)
_KEY = re.compile(r"[A-Za-z][\w-]*(?:=|:(?=[^\s/]))")
_STYLE_WORDS = {"no-icon", "flat", "modern", "simple", "true", "false"}  # never a word of a title

type Words = list[str]  # positional arguments
type Named = dict[str, str]  # keyword arguments
type WriteSingle = Callable[[Words, Named], str]  # makes Markdown; "" if it cannot
type WritePair = Callable[[Words, Named, str], str]  # the same for one that holds a text


def parse_args(args: str) -> tuple[Words, Named]:
    """Positional arguments (commas between them are dropped) and named ones."""
    try:
        found = shlex.split(args)
    except ValueError:
        found = [word.strip('"') for word in args.split()]
    words = (word.strip(",").strip() for word in found if not _KEY.match(word))
    named = {
        match[1].lower(): re.sub(r"\\([\"\\])", r"\1", next(filter(None, match.groups()[1:]), "")).strip()
        for match in _NAMED.finditer(args)
        if match[1]
    }
    return [word for word in words if word], named


def _first(named: Named, *keys: str) -> str:
    return next((named[key] for key in keys if named.get(key)), "")


def _figure(words: Words, named: Named) -> str:
    source, alt = _first(named, "src", "image_path", "link"), named.get("alt", "")
    if not source:  # Hexo's: the path, sizes and words in a row
        index = next((index for index, word in enumerate(words) if PICTURE.search(word)), len(words))
        source, *rest = words[index:] or [""]
        alt = " ".join(word for word in rest if not re.fullmatch(r"\d+(?:%|px)?", word))
    by, link = named.get("attr", ""), named.get("attrlink", "")
    credit = f"[{by or link}]({link})" if link else by
    caption = " ".join(" ".join(filter(None, (named.get("title"), named.get("caption"), credit))).split())
    has_marks = bool(re.search(r"\]\(|[*`]|<\w", caption))  # a picture's title holds no Markdown: it goes below
    title = f' "{caption.replace('"', "&quot;")}"' if caption and not has_marks else ""
    alt = re.sub(r"([\[\]])", r"\\\1", " ".join(alt.split()))
    picture = f"![{alt}]({f'<{source}>' if ' ' in source else source}{title})" if source else ""
    around = _first(named, "link", "href") if named.get("src") else ""
    picture = f"[{picture}]({around})" if around else picture
    return f"{picture}\n\n{caption}\n" if has_marks else picture


def _film(words: Words, named: Named, *, before: str) -> str:
    name = named.get("id") or next(iter(words), "")
    return f"\n\n{name if name.startswith('http') else before + name}\n\n" if name and "playlist" not in words else ""


_FILMS: dict[str, WriteSingle] = {
    "youtube": partial(_film, before="https://www.youtube.com/watch?v="),
    "vimeo": partial(_film, before="https://vimeo.com/"),
}


def _include(words: Words, named: Named) -> str:
    """Jekyll's include of a theme file: the file's name tells whether it shows a film or a picture."""
    about = f"{next(iter(words), '')} {named.get('provider', '')}".lower()
    if film := next((write for site, write in _FILMS.items() if site in about), None):
        return film([], named)
    source = _first(named, "src", "url", "image_path", "image", "path")
    is_picture = PICTURE.search(source) and re.search(r"fig|im(?:g|age)|pic|photo", about)
    return _figure([], {**named, "src": source}) if is_picture else ""


def _post_path(words: Words, _named: Named) -> str:
    return f"{words[0].removesuffix('.md')}.md" if words else ""


def _post_link(words: Words, named: Named) -> str:
    shown = " ".join(word for word in words[1:] if word not in _STYLE_WORDS)
    return f"[{shown or words[0]}]({_post_path(words, named)})" if words else ""


def _link(words: Words, named: Named) -> str:
    """Hexo's link has words and an address, Hugo's themes' an address and words; Jekyll's is the path of a file."""
    if len(words) == 1:
        return f"/{words[0].lstrip('/')}" if "/" in words[0] else ""
    index = next((index for index, word in enumerate(words) if re.match(r"https?://|/", word)), None)
    return f"[{' '.join(words[:index] or words[1:])}]({words[index]})" if index is not None else ""


SINGLES: dict[str, WriteSingle] = {
    **dict.fromkeys(("figure", "img", "image", "asset_img"), _figure),
    **_FILMS,
    "include": _include,
    **dict.fromkeys(("ref", "relref", "asset_path"), lambda words, named: named.get("path") or next(iter(words), "")),
    **dict.fromkeys(("post_path", "post_url"), _post_path),
    "post_link": _post_link,
    "link": _link,
}


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def boxed(kind: str, title: str, inner: str) -> str:
    head = f"[!{KINDS.get(kind.lower(), 'NOTE')}] {title.strip()}".rstrip()
    return quoted(f"{head}\n{inner.strip()}")


def folded(summary: str, inner: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{inner}\n\n</details>" if summary else inner


def _box(words: Words, named: Named, inner: str, *, name: str) -> str:
    kinds = [*words[:1], *(named.get(key, "") for key in ("type", "kind", "context", "level")), name]
    kind = next((one for one in kinds if one.lower() in KINDS), "note")
    rest = words[1:] if words and words[0].lower() in {*KINDS, "info", "default", "primary"} else words
    title = _first(named, "title", "header", "heading") or " ".join(word for word in rest if word not in _STYLE_WORDS)
    return boxed(kind, title, inner)


def _quote(words: Words, named: Named, inner: str) -> str:
    by = [*words, *(named[key] for key in ("author", "by", "source", "title", "link") if named.get(key))]
    return quoted(inner + (f"\n\n— {', '.join(by) if named else ' '.join(by)}" if by else ""))


def unwrapped(_words: Words, _named: Named, inner: str) -> str:
    return inner


_BOXES = ("notice", "admonition", "alert", "callout", "danger", "info", *TITLE_BY_CALLOUT)
PAIRS: dict[str, WritePair] = {
    **{name: partial(_box, name=name) for name in _BOXES},
    **dict.fromkeys(("quote", "blockquote", "pullquote"), _quote),
    **dict.fromkeys(
        ("details", "expand", "spoiler", "collapse"),
        lambda words, named, inner: folded(_first(named, "summary", "title") or " ".join(words), inner),
    ),
    **dict.fromkeys(("rawhtml", "raw", "html", "md", "markdown", "center", "gallery"), unwrapped),
}
