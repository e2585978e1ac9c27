"""Backups in a bucket: made at night, tried, thinned, and brought back on another machine; on a real server of S3."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation

from newsletter.buckets import Bucket, bucket_from_url
from newsletter.operation import backup_findings
from newsletter.operation.backup import stores
from tests.support.processes import free_port

pytestmark = pytest.mark.exhaustive

NOW = datetime(2026, 11, 28, 20, tzinfo=UTC)  # four in the morning of the 29th, in Taipei
FILL = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from tests.factories import make_publication, make_post, make_subscriber

make_publication()
make_post(title="備份的一篇")
readers = [make_subscriber(email=f"reader{n}@example.org") for n in range(20)]
default_storage.save("ab/picture.webp", ContentFile(b"octets of a picture"))
"""
NIGHT = """
from datetime import datetime, UTC
from newsletter.operation.backup import nightly
nightly.store_departures()
row = nightly.make_due_backup(datetime(2026, 11, 28, 20, tzinfo=UTC))
answer = [str(row.day), row.octets, row.failure, row.trial, row.tried_at is not None]
"""
LEAVE = """
from django.utils import timezone
from newsletter.operation.backup import nightly
from subscribers.models import Subscriber
Subscriber.objects.get(email="reader3@example.org").unsubscribe(timezone.now())
nightly.store_departures()
nightly.store_departures()
"""
FACTS = """
from newsletter.posts.models import Post
from subscribers.models import Subscriber
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
restore_detection.detect_restore(timezone.now())
left = Subscriber.objects.filter(state="unsubscribed").values_list("email", flat=True)
answer = [Subscriber.objects.count(), list(left), list(Post.objects.values_list("title", flat=True))]
"""


@pytest.mark.servers
def test_a_machine_burns_and_comes_back_from_the_bucket(make_product, s3):
    burnt = make_product()
    burnt.env["BACKUP_URL"] = s3.url
    burnt.shell(FILL)
    s3.client().put_object(Bucket="nights", Key="news/newsletter-2026-11-29.tar", Body=b"of a machine before")
    for day in range(1, 15):
        s3.client().put_object(Bucket="nights", Key=f"news/newsletter-2026-11-{day:02}.tar", Body=b"x")

    day, octets, failure, trial, is_tried = burnt.shell(NIGHT)
    burnt.shell(LEAVE)  # after the backup

    assert (day, failure, trial, is_tried) == ("2026-11-29", "", "", True)
    names = s3.names()
    stored = s3.client().head_object(Bucket="nights", Key="news/newsletter-2026-11-29.tar")["ContentLength"]
    assert stored == octets
    assert [name for name in names if "found-" in name] == ["news/found-200000-newsletter-2026-11-29.tar"]
    assert "news/newsletter-2026-11-14.tar" in names
    assert "news/newsletter-2026-11-03.tar" not in names, "thinned"
    assert any(name.startswith("news/departures-") for name in names)
    assert not list(burnt.data.glob(".backup-*")), "nothing is left beside the product"

    new, path = make_product(is_new=True), s3.url.replace("?", "/newsletter-2026-11-29.tar?")
    done = new.command("restore", path)

    assert "Restored the backup" in done.stdout
    assert new.shell(FACTS) == [20, ["reader3@example.org"], ["備份的一篇"]], "who left since stays away"
    assert (new.data / "media" / "ab" / "picture.webp").read_bytes() == b"octets of a picture"


@pytest.mark.servers
def test_a_server_that_refuses_or_is_away_is_named_by_the_doctor(s3, settings):
    urls = {
        s3.url: None,
        s3.url.replace("/nights/", "/days/"): "NoSuchBucket",
        s3.url.replace(f":{s3.port}/", f":{free_port()}/"): "Could not connect to the endpoint URL",
    }
    for url, why in urls.items():
        settings.BACKUP_URL = url
        with translation.override("en"):
            found = list(backup_findings.place_findings(NOW))

        assert [one.id for one in found] == (["backups.away"] if why else [])
        assert all(why in one.message and "cret" not in one.message for one in found)


@pytest.mark.servers
def test_lines_of_two_machines_of_one_name_are_joined(s3, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    kept, source = stores.backup_store(s3.url), tmp_path / "departures"

    for lines in (b"\none\ntwo", b"\nthree"):
        source.write_bytes(lines)
        kept.merge("departures-mail1", source)

    assert bucket_from_url(s3.url).read("departures-mail1") == b"\none\ntwo\nthree"


@pytest.mark.servers
def test_an_object_that_is_not_there_is_an_error_in_words(s3, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"s3://127.0.0.1:\d+/nights/news: .*404"):
        bucket_from_url(s3.url).download("nothing.tar", tmp_path / "x")


# --- The URL ---


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "s3://key:se%2Fcret@s3.example.org/nights?region=eu-central-1",
            Bucket("nights", "", "https://s3.example.org", "eu-central-1", "key", "se/cret"),
        ),
        (
            "s3://key:secret@minio:9000/nights/a/b/?tls=false",
            Bucket("nights", "a/b/", "http://minio:9000", "us-east-1", "key", "secret"),
        ),
        ("s3:///nights", Bucket("nights")),
    ],
)
def test_a_bucket_by_its_url(url, expected):
    assert bucket_from_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@host",
        "s3://key@host/nights",
        "s3://key:secret@host/nights?color=red",
        "s3://key:s@h:x/nights",
        "/var/backups",
    ],
)
def test_what_is_no_bucket_is_refused_without_its_secret(url):
    with pytest.raises(ImproperlyConfigured) as refused:
        bucket_from_url(url)

    assert "BACKUP_URL" in str(refused.value)
    assert "secret@" not in str(refused.value)


def test_a_bucket_shows_no_secret():
    bucket = bucket_from_url("s3://key:hidden@s3.example.org/nights")

    assert "hidden" not in f"{bucket} {bucket!r}"


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)

    with pytest.raises(ImproperlyConfigured, match="uv sync --extra s3"):
        bucket_from_url("s3://key:secret@host/nights").sizes()
