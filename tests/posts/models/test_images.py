"""The sizes and forms of a picture, made of real files."""

from datetime import UTC, datetime
from functools import cache
from io import BytesIO, StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from PIL import Image as Pillow
from PIL import ImageDraw

from newsletter.posts.models import Image
from newsletter.posts.models.images import QUICK_FORMATS, SLOW_FORMATS
from newsletter.posts.tasks import finish_pictures
from newsletter.publication.pictures.uploads import (
    PictureError,
    prepare_picture,
    prepare_picture_with_wide_version,
    resize_picture,
)
from tests.support.pictures import prepared_once, swapped_profile

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("pictures_made_once"),
]
NOW = datetime(2026, 10, 1, tzinfo=UTC)
ORIENTATION, TURNED_RIGHT = 0x0112, 6


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@cache
def drawn(width, height, mode="RGB"):
    """Return lines on a slope of grey: neither a form nor a size has it easy."""
    image = Pillow.radial_gradient("L").resize((width, height)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for left in range(0, width, 7):
        pen.line([(left, 0), (width - left, height)], fill=(left % 255, 90, 140))
    return image.convert(mode)


def file(width=2400, height=120, form="JPEG", mode="RGB", **options):
    """Return a picture as wide as the sizes need it, and low, because each size costs as much as it has pixels."""
    out = BytesIO()
    drawn(width, height, mode).save(out, form, **options)
    return out.getvalue()


def plain(width, height):
    """Return a picture of one colour, whatever its size made in no time."""
    out = BytesIO()
    Pillow.new("L", (width, height), 200).save(out, "JPEG")
    return out.getvalue()


def kept(data, name="a.jpg"):
    return Image.objects.get_or_store(prepared_once(data), name, "alt")[0]


def names(media):
    return sorted(path.name for path in media.rglob("*") if path.is_file())


def opened(media, image, form, width):
    return Pillow.open(BytesIO((media / image.url_for(form, width).removeprefix("/media/")).read_bytes()))


def test_an_upload_has_the_sizes_that_take_no_time_at_once(media):
    image = kept(file())

    assert image.sizes == {"fallback": [640, 2000], "webp": [640, 1280, 2000], "thumb": [324]}
    assert (image.width, image.height) == (1280, 64)
    assert names(media) == [
        *("a-1280.webp", "a-2000.jpg", "a-2000.webp", "a-324.webp", "a-640.jpg", "a-640.webp", "a.jpg")
    ]


def test_a_list_shows_the_small_one_and_texts_and_mails_never_do():
    image = kept(file())

    assert image.thumbnail == f"/media/{image.digest}/a-324.webp"
    assert 324 not in [*image.widths("fallback"), *image.widths("webp"), *image.widths("avif")]


def drawing(width=1000, height=200):
    """Return rings in two colours, of which few bytes are made; narrower, their edges have many colours."""
    image = Pillow.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    for number in range(70):
        left, top = number * 173 % width, number * 89 % height
        pen.ellipse([left, top, left + 60 + number, top + 40 + number], outline=(155, 49, 17), width=2)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.exhaustive
def test_the_small_one_of_a_drawing_weighs_little(media):
    image = kept(drawing(), "a.png")

    small = (media / image.url_for("thumb", 324).removeprefix("/media/")).stat().st_size
    lossless = len(resize_picture(drawing(), 324, "webp"))
    assert small < lossless / 2


def test_the_slow_form_comes_later_and_a_picture_is_finished_once(media):
    image = kept(file())
    assert "avif" not in image.sizes

    finish_pictures()
    image.refresh_from_db()

    assert image.sizes["avif"] == [640, 1280]
    assert image.finished_at
    assert not Image.objects.unfinished()


def test_a_size_that_exists_is_never_written_again(media):
    image = kept(file())
    written = {name: (media / image.digest / name).stat().st_mtime_ns for name in names(media)}

    image.make_sizes(QUICK_FORMATS)
    kept(file(), "again.jpg")

    assert {name: (media / image.digest / name).stat().st_mtime_ns for name in names(media)} == written


def test_the_sizes_stand_upright_and_tell_nothing_of_the_camera(media):
    exif = Pillow.Exif()
    exif[ORIENTATION] = TURNED_RIGHT
    exif[0x010F] = "Leica"

    image = kept(file(160, 700, exif=exif))
    image.finish(NOW)

    assert (image.width, image.height) == (700, 160)
    assert opened(media, image, "avif", 640).size == (640, 146)
    for path in media.rglob("*.*"):
        assert dict(Pillow.open(BytesIO(path.read_bytes())).getexif()) == {}
        assert b"Leica" not in path.read_bytes()


@pytest.mark.exhaustive
def test_no_size_carries_a_colour_profile(media):
    image = kept(file(icc_profile=swapped_profile()))
    image.finish(NOW)

    found = {
        path.suffix: Pillow.open(BytesIO(path.read_bytes())).info.get("icc_profile") for path in media.rglob("*.*")
    }
    assert found == {".jpg": None, ".webp": None, ".avif": None}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("given", "fallback", "forms"),
    [
        ({"form": "JPEG", "mode": "CMYK"}, "JPEG", {"fallback", "webp", "avif", "thumb"}),
        ({"form": "JPEG", "mode": "L"}, "JPEG", {"fallback", "webp", "avif", "thumb"}),
        ({"form": "PNG", "mode": "I;16"}, "PNG", {"fallback", "webp", "thumb"}),
        ({"form": "PNG", "mode": "P"}, "PNG", {"fallback", "webp", "thumb"}),
        ({"form": "WEBP"}, "JPEG", {"fallback", "webp", "avif", "thumb"}),
        ({"form": "AVIF", "width": 800}, "JPEG", {"fallback", "webp", "avif", "thumb"}),
    ],
    ids=["cmyk", "grey", "16 bit", "palette", "webp", "avif"],
)
def test_whatever_can_be_read_has_sizes(media, given, fallback, forms):
    image = kept(file(**given))

    assert image.finish(NOW)

    assert set(image.sizes) == forms
    assert opened(media, image, "fallback", 640).format == fallback


def test_a_clear_background_stays_clear_in_every_size(media):
    clear = drawn(1600, 120).convert("RGBA")
    clear.putalpha(Pillow.new("L", clear.size, 0))
    out = BytesIO()
    clear.save(out, "PNG")

    image = kept(out.getvalue(), "a.png")
    image.finish(NOW)

    assert "avif" not in image.sizes
    assert opened(media, image, "fallback", 640).getpixel((5, 5))[3] == 0
    assert opened(media, image, "webp", 640).convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.exhaustive
def test_a_drawing_keeps_every_pixel_as_webp(media):
    image = kept(file(900, 200, "PNG"), "a.png")

    sharp = opened(media, image, "fallback", 900).convert("RGB")
    assert opened(media, image, "webp", 900).convert("RGB").tobytes() == sharp.tobytes()


def test_a_picture_that_moves_is_left_alone(media):
    out = BytesIO()
    drawn(900, 90).save(out, "GIF", save_all=True, append_images=[drawn(900, 90, "L")])

    image = kept(out.getvalue(), "a.gif")

    assert image.finish(NOW)
    assert not any(image.sizes.values())
    assert names(media) == ["a.gif"]


@pytest.mark.exhaustive
def test_the_largest_picture_that_is_taken_has_sizes(media):
    image = kept(plain(8000, 4900))

    assert image.widths("fallback") == [640, 1280, 2000]
    with pytest.raises(PictureError):
        prepare_picture_with_wide_version(plain(8000, 5001))


@pytest.mark.parametrize("harm", ["lost", "cut", "no picture"])
def test_a_picture_whose_file_is_broken_is_given_up_and_keeps_its_address(media, harm, caplog):
    image = kept(file(1000, 150))
    other = kept(file(900, 120))
    path = media / image.digest / "a.jpg"
    {"lost": path.unlink, "cut": lambda: path.write_bytes(path.read_bytes()[:3000])}.get(
        harm, lambda: path.write_bytes(b"<svg>")
    )()
    Image.objects.filter(pk=image.pk).update(sizes={})

    finish_pictures()

    assert not Image.objects.unfinished()
    assert Image.objects.get(pk=image.pk).sizes == {}
    assert Image.objects.get(pk=other.pk).sizes["avif"]
    assert f"no sizes of picture {image.pk}" in caplog.text


def test_the_same_upload_years_later_brings_the_pixels_that_were_not_kept(media):
    old = Image.objects.get_or_store(prepare_picture(file()), "a.jpg", "alt")[0]
    assert old.widths("fallback") == [640, 1280]

    kept(file(), "b.jpg")
    old.refresh_from_db()

    assert old.widths("fallback") == [640, 1280, 2000]
    assert old.widths("webp") == [640, 1280, 2000]


def test_the_command_makes_sizes_of_pictures_from_before(media):
    old, lost = kept(file(1000, 150)), kept(file(1000, 140))
    for name in names(media / old.digest):
        if name != "a.jpg":
            (media / old.digest / name).unlink()
    (media / lost.digest / "a.jpg").unlink()
    Image.objects.update(sizes={}, finished_at=None)
    out, err = StringIO(), StringIO()

    call_command("make_picture_sizes", stdout=out, stderr=err)

    old.refresh_from_db()
    assert old.sizes == {"fallback": [640], "webp": [640, 1000], "avif": [640, 1000], "thumb": [324]}
    assert out.getvalue().endswith("1 pictures have all their sizes now; 1 cannot be read.\n")
    assert f"{lost.get_absolute_url()} cannot be read" in err.getvalue()


@pytest.mark.parametrize(("form", "kind"), [("webp", "image/webp"), ("avif", "image/avif"), ("fallback", "image/jpeg")])
def test_sizes_are_served_for_ever(form, kind):
    image = kept(file())
    image.make_sizes(SLOW_FORMATS)

    served = Client().get(image.url_for(form, 640))

    assert served.headers["Content-Type"] == kind
    assert "immutable" in served.headers["Cache-Control"]
    served.close()


def test_nobody_else_on_the_machine_may_read_the_files(media):
    kept(file())

    assert {path.stat().st_mode & 0o777 for path in media.rglob("*.*")} == {0o600}
