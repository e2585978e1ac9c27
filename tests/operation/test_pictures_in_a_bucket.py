"""What an operator does with pictures in a bucket: copy them there and back, export, import, ask the doctor."""

import json
from datetime import UTC, datetime
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from newsletter.buckets import Bucket, S3Timeouts
from newsletter.moving.folder import exporting
from newsletter.moving.taking import site
from newsletter.operation import diagnosis, doctor_checks
from newsletter.posts.models import Image
from newsletter.publication.pictures.storages import BucketMedia, FolderMedia, media
from tests.factories import make_post, make_publication
from tests.moving.site import house
from tests.support.processes import free_port
from tests.support.s3 import store_pictures_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.servers,
    pytest.mark.exhaustive,
    pytest.mark.usefixtures("english"),
]
NOW = datetime(2026, 11, 28, 20, tzinfo=UTC)  # four in the morning of the 29th, in Taipei
PICTURES = {f"{number:016x}/a.png": f"octets {number}".encode() for number in range(30)}


@pytest.fixture
def moved(settings, tmp_path):
    """Have this process be another installation: its folder, and where its pictures lie."""

    def move(name, url):
        house.move(settings, tmp_path / name)
        store_pictures_in(settings, url)
        return tmp_path / name

    return move


def fill(names=PICTURES):
    for name in names:
        media.put(name, BytesIO(PICTURES[name]))


def all_of(store):
    return dict(store.contents(store.picture_byte_counts()))


# --- Copying ---


def copy(*words):
    out = StringIO()
    call_command("copy_pictures", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_pictures_are_copied_into_the_bucket_and_back(s3, settings, moved):
    folder = moved("one", "")
    fill()
    media.put("cards/a-b.png", BytesIO(b"drawn when it is asked for"))
    settings.MEDIA_STORAGE_URL = s3.pictures_url

    assert copy().startswith("30 pictures were copied; all 30 are in s3://127.0.0.1")
    assert copy().startswith("0 pictures were copied; all 30 are in")
    assert all_of(BucketMedia(s3.pictures_url)) == all_of(FolderMedia()) == PICTURES

    moved("two", s3.pictures_url)
    assert copy("--back") == f"30 pictures were copied; all 30 are in {settings.MEDIA_ROOT}.\n"
    assert all_of(FolderMedia()) == PICTURES
    assert (folder / "media" / "cards" / "a-b.png").exists(), "nothing is removed"


def test_a_copy_that_broke_off_is_run_again(s3, settings, moved, monkeypatch):
    moved("one", "")
    fill()
    settings.MEDIA_STORAGE_URL = s3.pictures_url
    real, count = BucketMedia.put, []

    def put(self, name, source):
        count.append(name)
        if len(count) > 12:
            raise OSError("the line is cut")
        real(self, name, source)

    monkeypatch.setattr(BucketMedia, "put", put)
    with pytest.raises(CommandError, match=r"the line is cut\. Run it again: what is there stays"):
        copy()
    there = len(s3.names("pictures"))
    assert there == 12

    monkeypatch.undo()
    assert copy().startswith(f"{30 - there} pictures were copied; all 30 are")
    assert all_of(BucketMedia(s3.pictures_url)) == PICTURES


def test_without_a_bucket_there_is_nothing_to_copy(settings):
    settings.MEDIA_STORAGE_URL = ""

    with pytest.raises(CommandError, match="MEDIA_STORAGE_URL names no bucket"):
        copy()


# --- Out, and in again ---


@pytest.mark.parametrize("is_back", [False, True])
def test_an_export_is_equal_and_makes_an_equal_site(s3, settings, moved, tmp_path, is_back):
    """From files into a bucket, and from a bucket into files."""
    urls = [s3.pictures_url, ""] if is_back else ["", s3.pictures_url]
    moved("old", urls[0])
    make_publication()
    make_post(cover=Image.objects.create(digest="0" * 16, name="a.png", alt="a", width=2, height=1))
    fill()
    first = exporting.export(tmp_path / "first", timezone.now()).path
    house.empty()
    new = moved("new", urls[1])

    done = site.import_site(first, timezone.now())

    assert (done.pictures, all_of(media)) == (30, PICTURES)
    assert (new / "media").exists() == is_back, "what lies in a bucket is nowhere else"
    again = exporting.export(tmp_path / "again", timezone.now()).path
    told, found = (json.loads((one / "manifest.json").read_text())["files"] for one in (first, again))
    assert {name: one for name, one in found.items() if name.startswith("pictures/")} == {
        name: one for name, one in told.items() if name.startswith("pictures/")
    }


# --- The doctor ---


def test_the_doctor_names_a_bucket_that_is_away_or_refuses(s3, settings):
    urls = {
        s3.pictures_url: None,
        s3.pictures_url.replace("/pictures/", "/nowhere/"): "NoSuchBucket",
        s3.pictures_url.replace(f":{s3.port}/", ":9/"): "Could not connect to the endpoint URL",
        "": None,
    }
    for url, why in urls.items():
        store_pictures_in(settings, url)

        found = list(doctor_checks.picture_bucket_findings(NOW))

        assert [one.id for one in found] == (["media.away"] if why else [])
        assert all(why in one.message and "cret" not in one.message for one in found)
    assert s3.names("pictures") == [], "the doctor leaves nothing there"
    assert doctor_checks.picture_bucket_findings in diagnosis.ALL_CHECKS
    assert "media" not in doctor_checks.disk_readiness()


# --- Backups ---


@pytest.mark.parametrize("words", [["backup", "x.tar"], ["export_site", "x"]])
def test_nothing_is_written_without_the_pictures_and_it_is_said_why(settings, moved, tmp_path, monkeypatch, words):
    monkeypatch.setattr(Bucket, "timeouts", S3Timeouts(connect_seconds=1, read_seconds=1, tries=1))
    moved("old", f"s3://key:secret@127.0.0.1:{free_port()}/pictures?tls=false")
    make_publication()

    with pytest.raises(CommandError, match="Could not connect to the endpoint URL"):
        call_command(words[0], str(tmp_path / words[1]), *words[2:], stdout=StringIO(), stderr=StringIO())

    assert not [path.name for path in tmp_path.iterdir() if "x" in path.name]


FILL = f"""
from io import BytesIO
from newsletter.publication.pictures.storages import media
from tests.factories import make_publication, make_post

make_publication()
make_post(title="備份的一篇")
for name, octets in {PICTURES!r}.items():
    media.put(name, BytesIO(octets))
"""
FACTS = """
from newsletter.publication.pictures.storages import media
answer = {name: octets.decode() for name, octets in media.contents(media.picture_byte_counts())}
"""


def test_one_backup_brings_back_the_pictures_with_a_bucket_or_without(s3, make_product, tmp_path):
    expected = {name: octets.decode() for name, octets in PICTURES.items()}
    burnt = make_product()
    burnt.env["MEDIA_STORAGE_URL"] = s3.pictures_url
    burnt.shell(FILL)
    burnt.command("backup", str(tmp_path / "one.tar"))
    assert "would bring the newsletter back" in burnt.command("check_backup", str(tmp_path / "one.tar")).stdout
    assert len(s3.names("pictures")) == 30
    for name in s3.names("pictures"):
        s3.client().delete_object(Bucket="pictures", Key=name)

    on_files = make_product(is_new=True)
    on_files.command("restore", str(tmp_path / "one.tar"))
    assert on_files.shell(FACTS) == expected
    on_files.command("backup", str(tmp_path / "two.tar"))

    in_bucket = make_product(is_new=True)
    in_bucket.env["MEDIA_STORAGE_URL"] = s3.pictures_url
    done = in_bucket.command("restore", str(tmp_path / "two.tar"))
    assert "31 files" in done.stdout, "and the key"
    assert in_bucket.shell(FACTS) == expected
    assert not (in_bucket.data / "media").exists()
