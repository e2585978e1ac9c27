"""Nothing that a picture tells without showing it is kept, in whatever form it comes."""

from io import BytesIO

import pytest
from PIL import Image

from newsletter.publication.pictures.uploads import prepare, prepare_with_wide, resized
from tests.publication.pictures.test_gif import moving, shown
from tests.support import pictures
from tests.support.pictures import SECRET, swapped

TELLING = {
    "jpeg": pictures.telling_jpeg,
    "png": pictures.telling_png,
    "webp": pictures.telling_webp,
    "avif": pictures.telling_avif,
    "gif": pictures.telling_gif,
    "moving gif": lambda: pictures.telling_gif(moving()),
}


def red(form: str, mode: str = "RGB", **options: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).convert(mode).save(out, form, **options)
    return out.getvalue()


def seen(data: bytes) -> tuple[int, ...]:
    return Image.open(BytesIO(data)).convert("RGB").getpixel((3, 3))


@pytest.mark.parametrize("form", TELLING)
def test_no_byte_of_place_camera_or_comment_is_kept(form):
    data = TELLING[form]()
    assert data.count(SECRET) >= 2

    kept = prepare_with_wide(data)

    for octets in (kept.data, kept.wide.data if kept.wide else b""):
        assert SECRET not in octets
        assert not any(sign in octets for sign in (b"Exif", b"XMP", b"xmpmeta", b"8BIM", b"ICC_PROFILE", b"iCCP"))


@pytest.mark.parametrize("form", [form for form in TELLING if form != "moving gif"])
@pytest.mark.parametrize("made", ["jpg", "png", "webp", "avif"])
def test_no_other_form_of_it_tells_more(form, made):
    other = resized(TELLING[form](), 40, made)

    assert SECRET not in other
    info = Image.open(BytesIO(other)).info
    assert not {"exif", "xmp", "icc_profile", "comment", "XML:com.adobe.xmp"} & set(info)


def test_a_moving_picture_that_told_something_moves_as_before():
    told = pictures.telling_gif(moving())

    assert shown(prepare(told).data) == shown(moving())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_colours_are_those_that_the_profile_means(form):
    assert seen(red(form))[0] > 240

    red_part, green_part, blue_part = seen(prepare(red(form, icc_profile=swapped())).data)

    assert green_part > 240
    assert red_part < 20
    assert blue_part < 20


def test_a_clear_ground_stays_clear_when_colours_are_changed():
    out = BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 90)).save(out, "PNG", icc_profile=swapped())

    kept = Image.open(BytesIO(prepare(out.getvalue()).data))

    assert kept.getpixel((3, 3))[1] > 240
    assert kept.getpixel((3, 3))[3] == 90


@pytest.mark.parametrize(
    "profile",
    [b"\0" * 128, b"no profile", swapped()[:200], swapped()[:-60] + b"\xff" * 60, swapped().replace(b"RGB ", b"CMYK")],
    ids=["zeros", "words", "cut", "broken", "of another kind"],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_does_not_fit_is_left_out(profile, mode):
    kept = prepare(red("JPEG", mode, icc_profile=profile)).data

    assert "icc_profile" not in Image.open(BytesIO(kept)).info
    assert seen(kept)


def test_the_name_of_a_file_says_nothing_of_its_form():
    """A JPEG called photo.png, and a PNG called photo.jpg."""
    assert prepare(drawn := red("JPEG")).file_name("photo.png") == "photo.jpg"
    assert prepare(red("PNG")).file_name("photo.jpg") == "photo.png"
    assert Image.open(BytesIO(drawn)).format == "JPEG"


def test_a_picture_and_a_program_in_one_file_become_a_picture():
    told = red("PNG") + b"PK\x03\x04<script>alert(1)</script>"

    assert b"script" not in prepare(told).data


def test_the_same_bytes_make_the_same_picture_with_a_profile_too():
    data = red("JPEG", icc_profile=swapped())

    assert prepare(data) == prepare(data)
