"""Which parts of a Markdown text are code, and boxes of other programs as callouts of ours. Pure."""

import re
from collections.abc import Callable

from newsletter.posts.markdown.structure import CALLOUTS

CODE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?P<ticks>`+)[^`\n](?:[^`\n]|\n(?![ \t]*\n)|`(?!(?P=ticks)))*?(?P=ticks)",
    re.DOTALL | re.MULTILINE,
)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with `change` made to what is no code, part by part."""
    pieces, position = [], 0
    for code in CODE.finditer(text):
        pieces += [change(text[position : code.start()]), code[0]]
        position = code.end()
    return "".join([*pieces, change(text[position:])])


def substituted(pattern: re.Pattern[str], change: Callable[[re.Match[str]], str], text: str) -> str:
    """Return the text with each match that begins outside of code changed; it may have code in it."""
    pieces, position = [], 0
    code, found = CODE.search(text), pattern.search(text)
    while found:
        while code and code.end() <= found.start():
            code = CODE.search(text, code.end())
        if code and code.start() <= found.start():
            found = pattern.search(text, code.end())
            continue
        pieces += [text[position : found.start()], change(found)]
        position = found.end()
        if code and code.start() < position:
            code = CODE.search(text, position)
        found = pattern.search(text, max(position, found.start() + 1))
    return "".join([*pieces, text[position:]])


PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg|bmp)$", re.IGNORECASE)
# Kinds of boxes elsewhere, and the one of ours that says nearly the same.
KINDS = {
    **{name: name.upper() for name in CALLOUTS},
    **dict.fromkeys(
        (
            "info",
            "abstract",
            "summary",
            "todo",
            "question",
            "example",
            "quote",
            "default",
            "primary",
            "message",
            "secondary",
        ),
        "NOTE",
    ),
    **dict.fromkeys(("success", "hint", "check", "done"), "TIP"),
    **dict.fromkeys(("danger", "error", "failure", "bug", "critical", "fail"), "CAUTION"),
    **dict.fromkeys(("attention", "warn"), "WARNING"),
}


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def boxed(kind: str, title: str, inner: str) -> str:
    head = f"[!{KINDS.get(kind.lower(), 'NOTE')}] {title.strip()}".rstrip()
    return quoted(f"{head}\n{inner.strip()}")
