"""Imports the pictures of a folder into the library and rewrites their addresses in the text."""

import re
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

from newsletter.moving.folder.layout import ConversionReport, FolderError, Remark, picture_path, read_file
from newsletter.posts.models import Image
from newsletter.publication.pictures.uploads import BYTES_MAX, Picture, PictureError, prepare_picture_with_wide_version

ALT_MAX = 200  # characters, as the library's
_MEDIA_ADDRESS = re.compile(
    r"(?:!\[(?P<alt>(?:\\.|[^\[\]\\])*+)\]\(<?)?(?P<address>/media/[0-9a-f]{16}/[^\s()<>\"'\[\]\\?#]{1,200})"
)


@dataclass(frozen=True)
class Illustration:
    """A picture that belongs to a post, under the name by which it will be served."""

    picture: Picture
    name: str
    alt: str

    @property
    def url(self) -> str:
        return f"/media/{self.picture.digest}/{self.name}"

    def write(self) -> None:
        """Write its files, without a row. Raises OSError."""
        Image.objects.write(self.picture, self.name)

    def store(self) -> Image:
        """Add it to the library; its sizes are made in the background."""
        return Image.objects.get_or_store(self.picture, self.name, self.alt, defer_sizes=True)[0]


class PostPictures:
    """Pictures of one post, prepared in a thread pool: Pillow releases the GIL."""

    def __init__(self, root: Path, report: ConversionReport, pool: Executor) -> None:
        self.root, self.report, self.pool = root, report, pool
        self.futures: dict[str, Future[Picture]] = {}
        self.illustrations: dict[str, Illustration | None] = {}
        self.remarks: list[Remark] = []

    def submit(self, *texts: str) -> None:
        """Submit the pictures of these texts to the pool."""
        for found in _MEDIA_ADDRESS.finditer("\n".join(texts)):
            name = picture_path(found["address"])
            if found["address"] not in self.futures and name and (self.root / name).exists():
                self.futures[found["address"]] = self.pool.submit(_prepare, self.root, name)

    def illustration(self, address: str, alt: str) -> Illustration | None:
        """Wait for a picture of the folder; None, and a remark, if it cannot be read."""
        if address in self.futures and address not in self.illustrations:
            name, self.illustrations[address] = address.rpartition("/")[2], None
            try:
                picture = self.futures[address].result()
            except (FolderError, PictureError) as error:
                detail = f"{self.old_address(address)} ({error})"
                self.remarks.append(Remark("a picture stays at its old address", detail))
                return None
            known = Image.objects.filter(digest=picture.digest).values_list("name", flat=True).first()
            words = " ".join(alt.split()) or name.rpartition(".")[0]
            self.illustrations[address] = Illustration(picture, known or picture.file_name(name), words[:ALT_MAX])
        return self.illustrations.get(address)

    def rewrite_addresses(self, body: str) -> str:
        """Rewrite addresses of pictures to the library's."""

        def placed(found: re.Match[str]) -> str:
            address = found["address"]
            if address not in self.futures:
                return found[0]
            one = self.illustration(address, re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", found["alt"] or ""))
            return found[0].removesuffix(address) + (one.url if one else self.old_address(address))

        return _MEDIA_ADDRESS.sub(placed, body)

    def old_address(self, address: str) -> str:
        return self.report.pictures.get(picture_path(address).partition("/")[2], address)


def with_old_addresses(text: str, account: ConversionReport) -> str:
    """Restore the original addresses of fetched pictures, whose bytes may differ on each run."""

    def restored(found: re.Match[str]) -> str:
        place = picture_path(found["address"]).partition("/")[2]
        old = account.pictures.get(place, "") if place in account.fetched else ""
        return found[0].removesuffix(found["address"]) + (old or found["address"])

    return _MEDIA_ADDRESS.sub(restored, text)


def _prepare(root: Path, name: str) -> Picture:
    return prepare_picture_with_wide_version(read_file(root, name, BYTES_MAX))
