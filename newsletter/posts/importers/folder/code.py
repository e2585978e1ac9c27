"""Which parts of a Markdown text are code. Pure."""

import re
from collections.abc import Callable

_CODE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?P<ticks>`+)[^`\n](?:[^`]|`(?!(?P=ticks)))*?(?P=ticks)",
    re.DOTALL | re.MULTILINE,
)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with `change` made to what is no code, part by part."""
    pieces, position = [], 0
    for code in _CODE.finditer(text):
        pieces += [change(text[position : code.start()]), code[0]]
        position = code.end()
    return "".join([*pieces, change(text[position:])])
