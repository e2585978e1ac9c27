"""The addresses of links and pictures in Markdown, found and replaced; those in code are none. Pure."""

import re
from collections.abc import Callable
from html import unescape

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".avif"})
_ADDRESS = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)|\Z)|(?P<ticks>`+)[^`\n].*?(?P=ticks)"
    r"|(?P<before>(?P<picture>!\[(?:\\.|[^\[\]\\])*+\]\(|<img\b[^<>]{0,2000}?\ssrc=[\"'])|(?<!\\)\]\(|\bhref=[\"']"
    r"|^ {0,3}(?P<name>\[[^\]\n^]+\]:)[ \t]*)(?:<(?P<bracketed>[^<>\n]+)>|(?P<bare>(?:[^()\s<>\"']|\([^()\s]*\))+))",
    re.DOTALL | re.MULTILINE,
)

type NewAddress = Callable[[str, bool], str]
"""Gets an address, and whether it is a picture's; returns the new one, or "" if it stays."""


def is_picture(address: str) -> bool:
    return "." + address.rpartition(".")[2].lower() in PICTURES


def with_addresses(markdown: str, new: NewAddress) -> str:
    def replaced(found: re.Match[str]) -> str:
        typed = found["bracketed"] or found["bare"]
        if not typed:
            return found[0]
        address = unescape(typed) if found["before"].endswith(('"', "'")) else typed
        made = new(address, bool(found["picture"]) or bool(found["name"] and is_picture(address)))
        return found["before"] + made if made else found[0]

    return _ADDRESS.sub(replaced, markdown)


def links_of(markdown: str, source_of: Callable[[str], str]) -> dict[str, str]:
    """The source of each link that `source_of` knows, by the link's address as typed."""
    links: dict[str, str] = {}

    def note(address: str, is_picture: bool) -> str:
        if not is_picture and (source := source_of(address)):
            links[address] = source
        return ""

    with_addresses(markdown, note)
    return links
