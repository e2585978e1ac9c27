"""Validate uploaded pictures and convert them for web and mail."""

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext_lazy
from PIL import Image, ImageCms, ImageOps, ImageSequence

BYTES_MAX = 10 * 1024 * 1024
PIXELS_MAX = 40_000_000  # 120 MB when decoded; a 24-megapixel camera fits
SIDE_MAX = 16_384  # pixels; to narrow one of 40,000,000 x 1 took 17 seconds and 2 GB
FRAMES_MAX = 1_000  # of an animation: 40 seconds at 25 a second
FRAME_PIXELS_MAX = 200_000_000  # of all frames together
SCANS_MAX = 100  # of a JPEG, each a pass over all pixels; encoders write 1 to 12
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
NAME_MAX = 80  # characters, with the suffix
GIVEN_NAME_MAX = 255  # characters; slugify sorts combining marks in quadratic time
MAIL_WIDTH = 1280  # pixels: twice the width of a mail; the default size
WIDE_WIDTH = 2000  # pixels: for large and dense screens
# Encoder options. Drawings are lossless WebP; AVIF is for photographs only.
_WEBP_PHOTOGRAPH: dict[str, Any] = {"quality": 80, "method": 4}
_WEBP_DRAWING: dict[str, Any] = {"lossless": True, "quality": 60, "method": 3}
_JPEG: dict[str, Any] = {"quality": 85, "optimize": True, "progressive": True}
AVIF_QUALITY, AVIF_SPEED = 60, 6  # speed of 0 to 10: at 8 a third of the time, and 0.3 to 1 dB less
# Raised by Pillow's decoders for 8,000 corrupted pictures and other files.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, OverflowError, RuntimeError)
_START_OF_SCAN = b"\xff\xda"  # never within compressed data: ITU T.81, B.1.1.2
_PROFILE_OF = {"RGB": "RGB ", "RGBA": "RGB ", "L": "GRAY", "CMYK": "CMYK"}  # mode: colour space in its profile


TOO_LARGE = gettext_lazy("The file is larger than 10 MB. Make the picture smaller and try again.")
TOO_MANY_PIXELS = gettext_lazy("The picture has more than 40 million pixels. Make it smaller and try again.")
TOO_WIDE = gettext_lazy("The picture is wider or higher than 16,384 pixels. Make it smaller and try again.")
TOO_LONG = gettext_lazy(
    "The picture moves for too long: at most 1,000 frames, and 200 million pixels in all. Make it shorter."
)
UNREADABLE = gettext_lazy("This is not a picture that can be read. JPEG, PNG, GIF and WebP can.")
DAMAGED = gettext_lazy("The picture is damaged: it ends too early or has holes. Save it again.")


class PictureError(ValueError):
    """Unusable; the message is for the author."""


@dataclass(frozen=True)
class Picture:
    """An encoded picture; without metadata, unless it moves."""

    data: bytes
    name_suffix: str  # with its dot
    width: int
    height: int
    digest: str  # 16 hex characters of the SHA-256 of `data`
    wide_version: "Picture | None" = None  # a larger size, if the upload has the pixels

    def file_name(self, name: str) -> str:
        """An ASCII file name from the uploaded one, with the right suffix."""
        stem = slugify(PurePosixPath(name[-GIVEN_NAME_MAX:].replace("\\", "/")).stem)[
            : NAME_MAX - len(self.name_suffix)
        ]
        return (stem.strip("-_") or "picture") + self.name_suffix


def _with_digest(data: bytes, name_suffix: str, width: int, height: int) -> Picture:
    return Picture(data, name_suffix, width, height, sha256(data).hexdigest()[:16])


def _open_checked(data: bytes) -> tuple[Image.Image, bool]:
    """The image, not yet decoded, and whether it is an animated GIF."""
    if len(data) > BYTES_MAX:
        raise PictureError(TOO_LARGE)
    try:
        Image.open(BytesIO(data), formats=FORMATS).verify()
        image = Image.open(BytesIO(data), formats=FORMATS)
        _refuse_size(*image.size)
        if image.format in {"JPEG", "MPO"} and data.count(_START_OF_SCAN) > SCANS_MAX:
            raise PictureError(UNREADABLE)  # noqa: TRY301
        moves = image.format == "GIF" and bool(getattr(image, "is_animated", False))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(TOO_MANY_PIXELS) from error
    except PictureError:
        raise
    except _DECODER_ERRORS as error:
        raise PictureError(UNREADABLE) from error
    return image, moves


def refuse_unusable(data: bytes) -> None:
    """Raise PictureError for what is no picture, or too large, without decoding it: it may still be damaged."""
    _open_checked(data)


def _refuse_size(width: int, height: int) -> None:
    if width * height > PIXELS_MAX:
        raise PictureError(TOO_MANY_PIXELS)
    if max(width, height) > SIDE_MAX:
        raise PictureError(TOO_WIDE)


def _normalized(image: Image.Image) -> Image.Image:
    """Decode and apply orientation; convert to sRGB and a mode that mail clients support."""
    profile = image.info.get("icc_profile")
    try:
        image = ImageOps.exif_transpose(image)
        if profile and image.mode == "CMYK":
            image = _to_srgb(image, profile)
        clear = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if clear else "L" if image.mode in {"1", "L"} else "RGB")
        image = _to_srgb(image, profile) if profile else image
    except _DECODER_ERRORS as error:
        raise PictureError(DAMAGED) from error
    image.info = {}  # metadata
    return image


@cache
def _srgb() -> Any:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from the ICC profile; unchanged if the profile is broken or of another colour space.

    Profiles are dropped, because they may name a device or person.
    """
    try:
        described = ImageCms.ImageCmsProfile(BytesIO(profile))
        if described.profile.xcolor_space != _PROFILE_OF.get(image.mode):
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        return ImageCms.buildTransform(described, _srgb(), image.mode, mode, intent, flags).apply(image)
    except (ImageCms.PyCMSError, *_DECODER_ERRORS):
        return image


def _narrow(image: Image.Image, width_max: int) -> Image.Image:
    if image.width <= width_max:
        return image
    height = max(1, round(image.height * width_max / image.width))
    return image.resize((width_max, height), Image.Resampling.LANCZOS)


def _encode(image: Image.Image, source: str) -> Picture:
    """JPEG for photographs, PNG for drawings and transparency: Outlook shows no WebP."""
    drawn = image.mode == "RGBA" or source in {"PNG", "GIF"}
    out = BytesIO()
    if drawn:
        image.save(out, "PNG", optimize=True)
    else:
        image.save(out, "JPEG", **_JPEG)
    return _with_digest(out.getvalue(), ".png" if drawn else ".jpg", image.width, image.height)


def prepare_picture(data: bytes, *, width_max: int = MAIL_WIDTH) -> Picture:
    """Upright, at most `width_max` wide, in sRGB, without metadata. Deterministic. Raises PictureError.

    An animated GIF keeps its size: resized frames flicker.
    """
    return _prepare(data, width_max)[0]


def prepare_picture_with_wide_version(data: bytes) -> Picture:
    """Like `prepare_picture`, with `wide_version` set if the upload is wider. Raises PictureError."""
    picture, *wider = _prepare(data, MAIL_WIDTH, WIDE_WIDTH)
    return replace(picture, wide_version=wider[0]) if wider else picture


def _prepare(data: bytes, *widths: int) -> list[Picture]:
    image, moves = _open_checked(data)
    if moves:
        return [_keep_animation(data)]
    source, upright = image.format or "", _normalized(image)
    wanted = sorted({min(width, upright.width) for width in widths})
    return [_encode(_narrow(upright, width), source) for width in wanted]


def _keep_animation(data: bytes) -> Picture:
    """As it came: each frame is decoded once, after the limits."""
    image = Image.open(BytesIO(data), formats=["GIF"])
    try:
        for number, frame in enumerate(ImageSequence.Iterator(image), 1):
            _refuse_size(*frame.size)
            if number > FRAMES_MAX or frame.width * frame.height * number > FRAME_PIXELS_MAX:
                raise PictureError(TOO_LONG)  # noqa: TRY301
            frame.load()
    except Image.DecompressionBombError as error:
        raise PictureError(TOO_MANY_PIXELS) from error
    except PictureError:
        raise
    except _DECODER_ERRORS as error:
        raise PictureError(DAMAGED) from error
    return _with_digest(data, ".gif", *image.size)


def resize_picture(data: bytes, width: int, format_name: str) -> bytes:
    """Convert a prepared picture to a width, or its own if smaller, and a format. Raises PictureError.

    format_name: jpg, png, webp, avif, or thumb (a small WebP).
    """
    image, _moves = _open_checked(data)
    drawn = image.format == "PNG"
    options: dict[str, dict[str, Any]] = {
        "jpg": _JPEG | {"format": "JPEG"},
        "png": {"format": "PNG", "optimize": True},
        "webp": (_WEBP_DRAWING if drawn else _WEBP_PHOTOGRAPH) | {"format": "WEBP"},
        "thumb": _WEBP_PHOTOGRAPH | {"format": "WEBP"},  # lossy even for drawings: a quarter of the bytes
        "avif": {"format": "AVIF", "quality": AVIF_QUALITY, "speed": AVIF_SPEED},
    }
    out = BytesIO()
    _narrow(_normalized(image), width).save(out, **options[format_name])
    return out.getvalue()
