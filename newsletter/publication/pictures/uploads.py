"""Turn what somebody uploaded into a picture that web and mail may show for ever."""

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _
from PIL import Image, ImageCms, ImageOps, ImageSequence

from newsletter.publication.pictures import gif

BYTES_MAX = 10 * 1024 * 1024
PIXELS_MAX = 40_000_000  # 120 MB when decoded; a 24-megapixel camera fits
SIDE_MAX = 16_384  # pixels; to narrow one of 40,000,000 x 1 took 17 seconds and 2 GB
FRAMES_MAX = 1_000  # of a moving picture: 40 seconds at 25 a second
FRAME_PIXELS_MAX = 200_000_000  # of all its frames; a browser draws each of them, again and again
SCANS_MAX = 100  # of a JPEG; cameras and programs write 1 to 12, and each costs a pass over all of its pixels
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
NAME_MAX = 80  # characters, with the suffix
GIVEN_NAME_MAX = 255  # characters that a file system gives; what makes Latin of them sorts marks
MAIL_WIDTH = 1280  # pixels: twice the width of a mail, and what the address of a picture shows
WIDE = 2000  # pixels: what large and dense screens may be given instead
# What a variant is saved with. A drawing as WebP keeps every pixel; AVIF is for photographs only.
_WEBP_PHOTOGRAPH: dict[str, Any] = {"quality": 80, "method": 4}
_WEBP_DRAWING: dict[str, Any] = {"lossless": True, "quality": 60, "method": 3}
_JPEG: dict[str, Any] = {"quality": 85, "optimize": True, "progressive": True}
AVIF_QUALITY, AVIF_SPEED = 60, 6  # speed of 10: at 8 a photograph takes a third of the second, and loses 0.3 to 1 dB
# What Pillow's decoders raised for 8,000 pictures with some bytes changed, and for what is no picture.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, OverflowError, RuntimeError)
_START_OF_SCAN = b"\xff\xda"  # never within compressed pixels: ITU T.81, B.1.1.2
_PROFILE_OF = {"RGB": "RGB ", "RGBA": "RGB ", "L": "GRAY", "CMYK": "CMYK"}  # mode: colour space in its profile


class PictureError(ValueError):
    """The upload cannot be used; the message says why, to the author."""


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
    """Return the opened, not yet decoded image, and whether it is a GIF that moves."""
    if len(data) > BYTES_MAX:
        raise PictureError(_("The file is larger than 10 MB. Make the picture smaller and try again."))
    try:
        Image.open(BytesIO(data), formats=FORMATS).verify()
        image = Image.open(BytesIO(data), formats=FORMATS)
        _refuse_bombs(image, data)
        moves = image.format == "GIF" and bool(getattr(image, "is_animated", False))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except PictureError:
        raise
    except _BROKEN as error:
        raise _unreadable() from error
    return image, moves


def refuse_unusable(data: bytes) -> None:
    """Raise PictureError for what is no picture, or too large, without decoding it: it may still be damaged."""
    _checked(data)


def _refuse_bombs(image: Image.Image, data: bytes) -> None:
    _refuse_size(*image.size)
    if image.format in {"JPEG", "MPO"} and data.count(_START_OF_SCAN) > SCANS_MAX:
        raise _unreadable()


def _refuse_size(width: int, height: int) -> None:
    if width * height > PIXELS_MAX:
        raise _too_many_pixels()
    if max(width, height) > SIDE_MAX:
        raise PictureError(_("The picture is wider or higher than 16,384 pixels. Make it smaller and try again."))


def _too_many_pixels() -> PictureError:
    return PictureError(_("The picture has more than 40 million pixels. Make it smaller and try again."))


def _unreadable() -> PictureError:
    return PictureError(_("This is not a picture that can be read. JPEG, PNG, GIF and WebP can."))


def _damaged() -> PictureError:
    return PictureError(_("The picture is damaged: it ends too early or has holes. Save it again."))


def _upright(image: Image.Image) -> Image.Image:
    """Return the decoded image as it was meant to be seen, in a mode and in colours that mail clients know."""
    profile = image.info.get("icc_profile")
    try:
        image = ImageOps.exif_transpose(image)
        if profile and image.mode == "CMYK":
            image = _in_srgb(image, profile)
        clear = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if clear else "L" if image.mode in {"1", "L"} else "RGB")
        image = _in_srgb(image, profile) if profile else image
    except _BROKEN as error:
        raise _damaged() from error
    image.info = {}  # whatever the camera wrote
    return image


@cache
def _srgb() -> Any:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the image in the colours that its profile means; as it is where that is broken, or of another kind.

    A profile may name a camera, a scanner or a person, and hold whatever somebody put in: none is kept.
    """
    try:
        described = ImageCms.ImageCmsProfile(BytesIO(profile))
        if described.profile.xcolor_space != _PROFILE_OF.get(image.mode):
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        return ImageCms.buildTransform(described, _srgb(), image.mode, mode, intent, flags).apply(image)
    except (ImageCms.PyCMSError, *_BROKEN):
        return image


def _narrowed(image: Image.Image, width_max: int) -> Image.Image:
    if image.width <= width_max:
        return image
    height = max(1, round(image.height * width_max / image.width))
    return image.resize((width_max, height), Image.Resampling.LANCZOS)


def _encoded(image: Image.Image, source: str) -> Picture:
    """Return JPEG for photographs, PNG for what is drawn or see-through: Outlook shows no WebP."""
    drawn = image.mode == "RGBA" or source in {"PNG", "GIF"}
    out = BytesIO()
    if drawn:
        image.save(out, "PNG", optimize=True)
    else:
        image.save(out, "JPEG", **_JPEG)
    return _picture(out.getvalue(), ".png" if drawn else ".jpg", image.width, image.height)


def prepare(data: bytes, *, width_max: int = MAIL_WIDTH) -> Picture:
    """Return the picture upright, at most `width_max` wide, in sRGB, and without anything but its pixels.

    A moving GIF keeps its size: frames cannot be narrowed without flicker.
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
        return [_moving(data)]
    source, upright = image.format or "", _upright(image)
    wanted = sorted({min(width, upright.width) for width in widths})
    return [_encoded(_narrowed(upright, width), source) for width in wanted]


def _moving(data: bytes) -> Picture:
    """Return a GIF whose frames all can be drawn, written anew."""
    try:
        found = gif.read(data, frames_max=FRAMES_MAX)
    except gif.TooManyFrames as error:
        raise _too_long() from error
    except gif.GifError as error:
        raise _damaged() from error
    width, height = found.size
    _refuse_size(width, height)
    if width * height * len(found.frames) > FRAME_PIXELS_MAX:
        raise _too_long()
    anew = gif.written(found)
    _draw_all(anew)
    return _picture(anew, ".gif", width, height)


def _too_long() -> PictureError:
    text = _("The picture moves for too long: at most 1,000 frames, and 200 million pixels in all. Make it shorter.")
    return PictureError(text)


def _draw_all(moving: bytes) -> None:
    """Decode every frame; refuse a picture that does not have all that it says."""
    try:
        for frame in ImageSequence.Iterator(Image.open(BytesIO(moving), formats=["GIF"])):
            frame.load()
    except _BROKEN as error:
        raise _damaged() from error


def resized(data: bytes, width: int, form: str) -> bytes:
    """Return a picture that `prepare` made at this width, or its own if that is less, in another form.

    form: jpg, png, webp, avif, or thumb, which is a small WebP. Raises PictureError.
    """
    image, _moves = _checked(data)
    drawn = image.format == "PNG"
    options: dict[str, dict[str, Any]] = {
        "jpg": _JPEG | {"format": "JPEG"},
        "png": {"format": "PNG", "optimize": True},
        "webp": (_WEBP_DRAWING if drawn else _WEBP_PHOTOGRAPH) | {"format": "WEBP"},
        "thumb": _WEBP_PHOTOGRAPH | {"format": "WEBP"},  # a quarter of the bytes, and no line is fine at this size
        "avif": {"format": "AVIF", "quality": AVIF_QUALITY, "speed": AVIF_SPEED},
    }
    out = BytesIO()
    _narrowed(_upright(image), width).save(out, **options[form])
    return out.getvalue()
