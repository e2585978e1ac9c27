"""An export each night: when, where, by whom, what stays of former ones, and what is said when it fails."""

import os
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import translation

from newsletter.operation import backups, diagnosis, tasks
from newsletter.operation.models import NightlyExport
from newsletter.operation.site_export import nightly
from newsletter.operation.site_export.folder import Reader
from newsletter.operation.watching import TOLD_AT_ONCE
from tests.factories import make_post, make_publication, make_subscriber
from tests.operation.site_export import house

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 28, 20, tzinfo=UTC)  # four in the morning of the 29th, in Taipei
NIGHT = timedelta(days=1)
PICTURE = "pictures/abababababababab/a.png"


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def folder(settings, tmp_path):
    house.move(settings, tmp_path / "house")
    make_publication()
    settings.EXPORT_URL = str(tmp_path / "exports")
    return tmp_path / "exports"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def a_picture(octets=b"picture", path="abababababababab/a.png"):
    default_storage.save(path, ContentFile(octets))
    long_ago = (NOW - timedelta(days=30)).timestamp()
    os.utime(default_storage.path(path), (long_ago, long_ago))


def test_without_a_folder_none_is_due_and_nothing_is_said(settings):
    settings.EXPORT_URL = ""

    assert not nightly.is_due(NOW)
    assert nightly.make_due(NOW) is None
    assert list(backups.exports(NOW)) == []


def test_one_is_due_from_half_past_three_and_made_once(folder):
    assert not nightly.is_due(NOW - timedelta(minutes=31))
    assert nightly.is_due(NOW)

    row = nightly.make_due(NOW)

    assert row.day == date(2026, 11, 29)
    assert row.octets > 1000
    assert not nightly.is_due(NOW)
    assert nightly.make_due(NOW) is None


def test_it_is_whole_of_its_owner_alone_and_without_keys(folder):
    make_post("文")
    make_subscriber("a@example.org")

    nightly.make_due(NOW)

    assert names(folder) == ["export-2026-11-29"]
    export = folder / "export-2026-11-29"
    reader = Reader.at(export)
    reader.verify()
    assert reader.facts["counts"]["posts"] == reader.facts["counts"]["readers"] == 1
    assert not reader.facts["has_keys"]
    assert not (export / "keys").exists()
    assert {path.stat().st_mode & 0o777 for path in (folder, export)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in export.rglob("*") if path.is_file()} == {0o600}


def test_the_newest_two_are_kept_and_nothing_else_of_the_folder_is_touched(folder):
    folder.mkdir()
    for name in ("export-of-mine", "newsletter-2026-11-01.tar", "export-2026-99"):
        (folder / name).mkdir()
    for night in range(3):
        nightly.make_due(NOW + night * NIGHT)

    assert names(folder) == [
        *("export-2026-11-30", "export-2026-12-01"),
        *("export-2026-99", "export-of-mine", "newsletter-2026-11-01.tar"),
    ]


def test_a_picture_that_did_not_change_is_on_the_disk_once(folder):
    a_picture()
    nightly.make_due(NOW)

    nightly.make_due(NOW + NIGHT)

    first, second = folder / "export-2026-11-29", folder / "export-2026-11-30"
    assert (first / PICTURE).stat().st_ino == (second / PICTURE).stat().st_ino
    assert (second / "settings.yaml").stat().st_ino != (first / "settings.yaml").stat().st_ino
    Reader.at(second).verify()
    nightly.make_due(NOW + 2 * NIGHT)  # the first is removed, and the name in the others stays
    assert (folder / "export-2026-12-01" / PICTURE).read_bytes() == b"picture"


@pytest.mark.parametrize("harm", ["other octets", "younger", "gone", "cut off", "a link"])
def test_what_is_not_surely_the_same_is_copied(folder, harm):
    a_picture()
    nightly.make_due(NOW)
    former, own = folder / "export-2026-11-29" / PICTURE, default_storage.path("abababababababab/a.png")
    if harm == "other octets":
        default_storage.delete("abababababababab/a.png")
        a_picture(b"another picture")
    elif harm == "younger":
        os.utime(own, (NOW.timestamp() + 60, NOW.timestamp() + 60))
    elif harm == "gone":
        former.unlink()
    elif harm == "cut off":
        former.write_bytes(b"")
    else:
        former.unlink()
        former.symlink_to("/etc/hostname")

    nightly.make_due(NOW + NIGHT)

    second = folder / "export-2026-11-30"
    Reader.at(second).verify()
    assert (second / PICTURE).read_bytes() == Path(own).read_bytes()


def test_a_disk_without_second_names_gets_copies(folder, monkeypatch):
    def refused(*args, **options):
        raise OSError(1, "Operation not permitted")

    a_picture()
    nightly.make_due(NOW)
    monkeypatch.setattr(os, "link", refused)

    row = nightly.make_due(NOW + NIGHT)

    assert row.made_at
    Reader.at(folder / "export-2026-11-30").verify()


def test_a_former_one_that_is_damaged_is_no_reason_to_fail(folder):
    nightly.make_due(NOW)
    (folder / "export-2026-11-29" / "manifest.json").write_text("{")

    assert nightly.make_due(NOW + NIGHT).made_at


def test_what_a_killed_process_left_is_removed(folder):
    for name in (".export-2026-11-20.gone", ".export-2026-11-29.part"):
        (folder / name / "pictures").mkdir(parents=True)

    nightly.make_due(NOW)

    assert names(folder) == ["export-2026-11-29"]


def test_one_of_this_day_that_is_not_ours_is_renamed_and_kept(folder):
    (folder / "export-2026-11-29").mkdir(parents=True)
    (folder / "export-2026-11-29" / "manifest.json").write_text("{}")

    nightly.make_due(NOW)

    assert names(folder) == ["export-2026-11-29", "found-200000-export-2026-11-29"]


def test_a_night_that_failed_keeps_the_former_ones_and_is_an_error_to_the_doctor_and_at_home(folder):
    nightly.make_due(NOW)
    (folder / ".export-2026-11-30.part").write_text("no folder can be here")

    row = nightly.make_due(NOW + NIGHT)

    assert row.made_at is None
    assert names(folder) == [".export-2026-11-30.part", "export-2026-11-29"]
    for questions in (diagnosis.EVERYTHING, diagnosis.AT_HOME):
        (finding,) = [one for one in diagnosis._ask(questions, NOW + NIGHT) if one.id == "export.failed"]
        assert finding.level == "error"
        assert "File exists" in finding.message
    assert not finding.id.startswith(TOLD_AT_ONCE)  # the hourly look mails it
    (folder / ".export-2026-11-30.part").unlink()
    assert nightly.make_due(NOW + NIGHT + timedelta(minutes=121)).made_at
    assert "export.failed" not in [one.id for one in backups.exports(NOW + NIGHT)]


def test_a_process_that_died_is_an_error_after_two_hours(folder):
    NightlyExport.objects.create(day=date(2026, 11, 29), begun_at=NOW)

    assert list(backups.exports(NOW + timedelta(minutes=119))) == []
    (finding,) = backups.exports(NOW + timedelta(minutes=121))
    assert finding.id == "export.failed"


def test_nights_that_were_left_out_are_a_warning(folder):
    NightlyExport.objects.create(day=date(2026, 11, 29), begun_at=NOW, made_at=NOW)

    assert list(backups.exports(NOW + timedelta(hours=36))) == []
    assert [one.id for one in backups.exports(NOW + timedelta(hours=37))] == ["export.old"]


@pytest.mark.parametrize("url", ["s3://key:secret@host/bucket", "exports"])
def test_what_is_no_folder_is_an_error_with_a_reason(folder, settings, url):
    settings.EXPORT_URL = url

    assert "EXPORT_URL must be a folder, as an absolute path" in nightly.make_due(NOW).failure


def test_a_folder_that_the_web_server_gives_to_everybody_is_refused(folder, settings):
    settings.EXPORT_URL = str(settings.MEDIA_ROOT / "exports")

    assert "where everybody can read" in nightly.make_due(NOW).failure


def test_the_command_makes_it_and_says_why_not(folder, settings, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    out = StringIO()
    call_command("export_site", "--nightly", stdout=out)
    call_command("export_site", "--nightly", stdout=out)
    assert out.getvalue() == "2026-11-29 made\nNo export is due.\n"

    with pytest.raises(CommandError, match="takes no folder"):
        call_command("export_site", str(folder / "x"), "--nightly")
    with pytest.raises(CommandError, match="Say into which folder"):
        call_command("export_site")
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + NIGHT)
    settings.EXPORT_URL = "exports"
    with pytest.raises(CommandError, match="absolute path"):
        call_command("export_site", "--nightly", stdout=out)


class _Running:
    """A process that runs until `end`."""

    def __init__(self):
        self.code = None

    def poll(self):
        return self.code


def test_the_backup_comes_first_and_the_export_when_it_has_ended(folder, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    settings.BACKUP_URL = str(tmp_path / "backups")
    begun = []

    def started(*words):
        begun.append((words, process := _Running()))
        return process

    monkeypatch.setattr(tasks, "_started", started)
    monkeypatch.setattr(tasks, "_begun", [])

    tasks.back_up()
    tasks.back_up()
    assert [words for words, _process in begun] == [("backup", "--nightly")]

    backups.NightlyBackup.objects.create(day=date(2026, 11, 29), begun_at=NOW, made_at=NOW)
    begun[0][1].code = 0
    tasks.back_up()
    tasks.back_up()
    assert [words for words, _process in begun[1:]] == [("export_site", "--nightly")]
