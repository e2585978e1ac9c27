"""Files that are small and decode to much: refused fast and in little memory, measured in a process of their own."""

import json
import os
import struct
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

import pytest

from tests.support.pictures import draw_picture, png_chunk

pytestmark = pytest.mark.exhaustive

SECONDS = 2.0  # of CPU time for one
MEGABYTE = 1 << 20
MEGABYTES = 100  # that the process may grow by, all in all
MEASURE = """
import json, resource, sys, time, warnings
import django
django.setup()
from newsletter.publication.pictures.uploads import PictureError, prepare_picture
prepare_picture(open(sys.argv[1], "rb").read())
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
warnings.simplefilter("ignore")
found, before = {}, peak()
for path in sys.argv[2:]:
    data, began = open(path, "rb").read(), time.process_time()
    try:
        prepare_picture(data)
        said = ""
    except PictureError as error:
        said = str(error)
    found[path.rpartition("/")[2]] = [time.process_time() - began, peak() - before, said]
print(json.dumps(found))
"""


def png(width: int, height: int, *chunks: bytes, kind: int = 2) -> bytes:
    """Return a whole PNG of one colour. kind: 2 for colours, 0 for grey."""
    pixels = zeros((1 + width * (3 if kind == 2 else 1)) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [png_chunk(b"IHDR", head), *chunks, png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b"")]
    )


@cache
def zeros(octets: int) -> bytes:
    """Return what zlib decodes to so many zeros: a packed megabyte again and again, and the sum that RFC 1950 asks."""
    whole, rest = divmod(octets, MEGABYTE)
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(rest)) + packer.flush()
    return b"\x78\xda" + block * whole + end + struct.pack(">HH", octets % 65_521, 1)


def jpeg_of(width: int, height: int) -> bytes:
    """Return a JPEG whose head says another size than it has."""
    data = draw_picture("JPEG")
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">HH", height, width) + data[frame + 4 :]


def jpeg_of_many_scans() -> bytes:
    """Return a progressive JPEG with its last scan two thousand times: each goes over all of its pixels."""
    data = draw_picture("JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * 2000 + data[-2:]


def gif_of(frames: int, width: int, height: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * frames + b";"


def gif_with_a_large_second_frame() -> bytes:
    return gif_of(1, 1, 1)[:-1] + gif_of(1, 65_535, 65_535)[19:]


def webp_of(width: int, height: int) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    small = draw_picture("WEBP")
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size + small[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


BOMBS = {
    "a line of 40 million pixels": lambda: png(40_000_000, 1),
    "a column of 40 million pixels": lambda: png(1, 40_000_000, kind=0),
    "a profile of 300 megabytes": lambda: png(8, 8, png_chunk(b"iCCP", b"icc\0\0" + zeros(300 * MEGABYTE))),
    "a text of 300 megabytes": lambda: png(8, 8, png_chunk(b"zTXt", b"Comment\0\0" + zeros(300 * MEGABYTE))),
    "an international text of 300 megabytes": lambda: png(
        8, 8, png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(300 * MEGABYTE))
    ),
    "a thousand texts of a megabyte": lambda: png(8, 8, *[png_chunk(b"zTXt", b"Comment\0\0" + zeros(MEGABYTE))] * 1000),
    "a JPEG as wide as can be": lambda: jpeg_of(65_500, 600),
    "a JPEG of two thousand scans": jpeg_of_many_scans,
    "a GIF of half a million frames": lambda: gif_of(500_000, 1, 1),
    "a GIF with a large second frame": gif_with_a_large_second_frame,
    "a GIF of a thousand large frames": lambda: gif_of(1000, 5000, 5000),
    "a WebP as large as can be": lambda: webp_of(16_383, 16_383),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, tuple[float, float, str]]:
    folder = tmp_path_factory.mktemp("bombs")
    paths = []
    for name, made in [("fine", lambda: draw_picture("PNG")), *BOMBS.items()]:
        paths.append(folder / name)
        paths[-1].write_bytes(made())
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    done = subprocess.run(command, cwd=root, env=os.environ, capture_output=True, text=True, check=True, timeout=300)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(measured, name):
    seconds, _megabytes, said = measured[name]

    assert said
    assert seconds < SECONDS


def test_no_bomb_takes_memory(measured):
    assert set(measured) == set(BOMBS)
    assert max(megabytes for _seconds, megabytes, _said in measured.values()) < MEGABYTES
