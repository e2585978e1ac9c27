"""The base class of converters, and the post that they return. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import ClassVar, Self

from newsletter.moving.converters.files import Files
from newsletter.moving.converters.pictures import FileFinder, Finder
from newsletter.moving.counting import Counts
from newsletter.moving.folder.layout import PostFile, Remark

BODY_MAX = 500_000  # characters, as a post has at most


@dataclass(frozen=True, kw_only=True)
class ConvertedPost(PostFile):
    """One post as the export has it: `body` is Markdown, with pictures and links at their old addresses.

    original_counts: of its text as the export has it, before anything was converted.
    folder: what relative addresses in it count from, below the root of the export.
    remarks: what is not as it was.
    """

    original_counts: Counts = field(default_factory=Counts)
    folder: str = ""
    remarks: tuple[Remark, ...] = ()


class Converter(ABC):
    """An export of one program. zone: of times without one; site_url: of the old site, "" if unknown."""

    program: ClassVar[str]

    def __init__(self, files: Files, zone: tzinfo, site_url: str = "") -> None:
        self.files, self.zone, self.site_url = files, zone, site_url

    @classmethod
    def open(cls, files: Files, zone: tzinfo, site_url: str = "") -> Self | None:
        """A converter of these files; None if they are of another program. Raises Rejected."""
        return cls(files, zone, site_url) if cls.recognises(files) else None

    @classmethod
    def recognises(cls, files: Files) -> bool:
        """Decide by what is in the files, not by their names."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        return self.program

    @property
    def finders(self) -> Sequence[Finder]:
        return [FileFinder(self.files)]

    @abstractmethod
    def posts(self) -> Iterator[tuple[str, Callable[[], ConvertedPost]]]:
        """Yield the name of each post, and what reads it. That raises Rejected for one that cannot come along."""
