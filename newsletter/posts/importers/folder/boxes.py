"""Boxes of other programs as callouts of ours. Pure."""

import re

from newsletter.posts.markdown.structure import CALLOUTS

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
