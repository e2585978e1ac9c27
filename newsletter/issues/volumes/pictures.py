"""Which pictures a book takes along: those that are kept here, as large as a page of it needs, and not without end."""

from collections.abc import Iterable
from pathlib import Path

from newsletter.buckets import PicturesAway
from newsletter.issues.volumes.epub import MEDIA_TYPES, Writer
from newsletter.issues.volumes.xhtml import Shown
from newsletter.posts.models import Image
from newsletter.posts.models.images import BYTES_MOST
from newsletter.publication.pictures.storages import media

BYTES_ALL = 40_000_000  # of a book's pictures: Amazon takes 50 MB by mail, Apple and Kobo more


class Pictures:
    """Puts the pictures of a book's chapters into it while it is written."""

    def __init__(self, writer: Writer, bytes_left: int = BYTES_ALL) -> None:
        self.writer, self.bytes_left = writer, bytes_left
        self._known: dict[str, Image] = {}
        self._shown: dict[str, Shown | None] = {}

    def meet(self, *sources: str, covers: Iterable[Image | None] = ()) -> None:
        """Look up the pictures of a chapter, by one query."""
        found = [*Image.objects.within(*sources), *(cover for cover in covers if cover)]
        self._known = {image.get_absolute_url(): image for image in found}

    def show(self, address: str) -> Shown | None:
        """Return what the book has of the picture at this address, which a chapter has met; None for nothing."""
        if address not in self._shown:
            image = self._known.get(address)
            self._shown[address] = self._taken(image) if image else None
        return self._shown[address]

    def _taken(self, image: Image) -> Shown | None:
        """Put the widest form of a picture that weighs no more than it may into the book."""
        for width in reversed([width for width in image.widths("fallback") if width <= image.width]):
            path = image.path("fallback", width)
            suffix = Path(path).suffix.lower()
            data = _read(path) if suffix in MEDIA_TYPES else None
            if data and len(data) <= min(BYTES_MOST, self.bytes_left):
                self.bytes_left -= len(data)
                name = f"{image.digest}-{width}{suffix}"
                self.writer.add_picture(name, data)
                return Shown(name, width, max(1, round(image.height * width / image.width)))
        return None


def _read(path: str) -> bytes | None:
    """Return a picture's file; None for one that is lost or too heavy, which is not read.

    Raises PicturesAway: a book without pictures would be kept.
    """
    try:
        return None if media.size(path) > BYTES_MOST else media.read(path)
    except PicturesAway:
        raise
    except OSError:
        return None
