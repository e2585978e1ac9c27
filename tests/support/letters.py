"""Mails that an outbox keeps, and the links in one, as a mail program finds them."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

URL = re.compile(r"https?://[^\s<>()（）「」，。；、]+")


def mails_in(box: Path) -> list[EmailMessage]:
    """The oldest first."""
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in sorted(box.glob("**/*.eml"))]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.urls: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (href := dict(attrs).get("href")):
            self.urls.add(href)


def links_in_html(html: str) -> set[str]:
    """Without mailto links."""
    parser = _Links()
    parser.feed(html)
    return {url for url in parser.urls if not url.startswith("mailto:")}


def links_in_text(text: str) -> set[str]:
    return {url.rstrip(".,;:!?") for url in URL.findall(text)}


def link_to(door: str, text: str) -> str:
    """The only link whose path begins with `door`, such as /confirm/."""
    found = {url for url in links_in_text(text) if door in url}
    assert len(found) == 1, f"not one link to {door}, but {sorted(found)} in:\n{text}"
    return found.pop()
