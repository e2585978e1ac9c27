"""The pictures of posts, and the sizes and forms in which the web is given them."""

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

from newsletter.buckets import PicturesAway
from newsletter.publication.pictures import storages
from newsletter.publication.pictures.storages import media
from newsletter.publication.pictures.uploads import Picture, PictureError, resized

ADDRESS = re.compile(r"/media/([0-9a-f]{16})/")
BYTES_ANY, BYTES_MOST = 200_000, 600_000  # what every picture may weigh, and what none should
BYTES_A_PIXEL = 0.5  # a good JPEG has 0.3, a drawing as PNG less, a photograph as PNG 2

NARROW = 640  # pixels: a telephone's width at common densities, half of what the address shows
THUMB = 324  # pixels: twice the width of a cover in a list, 9rem of 18 pixels
QUICK, SLOW = (
    ("fallback", "webp", "thumb"),
    ("avif",),
)  # the forms made at once, and those that take a second each

log = logging.getLogger(__name__)


class ImageQuerySet(models.QuerySet["Image"]):
    def heavy_in(self, source: str) -> dict[str, int]:
        """Return the bytes of those pictures in `source`, by address, that weigh more than their size asks for."""
        weights = {one.get_absolute_url(): one.excess for one in self.within(source)}
        return {url: size for url, size in weights.items() if size}

    def within(self, *sources: str) -> "ImageQuerySet":
        digests = {digest for source in sources for digest in ADDRESS.findall(source)}
        return self.filter(digest__in=digests) if digests else self.none()

    def with_uses(self) -> "ImageQuerySet":
        """Return them with `use_count`: how many posts show them, in the text or as the cover."""
        rows = Image.posts.through.objects.filter(image=OuterRef("pk"))
        counted = Func(function="COUNT", template="COUNT(*)", output_field=models.IntegerField())
        return self.annotate(use_count=Subquery(rows.annotate(counted=counted).values("counted")))  # type: ignore[misc]  # annotated here

    def unfinished(self) -> "ImageQuerySet":
        """Return those that lack sizes nobody has tried to make, the newest first."""
        return self.filter(finished_at__isnull=True)

    def keep(self, picture: Picture, name: str, alt: str, *, later: bool = False) -> tuple["Image", bool]:
        """Return the row of this picture and whether it is new; the same content is kept once.

        name: what the author's computer called the file.
        later: leave all its sizes to the background, where thousands come in at once.
        Raises OSError if it cannot be kept; then there is no row.
        """
        known = self.write(picture, name)
        fields = {"name": known.name, "alt": alt, "width": picture.width, "height": picture.height}
        image, is_new = (known, False) if known.pk else self.get_or_create(digest=picture.digest, defaults=fields)
        image.take_wide(picture, () if later else QUICK)
        return image, is_new

    def write(self, picture: Picture, name: str) -> "Image":
        """Write the files of an upload that are not there; return its row, unsaved if it has none. Raises OSError."""
        new = Image(digest=picture.digest, name=picture.file_name(name), width=picture.width, height=picture.height)
        image = self.filter(digest=picture.digest).first() or new
        storages.keep(media, image.path("fallback", image.width), BytesIO(picture.data))
        if picture.wide:
            storages.keep(media, image.path("fallback", picture.wide.width), BytesIO(picture.wide.data))
        return image


class Image(models.Model):
    """A picture that was uploaded once and is served for ever at an address made of its content."""

    digest = models.CharField(max_length=16, unique=True, editable=False)
    name = models.CharField(_("file name"), max_length=80)
    alt = models.CharField(
        _("alternative text"), max_length=200, help_text=_("What the picture says, for those who do not see it.")
    )
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    sizes = models.JSONField(default=dict, editable=False)  # widths by form, of the files beside the picture's own
    finished_at = models.DateTimeField(null=True, editable=False)  # when the last size was made, or given up
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

    def address(self, form: str, width: int) -> str:
        """Return where it is `width` wide in this form; "fallback" is the picture's own form, "thumb" is WebP."""
        if form == "fallback" and width == self.width:
            return self.get_absolute_url()
        own = Path(self.name)
        return f"/media/{self.digest}/{own.stem}-{width}.{self._suffix(form)}"

    def widths(self, form: str) -> list[int]:
        """Return the widths that exist in this form, the narrowest first."""
        return sorted([*self.sizes.get(form, []), *([self.width] if form == "fallback" else [])])

    @property
    def shown_in(self) -> str:
        """Return in words how many posts show it."""
        count: int = getattr(self, "use_count", 0)  # see with_uses
        if not count:
            return gettext("in no post")
        return ngettext("in %(count)s post", "in %(count)s posts", count) % {"count": f"{count:,}"}

    @property
    def thumbnail(self) -> str:
        """Return the address of its smallest size, in a form that every browser shows."""
        if thumbs := self.sizes.get("thumb"):
            return self.address("thumb", thumbs[-1])  # the newest: older ones are lossless, and four times as heavy
        form = "webp" if self.sizes.get("webp") else "fallback"
        return self.address(form, self.widths(form)[0])

    def take_wide(self, picture: Picture, forms: Iterable[str] = QUICK) -> None:
        """Note what the upload has at more pixels, and make these forms: those that take no time."""
        if (wide := picture.wide) and wide.width not in self.widths("fallback"):
            self.sizes["fallback"] = [*self.sizes.get("fallback", []), wide.width]
        try:
            self.make_sizes(forms)
        except PicturesAway:  # just now: the others are made in the background
            self.save(update_fields=["sizes"])

    def make_sizes(self, forms: Iterable[str]) -> bool:
        """Make the sizes of these forms that do not exist; return False if the picture cannot be read.

        A size that exists is never made again: its address is immutable. A form or a size that saves no bytes is not
        kept. Raises PicturesAway, and has changed nothing.
        """
        try:
            made = {form: self._made(form) for form in forms if self._may_have(form)}
        except PicturesAway:
            raise
        except (OSError, PictureError) as error:
            log.warning("no sizes of picture %s: %s", self.pk, error)
            return False
        known = {form: {*self.sizes.get(form, []), *made.get(form, [])} for form in self.sizes | made}
        self.sizes = {form: self._lighter(form, widths) for form, widths in known.items()}
        self.save(update_fields=["sizes"])
        return True

    def finish(self, now: datetime) -> bool:
        """Make every size; return False if the picture cannot be read, and do not try again by itself.

        Raises PicturesAway; it is tried again then.
        """
        is_good = self.make_sizes(QUICK + SLOW)
        self.finished_at = now
        self.save(update_fields=["finished_at"])
        return is_good

    def _may_have(self, form: str) -> bool:
        """Return whether the form fits: frames that move have one, and drawings gain nothing by AVIF."""
        own = Path(self.name).suffix
        return own != ".gif" and (own != ".png" or form != "avif")

    def _made(self, form: str) -> list[int]:
        widths = self.widths("fallback")
        wanted = {"fallback": [NARROW], "webp": [NARROW, *widths], "avif": [NARROW, self.width], "thumb": [THUMB]}[form]
        missing = {width for width in wanted if width <= widths[-1]} - {*self.widths(form)}
        if not missing:
            return []
        source = media.read(self.path("fallback", widths[-1]))
        files = {width: resized(source, width, "thumb" if form == "thumb" else self._suffix(form)) for width in missing}
        if form != "fallback" and not self._saves(files):
            return []
        for width, data in files.items():
            media.put(self.path(form, width), BytesIO(data))
        return sorted(files)

    def _saves(self, files: dict[int, bytes]) -> bool:
        """Return whether these weigh less than what a browser would take without them."""
        own = media.size(self.path("fallback", self.width))
        return len(files.get(self.width) or files.get(THUMB, b"")) < own

    def _lighter(self, form: str, widths: set[int]) -> list[int]:
        """Return the widths without those that weigh no less than a wider one: made narrower, a drawing may gain."""
        own = {self.width} if form == "fallback" else set()
        kept: dict[int, int] = {}
        for width in sorted(widths | own, reverse=True):
            weight = media.size(self.path(form, width))
            if not kept or weight < min(kept.values()):
                kept[width] = weight
        return sorted(kept.keys() - own)

    def _suffix(self, form: str) -> str:
        if form == "fallback":
            return Path(self.name).suffix[1:]
        return "webp" if form == "thumb" else form

    def path(self, form: str, width: int) -> str:
        return self.address(form, width).removeprefix("/media/")

    @property
    def excess(self) -> int:
        """Return what the file weighs if that is more than it should; 0 too if the file is lost."""
        try:
            size = media.size(self.path("fallback", self.width))
        except OSError:
            return 0
        allowed = min(BYTES_MOST, max(BYTES_ANY, self.width * self.height * BYTES_A_PIXEL))
        return size if size > allowed else 0

    @property
    def markdown(self) -> str:
        """Return what an author writes to show the picture; brackets in the text are escaped."""
        alt = re.sub(r"([\\\[\]])", r"\\\1", " ".join(self.alt.split()))
        return f"![{alt}]({self.get_absolute_url()})"
