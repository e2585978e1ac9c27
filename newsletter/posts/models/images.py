"""Uploaded pictures and the sizes and formats that pages offer."""

import logging
import re
from collections.abc import Iterable
from datetime import datetime
from io import BytesIO
from pathlib import Path

from django.db import models
from django.db.models import Func, OuterRef, Subquery
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from newsletter.buckets import PicturesUnavailable
from newsletter.publication.pictures import storages
from newsletter.publication.pictures.storages import media
from newsletter.publication.pictures.uploads import Picture, PictureError, resize_picture

MEDIA_PATTERN = re.compile(r"/media/([0-9a-f]{16})/")
BYTES_MAX = 600_000  # of a picture in a mail or a book

NARROW_WIDTH = 640  # pixels: a telephone's width at common densities, half of MAIL_WIDTH, most originals' width
THUMB_WIDTH = 324  # pixels: twice the width of a cover in a list, 9rem of 18 pixels
# The first are made during the upload, the others later: an AVIF takes a second.
QUICK_FORMATS, SLOW_FORMATS = ("fallback", "webp", "thumb"), ("avif",)

log = logging.getLogger(__name__)


class ImageQuerySet(models.QuerySet["Image"]):
    def within(self, *sources: str) -> "ImageQuerySet":
        digests = {digest for source in sources for digest in MEDIA_PATTERN.findall(source)}
        return self.filter(digest__in=digests) if digests else self.none()

    def with_uses(self) -> "ImageQuerySet":
        """Annotate `use_count`: how many posts show the picture, in the text or as the cover."""
        rows = Image.posts.through.objects.filter(image=OuterRef("pk"))
        counted = Func(function="COUNT", template="COUNT(*)", output_field=models.IntegerField())
        return self.annotate(use_count=Subquery(rows.annotate(counted=counted).values("counted")))  # type: ignore[misc]  # annotated here

    def unfinished(self) -> "ImageQuerySet":
        """Pictures whose sizes are neither all made nor given up, newest first."""
        return self.filter(finished_at__isnull=True)

    def get_or_store(self, picture: Picture, name: str, alt: str, *, defer_sizes: bool = False) -> tuple["Image", bool]:
        """Store a picture; return its row and whether that is new. Equal content is stored once.

        name: the uploaded file's name.
        defer_sizes: make all sizes in the background, for bulk imports.
        Raises OSError if the file cannot be written; no row is made then.
        """
        row = self.write(picture, name)
        fields = {"name": row.name, "alt": alt, "width": picture.width, "height": picture.height}
        image, is_new = (row, False) if row.pk else self.get_or_create(digest=picture.digest, defaults=fields)
        image.add_sizes_from(picture, () if defer_sizes else QUICK_FORMATS)
        return image, is_new

    def write(self, picture: Picture, name: str) -> "Image":
        """Write the upload's missing files; return its row, unsaved if new. Raises OSError."""
        new = Image(digest=picture.digest, name=picture.file_name(name), width=picture.width, height=picture.height)
        image = self.filter(digest=picture.digest).first() or new
        storages.save_once(media, image.path("fallback", image.width), BytesIO(picture.data))
        if wide := picture.wide_version:
            storages.save_once(media, image.path("fallback", wide.width), BytesIO(wide.data))
        return image


class Image(models.Model):
    """A picture, served forever at a URL derived from its content."""

    digest = models.CharField(max_length=16, unique=True, editable=False)
    name = models.CharField(_("file name"), max_length=80)
    alt = models.CharField(
        _("alternative text"), max_length=200, help_text=_("What the picture shows, for those who do not see it.")
    )
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    sizes = models.JSONField(default=dict, editable=False)  # widths by format, without the original file
    finished_at = models.DateTimeField(null=True, editable=False)  # when all sizes were made, or given up
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)

    objects = ImageQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")

    def __str__(self) -> str:
        return self.alt or self.name

    def get_absolute_url(self) -> str:
        return f"/media/{self.digest}/{self.name}"

    def url_for(self, format_name: str, width: int) -> str:
        """URL of the size. format_name: "fallback" (the original's format), "webp", "avif", or "thumb" (WebP)."""
        if format_name == "fallback" and width == self.width:
            return self.get_absolute_url()
        own = Path(self.name)
        return f"/media/{self.digest}/{own.stem}-{width}.{self._suffix(format_name)}"

    def widths(self, format_name: str) -> list[int]:
        return sorted([*self.sizes.get(format_name, []), *([self.width] if format_name == "fallback" else [])])

    @property
    def use_text(self) -> str:
        count: int = getattr(self, "use_count", 0)  # see with_uses
        if not count:
            return gettext("in no post")
        return ngettext("in %(count)s post", "in %(count)s posts", count) % {"count": f"{count:,}"}

    @property
    def thumbnail(self) -> str:
        """URL of the smallest size, in a format that every browser shows."""
        if thumbs := self.sizes.get("thumb"):
            return self.url_for("thumb", thumbs[-1])  # the widest and newest: older ones are lossless, thus large
        format_name = "webp" if self.sizes.get("webp") else "fallback"
        return self.url_for(format_name, self.widths(format_name)[0])

    def add_sizes_from(self, picture: Picture, formats: Iterable[str] = QUICK_FORMATS) -> None:
        if (wide := picture.wide_version) and wide.width not in self.widths("fallback"):
            self.sizes["fallback"] = [*self.sizes.get("fallback", []), wide.width]
        try:
            self.make_sizes(formats)
        except PicturesUnavailable:  # made in the background later
            self.save(update_fields=["sizes"])

    def make_sizes(self, formats: Iterable[str]) -> bool:
        """Make the missing sizes of these formats; return False if the picture cannot be read.

        An existing size is never remade: its URL is cached forever. A format that saves no bytes is dropped.
        Changes nothing when it raises PicturesUnavailable.
        """
        try:
            made = {name: self._make_sizes_of(name) for name in formats if self._suits(name)}
        except PicturesUnavailable:
            raise
        except (OSError, PictureError) as error:
            log.warning("no sizes of picture %s: %s", self.pk, error)
            return False
        self.sizes |= {name: sorted({*self.sizes.get(name, []), *widths}) for name, widths in made.items()}
        self.save(update_fields=["sizes"])
        return True

    def finish(self, now: datetime) -> bool:
        """Make every size; False if the picture cannot be read, which is not retried.

        Raises PicturesUnavailable; the next run retries.
        """
        is_good = self.make_sizes(QUICK_FORMATS + SLOW_FORMATS)
        self.finished_at = now
        self.save(update_fields=["finished_at"])
        return is_good

    def _suits(self, format_name: str) -> bool:
        """Animations have one format, and drawings gain nothing by AVIF."""
        own = Path(self.name).suffix
        return own != ".gif" and (own != ".png" or format_name != "avif")

    def _make_sizes_of(self, format_name: str) -> list[int]:
        widths = self.widths("fallback")
        wanted = {
            "fallback": [NARROW_WIDTH],
            "webp": [NARROW_WIDTH, *widths],
            "avif": [NARROW_WIDTH, self.width],
            "thumb": [THUMB_WIDTH],
        }[format_name]
        missing = {width for width in wanted if width <= widths[-1]} - {*self.widths(format_name)}
        if not missing:
            return []
        source = media.read(self.path("fallback", widths[-1]))
        files = {
            width: resize_picture(source, width, "thumb" if format_name == "thumb" else self._suffix(format_name))
            for width in missing
        }
        if format_name != "fallback" and not self._saves_bytes(files):
            return []
        for width, data in files.items():
            media.put(self.path(format_name, width), BytesIO(data))
        return sorted(files)

    def _saves_bytes(self, files: dict[int, bytes]) -> bool:
        """Whether the file of full width (or the thumbnail) is smaller than the original."""
        own = media.size(self.path("fallback", self.width))
        return len(files.get(self.width) or files.get(THUMB_WIDTH, b"")) < own

    def _suffix(self, format_name: str) -> str:
        if format_name == "fallback":
            return Path(self.name).suffix[1:]
        return "webp" if format_name == "thumb" else format_name

    def path(self, format_name: str, width: int) -> str:
        return self.url_for(format_name, width).removeprefix("/media/")

    @property
    def markdown(self) -> str:
        """Markdown that shows the picture; brackets in the alternative text are escaped."""
        alt = re.sub(r"([\\\[\]])", r"\\\1", " ".join(self.alt.split()))
        return f"![{alt}]({self.get_absolute_url()})"
