"""Moving GIFs: what is seen stays, and only that."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageSequence

from newsletter.publication.pictures.gif import GifError, TooManyFrames, strip_gif

LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x05\x00\x00"


def moving(frames: int = 4, size: tuple[int, int] = (20, 10), **options: object) -> bytes:
    """Return a GIF in which a square moves over a see-through ground."""
    drawn = []
    for number in range(frames):
        frame = Image.new("RGBA", size, (0, 0, 0, 0))
        ImageDraw.Draw(frame).rectangle((number, 1, number + 3, 4), fill=(200, 40 * number % 256, 60, 255))
        drawn.append(frame)
    out = BytesIO()
    options = {"duration": [40 + 10 * number for number in range(frames)], "loop": 5, "disposal": 2} | options
    drawn[0].save(out, "GIF", save_all=True, append_images=drawn[1:], **options)
    return out.getvalue()


def block(label: int, *parts: bytes) -> bytes:
    return bytes([0x21, label]) + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def shown(data: bytes) -> list[tuple[int, bytes]]:
    """Return each frame as it is seen, with its duration."""
    image = Image.open(BytesIO(data))
    return [(frame.info["duration"], frame.convert("RGBA").tobytes()) for frame in ImageSequence.Iterator(image)]


def rewritten(data: bytes) -> bytes:
    return strip_gif(data, frames_max=1000).data


@pytest.mark.parametrize(
    "options", [{}, {"disposal": 1}, {"loop": 0}, {"optimize": True}, {"interlace": 1}, {"duration": 100}]
)
def test_every_frame_is_seen_as_long_as_before(options):
    data = moving(**options)

    anew = rewritten(data)

    assert shown(anew) == shown(data)
    assert len(shown(anew)) == 4
    assert Image.open(BytesIO(anew)).info["loop"] == options.get("loop", 5)


def test_what_plays_once_plays_once():
    data = moving(loop=None)

    assert b"NETSCAPE" not in rewritten(data)
    assert shown(rewritten(data)) == shown(data)


def test_nothing_but_frames_and_their_loop_is_kept():
    data = moving()
    start = data.index(LOOP)
    secrets = (
        block(0xFE, b"SECRET comment"),
        block(0xFF, b"XMP DataXMP", b"SECRET xmp"),
        block(0xFF, b"ICCRGBG1012", b"SECRET profile"),
        block(0x01, b"\0" * 12, b"SECRET text"),
        block(0xF3, b"SECRET of no known kind"),
    )

    anew = rewritten(data[:start] + b"".join(secrets) + data[start:-1] + b"".join(secrets) + b";" + b"SECRET behind")

    assert b"SECRET" not in anew
    assert b"XMP" not in anew
    assert anew == rewritten(data)


def test_a_frame_that_waits_for_a_key_does_not():
    data = bytearray(moving())
    control = data.index(b"\x21\xf9\x04")
    data[control + 3] |= 0x02

    assert rewritten(bytes(data)) == rewritten(moving())


def test_zeros_between_blocks_and_a_missing_end_are_forgiven():
    data = moving()
    start = data.index(LOOP)

    assert rewritten(data[:start] + b"\0\0" + data[start:-1]) == rewritten(data)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_what_ends_within_a_frame_is_refused(share):
    data = moving()

    with pytest.raises(GifError):
        strip_gif(data[: int(len(data) * share)], frames_max=1000)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"PNG" * 9, moving()[:-1] + b"\x07;"])
def test_what_is_no_gif_is_refused(data):
    with pytest.raises(GifError):
        strip_gif(data, frames_max=1000)


def test_frames_are_counted_before_they_are_decoded():
    with pytest.raises(TooManyFrames):
        strip_gif(moving(), frames_max=3)


def test_a_frame_that_leaves_the_screen_widens_it():
    data = bytearray(moving(disposal=1))
    last = data.rindex(b"\x2c")
    data[last + 1 : last + 5] = struct.pack("<HH", 60_000, 50_000)

    width, height = strip_gif(bytes(data), frames_max=1000).size

    assert width > 60_000
    assert height > 50_000
