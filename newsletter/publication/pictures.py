"""Turn what somebody uploaded into a picture that web and mail may show for ever."""

from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

BYTES_MAX = 10 * 1024 * 1024
PIXELS_MAX = 40_000_000  # 120 MB when decoded; a 24-megapixel camera fits
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
NAME_MAX = 80  # characters, with the suffix
GIVEN_NAME_MAX = 255  # characters that a file system gives; what makes Latin of them sorts marks
MAIL_WIDTH = 1280  # pixels: twice the width of a mail, and what the address of a picture shows
WIDE = 2000  # pixels: what large and dense screens may be given instead
# What a variant is saved with. A drawing as WebP keeps every pixel; AVIF is for photographs only.
_WEBP_PHOTOGRAPH: dict[str, Any] = {"quality": 80, "method": 4}
_WEBP_DRAWING: dict[str, Any] = {"lossless": True, "quality": 60, "method": 3}
_JPEG: dict[str, Any] = {"quality": 85, "optimize": True, "progressive": True}
_AVIF: dict[str, Any] = {"quality": 60, "speed": 6}
# What Pillow's decoders raised for 8,000 pictures with some bytes changed, and for what is no picture.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, OverflowError, RuntimeError)


class PictureError(ValueError):
    """The upload cannot be used; the message tells the author why."""


@dataclass(frozen=True)
class Picture:
    """Bytes to serve as they are, without a word about place, time or camera."""

    data: bytes
    name_suffix: str  # with its dot
    width: int
    height: int
    digest: str  # 16 hex characters of the SHA-256 of `data`
    wide: "Picture | None" = None  # the same at more pixels, if the upload had them

    def file_name(self, name: str) -> str:
        """Return a Latin file name with the right suffix, from the one the author's computer gave."""
        stem = slugify(PurePosixPath(name[-GIVEN_NAME_MAX:].replace("\\", "/")).stem)[
            : NAME_MAX - len(self.name_suffix)
        ]
        return (stem.strip("-_") or "picture") + self.name_suffix


def _picture(data: bytes, name_suffix: str, width: int, height: int) -> Picture:
    return Picture(data, name_suffix, width, height, sha256(data).hexdigest()[:16])


def _checked(data: bytes) -> tuple[Image.Image, bool]:
    """Return the opened, not yet decoded image, and whether it moves."""
    if len(data) > BYTES_MAX:
        raise PictureError(_("The file is larger than 10 MB. Make the picture smaller and try again."))
    try:
        Image.open(BytesIO(data), formats=FORMATS).verify()
        image = Image.open(BytesIO(data), formats=FORMATS)
        moves = image.format == "GIF" and bool(getattr(image, "is_animated", False))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except _BROKEN as error:
        raise PictureError(_("This is not a picture that can be read. JPEG, PNG, GIF and WebP can.")) from error
    if image.width * image.height > PIXELS_MAX:
        raise _too_many_pixels()
    return image, moves


def _too_many_pixels() -> PictureError:
    return PictureError(_("The picture has more than 40 million pixels. Make it smaller and try again."))


def _upright(image: Image.Image) -> Image.Image:
    """Return the decoded image as it was meant to be seen, in a mode that mail clients know."""
    try:
        image = ImageOps.exif_transpose(image)
        clear = "A" in image.getbands() or "transparency" in image.info
        return image.convert("RGBA" if clear else "L" if image.mode in {"1", "L"} else "RGB")
    except _BROKEN as error:
        raise PictureError(_("The picture is damaged: it ends too early or has holes. Save it again.")) from error


def _narrowed(image: Image.Image, width_max: int) -> Image.Image:
    if image.width <= width_max:
        return image
    height = max(1, round(image.height * width_max / image.width))
    return image.resize((width_max, height), Image.Resampling.LANCZOS)


def _encoded(image: Image.Image, source: str, profile: bytes | None) -> Picture:
    """Return JPEG for photographs, PNG for what is drawn or see-through: Outlook shows no WebP."""
    image.info = {}  # whatever the camera wrote
    drawn = image.mode == "RGBA" or source in {"PNG", "GIF"}
    out = BytesIO()
    if drawn:
        image.save(out, "PNG", optimize=True, icc_profile=profile)
    else:
        image.save(out, "JPEG", icc_profile=profile, **_JPEG)
    return _picture(out.getvalue(), ".png" if drawn else ".jpg", image.width, image.height)


def prepare(data: bytes, *, width_max: int = MAIL_WIDTH) -> Picture:
    """Return the picture upright, at most `width_max` wide, without metadata but its colour profile.

    An animated GIF stays as it is: frames cannot be narrowed without flicker.
    The same bytes make the same picture. Raises PictureError.
    """
    return _prepared(data, width_max)[0]


def prepare_with_wide(data: bytes) -> Picture:
    """Return what `prepare` does, with a `wide` one for the web if the upload is wider. Raises PictureError."""
    picture, *wider = _prepared(data, MAIL_WIDTH, WIDE)
    return replace(picture, wide=wider[0]) if wider else picture


def _prepared(data: bytes, *widths: int) -> list[Picture]:
    image, moves = _checked(data)
    if moves:
        return [_picture(data, ".gif", image.width, image.height)]
    source = image.format or ""
    profile = image.info.get("icc_profile") if image.mode in {"RGB", "RGBA"} else None
    upright = _upright(image)
    wanted = sorted({min(width, upright.width) for width in widths})
    return [_encoded(_narrowed(upright, width), source, profile) for width in wanted]


def resized(data: bytes, width: int, form: str) -> bytes:
    """Return a picture that `prepare` made at this width, or its own if that is less, in another form.

    form: jpg, png, webp or avif. Raises PictureError.
    """
    image, _moves = _checked(data)
    drawn, profile = image.format == "PNG", image.info.get("icc_profile")
    options: dict[str, dict[str, Any]] = {
        "jpg": _JPEG | {"format": "JPEG"},
        "png": {"format": "PNG", "optimize": True},
        "webp": (_WEBP_DRAWING if drawn else _WEBP_PHOTOGRAPH) | {"format": "WEBP"},
        "avif": _AVIF | {"format": "AVIF"},
    }
    out = BytesIO()
    _narrowed(_upright(image), width).save(out, icc_profile=profile, **options[form])
    return out.getvalue()
