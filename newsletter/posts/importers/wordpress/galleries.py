"""Pictures and blocks where a text of WordPress has only their numbers: they are items of their own. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from newsletter.posts.importers.pictures.finding import SUFFIXES

_GALLERY = re.compile(r"\[gallery(?P<args>(?:\s[^\]\n]{0,500})?)\]")
_IDS = re.compile(r"\b(?:ids|include)=[\"']?(?P<ids>[\d,\s]{1,400})")
_BLOCK = re.compile(r"<!--\s*wp:block\s*\{\"ref\":(?P<ref>\d{1,12})[^\n>]{0,300}?/-->")


@dataclass(frozen=True)
class Attachment:
    """A picture that was uploaded. parent: the number of the text it was uploaded for."""

    address: str
    alt: str = ""
    caption: str = ""
    parent: str = ""

    @property
    def is_picture(self) -> bool:
        path = urlsplit(self.address).path
        return "." + path.rpartition(".")[2].lower() in SUFFIXES

    def as_html(self) -> str:
        words = f"<figcaption>{self.caption}</figcaption>" if self.caption else ""
        return f'<figure><img src="{escape(self.address)}" alt="{escape(self.alt)}">{words}</figure>'


def spelled(text: str, number: str, pictures: Mapping[str, Attachment], blocks: Mapping[str, str]) -> str:
    """Return a text with its galleries and the blocks that many texts share, written out. number: of the text itself.

    A gallery without numbers has all pictures of its text. What is not in the export stays as it was typed.
    """

    def gallery(found: re.Match[str]) -> str:
        ids = _IDS.search(found["args"])
        named = [pictures.get(one.strip()) for one in ids["ids"].split(",")] if ids else []
        own = named if ids else [one for one in pictures.values() if one.parent == number and number]
        shown = [one.as_html() for one in own if one and one.is_picture]
        is_whole = shown and len(shown) == len([one for one in own if one is None or one.is_picture])
        return f'\n\n<figure class="wp-block-gallery">{"".join(shown)}</figure>\n\n' if is_whole else found[0]

    text = _BLOCK.sub(lambda found: blocks.get(found["ref"], found[0]), text)
    return _GALLERY.sub(gallery, text)
