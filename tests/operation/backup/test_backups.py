"""`manage.py backup`, `restore` and `check_backup`: a day of an operator who runs them, and what else may come."""

import gzip
import os
import subprocess
import sys
import tarfile

import pyrage
import pytest

from newsletter.operation.backup.archive import DUMP_PREFIX
from tests.support.product import ROOT, Product

pytestmark = pytest.mark.servers

FILL = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from newsletter.delivery.models import DaySalt, Link, Mailing, Visit
from tests.factories import make_issue, make_publication, make_post, make_subscriber
from subscribers.models import Subscriber

make_publication()
make_post(title="備份的一篇")
readers = [make_subscriber(email=f"reader{n}@example.org") for n in range(20)]
default_storage.save("ab/picture.webp", ContentFile(b"octets of a picture"))
readers[0].unsubscribe(timezone.now())
frozen = {"subject": "寄出的一期", "html": "", "text": "", "content_hash": "", "approved_at": timezone.now()}
mailing = Mailing.objects.create(issue=make_issue(), send_at=timezone.now(), state="sent", **frozen)
link = Link.objects.create(mailing=mailing, token="LINK", url="https://example.org/")
DaySalt.objects.create(day="2026-08-03", salt="salt-a-day")
Visit.objects.create(link=link, day="2026-08-03", who="0123456789abcdef", network="n", at=timezone.now())
answer = Subscriber.objects.get(email="reader5@example.org").token("unsubscribe")
"""
CHANGE = """
from django.utils import timezone
from newsletter.posts.models import Post
from subscribers.models import Subscriber

Post.objects.update(title="後來的標題")
Subscriber.objects.get(email="reader1@example.org").unsubscribe(timezone.now())
Subscriber.objects.filter(email__in=["reader7@example.org", "reader8@example.org"]).delete()
"""
FACTS = """
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
from newsletter.delivery.models import DaySalt, Link, Visit
from newsletter.delivery.models.deliveries import Restoration
from newsletter.posts.models import Post
from subscribers.models import Subscriber

restore_detection.detect_restore(timezone.now())
answer = {{
    "titles": sorted(Post.objects.values_list("title", flat=True)),
    "readers": Subscriber.objects.count(),
    "left": sorted(Subscriber.objects.filter(state="unsubscribed").values_list("email", flat=True)),
    "locked": restore_detection.is_restore_undecided(),
    "made_at": Restoration.objects.exclude(made_at=None).exists(),
    "links": [model.objects.count() for model in (Link, Visit, DaySalt)],
    "opens": Subscriber.objects.for_token({token!r}, "unsubscribe") is not None,
}}
"""
LEFT = ["reader0@example.org", "reader1@example.org"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)])
def product(request, make_product) -> Product:
    if request.param == "sqlite":
        return make_product()
    postgres = request.getfixturevalue("migrated_postgres")
    made = make_product(database_url=request.getfixturevalue("migrated_postgres_url"))
    made.env["PATH"] = f"{postgres.programs}:{made.env['PATH']}"
    return made


def facts(product: Product, token: str) -> dict:
    return product.shell(FACTS.format(token=token))


def test_a_day_of_a_backup(product, tmp_path):
    """Made while everything runs; tried; in the place of what is there; and on a new machine."""
    if not product.env["DATABASE_URL"]:
        del product.env["STATIC_ROOT"]  # its own static files are collected by `up`, and copied by the drill
    token, path = product.shell(FILL), tmp_path / "one.tar"
    product.start()
    made = product.command("backup", str(path))
    assert "rows" in made.stdout
    assert path.stat().st_mode & 0o077 == 0
    assert b"salt-a-day" not in _database_in(path)

    assert "would bring the newsletter back" in product.command("check_backup", str(path)).stdout

    product.shell(CHANGE)
    running = product.command("restore", "--replace", str(path), check=False)
    assert (running.returncode, "is running" in running.stderr) == (1, True)
    product.stop()

    not_empty = product.command("restore", str(path), check=False)
    assert (not_empty.returncode, "--replace" in not_empty.stderr) == (1, True)
    assert facts(product, token)["titles"] == ["後來的標題"]

    done = product.command("restore", "--replace", str(path))
    assert "/admin/restored/" in done.stdout
    assert "who paused" in done.stdout
    wanted = {"titles": ["備份的一篇"], "readers": 20, "left": LEFT, "locked": True, "made_at": True, "opens": True}
    wanted["links"] = [1, 0, 0]  # by a day's salt its hashes could be traced to networks
    assert facts(product, token) == wanted
    assert not list(product.data.glob("*.unfinished"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("product", ["postgresql"], indirect=True)
def test_a_burnt_machine(product, make_product, tmp_path, migrated_postgres):
    token, path = product.shell(FILL), tmp_path / "one.tar"
    product.command("backup", str(path))
    other = make_product(is_new=True, database_url=migrated_postgres.new_database())
    other.env["PATH"] = product.env["PATH"]

    other.command("restore", str(path))

    found = facts(other, token)
    assert found == {
        "titles": ["備份的一篇"],
        "readers": 20,
        "left": LEFT[:1],
        "locked": True,
        "made_at": True,
        "opens": True,
        "links": [1, 0, 0],
    }
    assert (other.data / "media/ab/picture.webp").read_bytes() == b"octets of a picture"
    assert (other.data / "secret_key").read_text().strip() == (product.data / "secret_key").read_text().strip()
    assert not list(other.data.glob("before_restore_*"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("product", ["postgresql"], indirect=True)
def test_a_backup_that_cannot_be_loaded_leaves_all_as_it_was(product, tmp_path):
    """The archive is whole, its dump is not one: loading fails after what was there was put aside."""
    token, path = product.shell(FILL), tmp_path / "one.tar"
    product.command("backup", str(path))
    product.shell(CHANGE)
    before = facts(product, token)
    broken = tmp_path / "broken.tar"
    _with_other_dump(path, broken)

    tried = product.command("check_backup", str(broken), check=False)
    done = product.command("restore", "--replace", str(broken), check=False)

    assert (tried.returncode, done.returncode) == (1, 1)
    assert "Traceback" not in tried.stderr + done.stderr
    assert facts(product, token) == before
    assert product.command("backup", str(tmp_path / "two.tar")).returncode == 0


@pytest.mark.exhaustive
def test_a_restore_that_fails_halfway_leaves_an_empty_machine_empty(make_product, tmp_path):
    """The database is loaded, then the disk takes no picture: what is loaded is not locked yet, so it may not stay."""
    product, path = make_product(), tmp_path / "one.tar"
    token = product.shell(FILL)
    product.command("backup", str(path))
    other = make_product(is_new=True)
    other.data.mkdir(parents=True, exist_ok=True)
    (other.data / "media").write_bytes(b"a file where a folder belongs")

    failed = other.command("restore", str(path), check=False)
    assert (failed.returncode, "Nothing was restored" in failed.stderr) == (1, True)

    (other.data / "media").unlink()
    other.command("restore", str(path))
    assert facts(other, token)["locked"]


def _with_other_dump(old, new):
    from newsletter.operation.backup.archive import BackupReader, BackupWriter

    with old.open("rb") as source, new.open("wb") as target:
        reader, writer = BackupReader(source), BackupWriter(target)
        writer.add_json("manifest.json", reader.manifest)
        for member in reader:
            octets = member.source.read()
            writer.add(member.name, octets[: len(octets) // 2] if member.name.startswith("database/") else octets)
        writer.finish()


@pytest.mark.exhaustive
def test_encrypted_for_a_key_that_is_not_on_the_machine(make_product, tmp_path):
    product, path, key = make_product(), tmp_path / "one.tar.age", pyrage.x25519.Identity.generate()
    del product.env["STATIC_ROOT"]  # nothing was collected yet: the drill does it
    product.env["BACKUP_AGE_KEY"] = str(key.to_public())
    product.shell(FILL)
    identity = tmp_path / "key.txt"
    identity.write_text(str(key))

    plain = product.command("backup", str(tmp_path / "plain.tar"), check=False)
    product.command("backup", str(path))
    closed = product.command("check_backup", str(path), check=False)
    opened = product.command("check_backup", "--identity", str(identity), str(path))

    assert (plain.returncode, "let its name end in .age" in plain.stderr) == (1, True)
    assert b"reader" not in path.read_bytes()
    assert (closed.returncode, "--identity" in closed.stderr) == (1, True)
    assert "would bring the newsletter back" in opened.stdout


AT_NOON = """
from datetime import UTC, datetime
from newsletter.publication.models import Publication
from django.contrib.auth.models import User
from tests.factories import make_publication

make_publication(time_zone="Etc/GMT%+d" % (datetime.now(UTC).hour - 12))
User.objects.create_superuser("author", "author@example.org", "a-password-of-the-test")
"""
NIGHTS = """
from newsletter.operation.models import NightlyBackup
answer = [[bool(row.made_at), bool(row.tried_at), row.failure, row.trial] for row in NightlyBackup.objects.all()]
"""


@pytest.mark.exhaustive
def test_a_night(make_product, tmp_path):
    """Made once, tested and reported; old ones removed; departures survive the loss of the machine."""
    product, folder = make_product(), tmp_path / "kept"
    product.env["BACKUP_URL"] = str(folder)
    token = product.shell(FILL)
    product.shell(AT_NOON)
    folder.mkdir()
    for month in range(1, 13):
        (folder / f"newsletter-2024-{month:02}-01.tar").touch()

    assert "made" in product.command("backup", "--nightly").stdout
    assert "No backup is due" in product.command("backup", "--nightly").stdout

    assert product.shell(NIGHTS) == [[True, True, "", ""]]
    (mail,) = [path.read_text() for path in (product.data / "outbox").rglob("*.eml")]
    assert "To: author@example.org" in mail
    assert len(list(folder.glob("newsletter-*.tar"))) == 12
    path = max(folder.glob("newsletter-*.tar"))
    product.shell(CHANGE)
    product.shell("from newsletter.operation.backup.nightly import store_departures\nstore_departures()")

    other = make_product(is_new=True)
    other.command("restore", str(path))
    assert facts(other, token)["left"] == LEFT


ON_A_FULL_DISK = """
import resource
from django.core.management import CommandError, call_command

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    call_command("backup", nightly=True)
    answer = "made"
except CommandError as error:
    answer = str(error)
"""


def test_a_night_without_room_is_told(make_product, tmp_path):
    product = make_product()
    product.env["BACKUP_URL"] = str(tmp_path / "kept")
    product.shell(AT_NOON)

    answer = product.shell(ON_A_FULL_DISK)

    (row,) = product.shell(NIGHTS)
    assert row == [False, False, answer, ""]
    assert "the database could not be copied" in answer
    assert len(list((product.data / "outbox").rglob("*.eml"))) == 1
    assert "backup.failed" in product.command("doctor", "--json", check=False).stdout


WITHOUT_ROOM_TO_TRY = """
from django.core.management import CommandError, call_command
from newsletter.operation.backup import restoring

restoring.RESERVE_BYTES = 2**60
try:
    call_command("backup", nightly=True)
except CommandError as error:
    answer = str(error)
"""


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_backup_that_there_is_no_room_to_try_is_not_called_bad(make_product, tmp_path, is_encrypted):
    product = make_product()
    product.env["BACKUP_URL"] = str(tmp_path / "kept")
    product.env["BACKUP_AGE_KEY"] = str(pyrage.x25519.Identity.generate().to_public()) if is_encrypted else ""
    product.shell(AT_NOON)

    answer = product.shell(WITHOUT_ROOM_TO_TRY)

    assert f" in {product.data}, which has " in answer
    assert product.shell(NIGHTS) == [[True, False, "", answer]]
    assert not list((product.data / "outbox").rglob("*.eml"))
    found = product.command("doctor", "--json", check=False).stdout
    assert ("backup.untried" in found, "backup.trial" in found) == (True, False)


@pytest.mark.exhaustive
@pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="only root mounts a small temporary folder",
)
def test_a_backup_is_tried_where_the_temporary_folder_is_small(make_product, tmp_path):
    product, path, small = make_product(), tmp_path / "one.tar", tmp_path / "small"
    product.command("backup", str(path))
    small.mkdir()
    script = f'mount -t tmpfs -o size=100k none {small} && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "manage.py", "check_backup", str(path)]

    done = subprocess.run(
        command, env=product.env | {"TMPDIR": str(small)}, cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert "would bring the newsletter back" in done.stdout, done.stderr
    assert not list(product.data.glob(".drill-*"))


@pytest.mark.exhaustive
def test_another_engine_a_newer_version_and_one_that_is_too_old_are_refused(make_product, tmp_path):
    product, path = make_product(), tmp_path / "one.tar"
    product.command("backup", str(path))
    for name, change in {
        "engine": {"engine": "postgresql"},
        "version": {"migrations": ["posts.0999_of_tomorrow"]},
        "former": {"migrations": ["delivery.0001_initial", "delivery.0002_pace"]},
    }.items():
        other = tmp_path / f"{name}.tar"
        with_manifest(path, other, change)
        done = product.command("restore", "--replace", str(other), check=False)
        told = {"engine": "DATABASE_URL leads to sqlite", "version": "update first", "former": "before 98338c97"}
        assert (done.returncode, told[name] in done.stderr) == (1, True), done.stderr
    assert product.command("backup", str(path), check=False).returncode == 1  # never over another


def with_manifest(old, new, change):
    from newsletter.operation.backup.archive import BackupReader, BackupWriter

    with old.open("rb") as source, new.open("wb") as target:
        reader, writer = BackupReader(source), BackupWriter(target)
        writer.add_json("manifest.json", reader.manifest | change)
        for member in reader:
            writer.add(member.name, member.source.read())
        writer.finish()


@pytest.mark.exhaustive
def test_the_archive_is_an_ordinary_tar(make_product, tmp_path):
    product, path = make_product(), tmp_path / "one.tar"
    product.shell(FILL)
    product.command("backup", str(path))

    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert names[0] == "manifest.json"
    assert {"files/secret_key", "files/departures", "files/media/ab/picture.webp", "database/00000"} <= set(names)
    assert names[-1] == "sums.json"


def _database_in(path):
    """The file of SQLite in a backup; what pg_dump packs is read by restoring it."""
    with tarfile.open(path) as archive:
        parts = [archive.extractfile(one).read() for one in archive if one.name.startswith(DUMP_PREFIX)]
    dump = b"".join(parts)
    return gzip.decompress(dump) if dump.startswith(b"\x1f\x8b") else b""
