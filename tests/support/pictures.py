"""Pictures with metadata, and colour profiles, built from bytes."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO

import pytest
from PIL import Image

from newsletter.moving.taking import pictures as taken_pictures
from newsletter.posts.models import images
from newsletter.publication.pictures import uploads

resized_once, prepared_once = (
    cache(uploads.resize_picture),
    cache(uploads.prepare_picture_with_wide_version),
)  # for as long as this process
SECRET = b"25.0340N-Leica-M11"  # what no picture may tell
ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825


def icc_profile(
    red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], *, text: bytes = SECRET
) -> bytes:
    """A display profile of three primaries (XYZ, D50) with a gamma of 2.2: ICC.1:2001-04."""
    described = b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + b"\0" * 80
    values = {
        b"desc": described,
        b"cprt": b"text" + bytes(4) + text + b"\0",
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": _xyz(*red),
        b"gXYZ": _xyz(*green),
        b"bXYZ": _xyz(*blue),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + b"\0\0"),
    }
    table, body = struct.pack(">I", len(values)), b""
    for name, value in values.items():
        padded = value + b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", 132 + 12 * len(values) + len(body), len(padded))
        body += padded
    head = struct.pack(">I", 128 + len(table) + len(body)) + b"test" + b"\x02\x40\0\0" + b"mntrRGB XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(value * 65536) for value in values))


def swapped_profile() -> bytes:
    """sRGB with red and green swapped: shows whether a profile was applied."""
    return icc_profile((0.3851, 0.7169, 0.0971), (0.4360, 0.2225, 0.0139), (0.1431, 0.0606, 0.7141))


def exif() -> Image.Exif:
    made = Image.Exif()
    made[MAKE] = SECRET.decode()
    made[GPS] = {1: "N", 2: (25.0, 2.0, 1.0), 29: SECRET.decode()}
    return made


def xmp() -> bytes:
    return b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"


def draw_picture(form: str, **options: object) -> bytes:
    out = BytesIO()
    image = Image.linear_gradient("L").resize((60, 40)).convert("P" if form == "GIF" else "RGB")
    image.save(out, form, **options)
    return out.getvalue()


def jpeg_with_metadata() -> bytes:
    """A JPEG with EXIF, XMP, a comment, a profile, IPTC, a block of no known kind, and words behind its end."""
    data = draw_picture("JPEG", exif=exif(), xmp=xmp(), comment=SECRET, icc_profile=swapped_profile())
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(SECRET)) + SECRET
    parts = ((0xED, iptc), (0xEB, b"JP" + SECRET), (0xFE, SECRET))
    blocks = b"".join(b"\xff" + bytes([kind]) + struct.pack(">H", len(body) + 2) + body for kind, body in parts)
    return data[:2] + blocks + data[2:] + SECRET


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with_metadata() -> bytes:
    """A PNG with all kinds of text before and after its pixels, EXIF, a profile and a chunk of its own kind."""
    data = draw_picture("PNG", exif=exif(), icc_profile=swapped_profile())
    texts = (
        png_chunk(b"tEXt", b"Comment\0" + SECRET),
        png_chunk(b"zTXt", b"Place\0\0" + zlib.compress(SECRET, 0)),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp()),
        png_chunk(b"seCr", SECRET),
    )
    pixels, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    return data[:pixels] + b"".join(texts) + data[pixels:end] + b"".join(texts) + data[end:] + SECRET


def webp_with_metadata() -> bytes:
    data = draw_picture("WEBP", exif=exif(), xmp=xmp(), icc_profile=swapped_profile())
    own = b"seCr" + struct.pack("<I", len(SECRET)) + SECRET
    return data[:4] + struct.pack("<I", len(data) - 8 + len(own)) + data[8:] + own


def avif_with_metadata() -> bytes:
    data = draw_picture("AVIF", exif=exif(), xmp=xmp(), icc_profile=swapped_profile())
    return data + struct.pack(">I", 8 + len(SECRET)) + b"free" + SECRET


def gif_with_metadata() -> bytes:
    """A GIF with a comment, XMP as Adobe writes it, and words behind its end."""
    data = draw_picture("GIF")
    at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    comment = b"\x21\xfe" + bytes([len(SECRET)]) + SECRET + b"\0"
    tail = b"\x01" + bytes(range(255, -1, -1)) + b"\0"  # leads any program out of what it took for blocks
    metadata = b"\x21\xff\x0bXMP DataXMP" + xmp() + tail
    return data[:at] + comment + metadata + data[at:-1] + comment + b";" + SECRET


@pytest.fixture(scope="module")
def pictures_made_once() -> Iterator[None]:
    """Encode each size of each picture once in a process: the same bytes make the same picture, and take most of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "resize_picture", resized_once)
        patch.setattr(taken_pictures, "prepare_picture_with_wide_version", prepared_once)
        yield
