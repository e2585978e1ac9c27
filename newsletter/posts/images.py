"""The pictures of posts."""

import re

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletter.publication.pictures import Picture

ADDRESS = re.compile(r"/media/([0-9a-f]{16})/")
BYTES_ANY, BYTES_MOST = 200_000, 600_000  # what every picture may weigh, and what none should
BYTES_A_PIXEL = 0.5  # a good JPEG has 0.3, a drawing as PNG less, a photograph as PNG 2


class ImageQuerySet(models.QuerySet["Image"]):
    def heavy_in(self, source: str) -> dict[str, int]:
        """Return the bytes of those pictures in `source`, by address, that weigh more than their size asks for."""
        digests = set(ADDRESS.findall(source))
        weights = {one.get_absolute_url(): one.excess for one in self.filter(digest__in=digests)} if digests else {}
        return {url: size for url, size in weights.items() if size}

    def keep(self, picture: Picture, name: str, alt: str) -> tuple["Image", bool]:
        """Return the row of this picture and whether it is new; the same content is kept once.

        name: what the author's computer called the file. The file is written before its row.
        """
        known = self.filter(digest=picture.digest).first()
        file_name = known.name if known else picture.file_name(name)
        path = f"{picture.digest}/{file_name}"
        if not default_storage.exists(path):
            default_storage.save(path, ContentFile(picture.data))
        fields = {"name": file_name, "alt": alt, "width": picture.width, "height": picture.height}
        return (known, False) if known else self.get_or_create(digest=picture.digest, defaults=fields)


class Image(models.Model):
    """A picture that was uploaded once and is served for ever at an address made of its content."""

    digest = models.CharField(max_length=16, unique=True, editable=False)
    name = models.CharField(_("file name"), max_length=80)
    alt = models.CharField(
        _("alternative text"), max_length=200, help_text=_("What the picture says, for those who do not see it.")
    )
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
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

    @property
    def excess(self) -> int:
        """Return what the file weighs if that is more than it should; 0 too if the file is lost."""
        try:
            size = default_storage.size(f"{self.digest}/{self.name}")
        except OSError:
            return 0
        allowed = min(BYTES_MOST, max(BYTES_ANY, self.width * self.height * BYTES_A_PIXEL))
        return size if size > allowed else 0

    @property
    def markdown(self) -> str:
        """Return what an author writes to show the picture; brackets in the text are escaped."""
        alt = re.sub(r"([\\\[\]])", r"\\\1", " ".join(self.alt.split()))
        return f"![{alt}]({self.get_absolute_url()})"
