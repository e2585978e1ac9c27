"""What an upload becomes, and what is refused."""

import struct
import warnings
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageDraw

from newsletter.publication.pictures.uploads import (
    BYTES_MAX,
    SIDE_MAX,
    PictureError,
    prepare_picture,
    resize_picture,
)
from tests.support import pictures
from tests.support.pictures import SECRET, swapped_profile

ORIENTATION, GPS, MAKE = 0x0112, 0x8825, 0x010F
TURNED_RIGHT = 6  # the camera was held upright: rotate by 90 degrees to see it

pytestmark = pytest.mark.usefixtures("english")


def picture(form: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: object) -> bytes:
    out = BytesIO()
    drawn = Image.linear_gradient("L").resize(size).convert(mode)
    if mode == "RGBA":
        drawn.putalpha(Image.linear_gradient("L").resize(size))
    drawn.save(out, form, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


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


def exif(**tags: object) -> Image.Exif:
    made = Image.Exif()
    made[ORIENTATION] = TURNED_RIGHT
    made[MAKE] = "Leica"
    made[GPS] = {1: "N", 2: (25.0, 2.0, 1.0)}
    return made


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge, in a few bytes."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b""), b"IEND")
    body = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("form", "mode", "suffix"),
    [
        ("JPEG", "RGB", ".jpg"),
        ("JPEG", "CMYK", ".jpg"),
        ("JPEG", "L", ".jpg"),
        ("PNG", "RGB", ".png"),
        ("PNG", "P", ".png"),
        ("PNG", "RGBA", ".png"),
        ("GIF", "P", ".png"),
        ("WEBP", "RGB", ".jpg"),  # Outlook shows no WebP
        ("WEBP", "RGBA", ".png"),
        ("AVIF", "RGB", ".jpg"),
    ],
)
def test_photographs_become_jpeg_and_what_is_drawn_or_clear_png(form, mode, suffix):
    prepared = prepare_picture(picture(form, mode=mode))

    assert prepared.name_suffix == suffix
    assert opened(prepared.data).format == {".jpg": "JPEG", ".png": "PNG"}[suffix]
    assert opened(prepared.data).mode in {"RGB", "RGBA", "L"}
    assert (prepared.width, prepared.height) == opened(prepared.data).size == (60, 40)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_picture_stands_upright_and_tells_neither_place_nor_camera(form):
    prepared = prepare_picture(picture(form, exif=exif()))

    assert (prepared.width, prepared.height) == (40, 60)
    assert dict(opened(prepared.data).getexif()) == {}
    assert b"Leica" not in prepared.data


def test_comments_and_xmp_are_left_behind():
    prepared = prepare_picture(picture("JPEG", comment=b"at home", xmp=b"<x:xmpmeta>secret</x:xmpmeta>"))

    assert b"at home" not in prepared.data
    assert b"secret" not in prepared.data


def test_a_clear_background_stays_clear():
    out = BytesIO()
    drawn = Image.new("L", (8, 8), 3).convert("P")
    drawn.save(out, "PNG", transparency=drawn.getpixel((0, 0)))

    assert opened(prepare_picture(out.getvalue()).data).getpixel((0, 0))[3] == 0


@pytest.mark.parametrize(
    ("size", "wanted"), [((2560, 100), (1280, 50)), ((1280, 9), (1280, 9)), ((4000, 1), (1280, 1))]
)
def test_a_wide_picture_is_narrowed_and_a_narrow_one_never_widened(size, wanted):
    prepared = prepare_picture(picture("PNG", size))

    assert (prepared.width, prepared.height) == wanted


def test_a_moving_gif_stays_as_it_came():
    data = moving(size=(2000, 10))

    prepared = prepare_picture(data)

    assert prepared.data == data
    assert (prepared.name_suffix, prepared.width, prepared.height) == (".gif", 2000, 10)
    assert prepare_picture(prepared.data) == prepared


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_moving_gif_that_ends_within_a_frame_is_refused(share):
    data = moving()

    with pytest.raises(PictureError):
        prepare_picture(data[: int(len(data) * share)])


@pytest.mark.parametrize(("frames", "size"), [(1001, (3, 1)), (30, (3000, 3000))])
def test_a_picture_that_moves_for_too_long_is_refused(frames, size):
    data = moving(3)
    head, frame = data[: data.index(b"\x21\xf9")], data[data.index(b"\x21\xf9") : -1]
    screen = struct.pack("<HH", *size)

    with pytest.raises(PictureError, match="The picture moves for too long: at most 1,000 frames, and 200 million"):
        prepare_picture(head[:6] + screen + head[10:] + frame * (frames // 3 + 1) + b";")


def test_the_same_content_has_the_same_address():
    first, second, other = (
        prepare_picture(picture()),
        prepare_picture(picture()),
        prepare_picture(picture(size=(61, 40))),
    )

    assert first == second
    assert first.digest != other.digest
    assert len(first.digest) == 16
    assert int(first.digest, 16) >= 0


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"\xff\xd8\xff"]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(PictureError, match=r"^This is not a picture that can be read\. JPEG, PNG, GIF and WebP can\.$"):
        prepare_picture(data)


def test_a_format_that_browsers_do_not_show_is_refused():
    with pytest.raises(PictureError, match="not a picture that can be read"):
        prepare_picture(picture("TIFF"))


@pytest.mark.parametrize("form", ["JPEG", "GIF", "WEBP"])
def test_a_picture_that_ends_too_early_is_refused(form):
    whole = picture(form, (300, 300))

    with pytest.raises(PictureError):
        prepare_picture(whole[: len(whole) * 2 // 3])


@pytest.mark.parametrize("size", [(8000, 5001), (15_000, 10_000), (65_000, 65_000)])
def test_a_bomb_is_refused_before_it_is_decoded(size):
    with pytest.raises(PictureError) as refused:
        prepare_picture(bomb(*size))

    assert str(refused.value) == "The picture has more than 40 million pixels. Make it smaller and try again."


@pytest.mark.parametrize("size", [(SIDE_MAX + 1, 1), (1, SIDE_MAX + 1), (40_000_000, 1)])
def test_a_long_thin_picture_is_refused_before_it_is_decoded(size):
    with pytest.raises(PictureError) as refused:
        prepare_picture(bomb(*size))

    assert str(refused.value) == "The picture is wider or higher than 16,384 pixels. Make it smaller and try again."


def test_more_than_ten_megabytes_are_refused_unread():
    with pytest.raises(PictureError) as refused:
        prepare_picture(b"\0" * (BYTES_MAX + 1))

    assert str(refused.value) == "The file is larger than 10 MB. Make the picture smaller and try again."


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_any_broken_byte_ends_in_a_picture_or_a_clear_refusal(form):
    whole = picture(form, exif=exif()) if form != "GIF" else picture(form, mode="P")
    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        broken = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                prepare_picture(broken)
            except PictureError:
                refused += 1

    assert refused > 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Team Photo (1).JPEG", "team-photo-1.jpg"),
        ("C:\\Users\\gipi\\Desktop\\chart.png", "chart.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("管理槓桿.jpg", "picture.jpg"),
        ("管理 2.jpg", "2.jpg"),
        ("---.jpg", "picture.jpg"),
        ("", "picture.jpg"),
    ],
)
def test_the_file_name_is_latin_and_safe(given, kept):
    assert prepare_picture(picture()).file_name(given) == kept


TELLING = {
    "jpeg": pictures.jpeg_with_metadata,
    "png": pictures.png_with_metadata,
    "webp": pictures.webp_with_metadata,
    "avif": pictures.avif_with_metadata,
    "gif": pictures.gif_with_metadata,
}


def red(form: str, mode: str = "RGB", **options: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).convert(mode).save(out, form, **options)
    return out.getvalue()


def seen(data: bytes) -> tuple[int, ...]:
    return Image.open(BytesIO(data)).convert("RGB").getpixel((3, 3))


@pytest.mark.parametrize("form", TELLING)
@pytest.mark.parametrize("made", ["jpg", "png", "webp", "avif"])
def test_no_other_form_of_it_tells_more(form, made):
    other = resize_picture(TELLING[form](), 40, made)

    assert SECRET not in other
    info = Image.open(BytesIO(other)).info
    assert not {"exif", "xmp", "icc_profile", "comment", "XML:com.adobe.xmp"} & set(info)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_colours_are_those_that_the_profile_means(form):
    assert seen(red(form))[0] > 240

    red_part, green_part, blue_part = seen(prepare_picture(red(form, icc_profile=swapped_profile())).data)

    assert green_part > 240
    assert red_part < 20
    assert blue_part < 20


@pytest.mark.parametrize(
    "profile",
    [
        b"\0" * 128,
        b"no profile",
        swapped_profile()[:200],
        swapped_profile()[:-60] + b"\xff" * 60,
        swapped_profile().replace(b"RGB ", b"CMYK"),
    ],
    ids=["zeros", "words", "cut", "broken", "of another kind"],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_does_not_fit_is_left_out(profile, mode):
    kept = prepare_picture(red("JPEG", mode, icc_profile=profile)).data

    assert "icc_profile" not in Image.open(BytesIO(kept)).info
    assert seen(kept)


def test_a_picture_and_a_program_in_one_file_become_a_picture():
    told = red("PNG") + b"PK\x03\x04<script>alert(1)</script>"

    assert b"script" not in prepare_picture(told).data
