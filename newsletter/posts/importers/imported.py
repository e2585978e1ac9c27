"""The form that every importer hands over: a post as the other program had it, and what was said about it. Pure."""

import pickle
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from newsletter.posts.importers.html.counts import Counts, Remark

IN_MEMORY = 2**20  # bytes that a short list may have before there is a file


class Spool[Item]:
    """Items in the order in which they came. They are copies: what is changed in one is changed nowhere else."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._file = cast("IO[bytes]", SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115  # closed when nobody has it
        self._places = array("Q")
        for item in items:
            self.append(item)

    def append(self, item: Item) -> None:
        self._places.append(self._file.seek(0, 2))
        pickle.dump(item, self._file, pickle.HIGHEST_PROTOCOL)

    def __del__(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Item:
        self._file.seek(self._places[number])
        item: Any = pickle.load(self._file)  # noqa: S301  # nosec B301  # our own bytes, in a file that nobody else has
        return cast("Item", item)

    def __iter__(self) -> Iterator[Item]:
        return (self[number] for number in range(len(self)))


__all__ = ["Counts", "ImportedPost", "Mailed", "Rejected", "Remark", "TagPage"]


class Rejected(ValueError):
    """This cannot be imported; the message says why."""


@dataclass(frozen=True)
class Mailed:
    """That readers got a post by mail once, as the other program knows."""

    subject: str
    at: datetime
    preheader: str = ""


@dataclass(frozen=True)
class TagPage:
    """The page that a tag had there: its slug, which the tag keeps here if it can, and its path."""

    name: str
    slug: str
    address: str


@dataclass(frozen=True, kw_only=True)
class ImportedPost:
    """One post as its file has it.

    source: where it came from; a second import of the same source finds its post by it.
    body: Markdown, with pictures and links at their old addresses.
    folder: what relative addresses in it count from, below the root of the pictures.
    addresses: the paths at which it was read; they will lead to it.
    tag_pages: those of its tags, as far as they had some; they will lead to the tags here.
    before: what its text had there; None where nobody but we can read it (a folder of Markdown).
    raw: its text there, as HTML that nobody has read yet; "" where it was Markdown. Its words are counted twice.
    remarks: what is not as it was.
    """

    source: str
    title: str
    body: str
    words: str = ""
    summary: str = ""
    tags: tuple[str, ...] = ()
    tag_pages: tuple[TagPage, ...] = ()
    published_at: datetime | None = None
    is_web_only: bool = False
    is_unlisted: bool = False
    cover: str = ""
    cover_alt: str = ""
    folder: str = ""
    addresses: tuple[str, ...] = ()
    mailed: Mailed | None = None
    before: Counts | None = None
    raw: str = ""
    remarks: tuple[Remark, ...] = field(default=())
