"""Nightly backups: when one is made and which are kept, who makes it, and what the doctor says of them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.mailers import mailer_from_url
from newsletter.operation import backup_findings, diagnosis
from newsletter.operation.backup import databases, nightly, restoring, stores
from newsletter.operation.backup.archive import BackupWriter
from newsletter.operation.models import NightlyBackup
from tests.factories import make_publication

TAIPEI = ZoneInfo("Asia/Taipei")
TODAY = date(2026, 11, 28)
days = st.sets(st.dates(date(2020, 1, 1), date(2030, 12, 31)), max_size=60)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 28, hour, minute, tzinfo=TAIPEI)


def test_a_backup_is_due_from_half_past_three():
    yesterday = [TODAY - timedelta(1)]
    assert nightly.due_on(at(3, 29), yesterday) is None
    assert nightly.due_on(at(3, 30), yesterday) == TODAY
    assert nightly.due_on(at(23, 59), yesterday) == TODAY


def test_the_first_backup_waits_for_no_night():
    assert nightly.due_on(at(0), []) == TODAY


def test_a_day_has_one_backup():
    assert nightly.due_on(at(4), [TODAY]) is None


def test_a_clock_that_was_ahead_hinders_no_backup():
    assert nightly.due_on(at(4), [TODAY + timedelta(30)]) == TODAY


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_name_tells_the_day(is_encrypted):
    assert nightly.backup_day(nightly.file_name(TODAY, is_encrypted=is_encrypted)) == TODAY


@pytest.mark.parametrize("name", ["newsletter.tar", "newsletter-2026-02-30.tar", "newsletter-2026-11-28.tar.part", ""])
def test_other_files_are_none_of_ours(name):
    assert nightly.backup_day(name) is None


def test_after_two_years_of_nights_24_at_most_are_kept():
    kept: set[date] = set()
    for number in range(800):
        kept.add(TODAY + timedelta(number))
        kept -= nightly.days_to_remove(kept)

    last = TODAY + timedelta(799)
    assert {last - timedelta(number) for number in range(7)} <= kept
    assert 18 <= len(kept) <= 24
    assert last - min(kept) > timedelta(300)


@given(days)
def test_the_newest_stays_and_thinning_twice_takes_no_more(found):
    kept = found - nightly.days_to_remove(found)

    assert not found or max(found) in kept
    assert nightly.days_to_remove(kept) == set()
    assert len(kept) <= nightly.DAYS_KEPT + nightly.WEEKS_KEPT + nightly.MONTHS_KEPT


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
NOW = datetime(2026, 11, 28, 20, tzinfo=UTC)  # four in the morning of the 29th, in Taipei
DAY = date(2026, 11, 29)


@pytest.fixture
def folder(settings, tmp_path):
    settings.BACKUP_URL = str(tmp_path)
    return tmp_path


@pytest.fixture
def author():
    make_publication(language="en")
    User.objects.create_superuser("gipi", email="gipi@example.org", password="leverage-2026-x")


def ids(now: datetime = NOW) -> list[str]:
    return [finding.id for finding in backup_findings.nightly_backup_findings(now)]


def made(day: date, **facts) -> NightlyBackup:
    at = datetime(day.year, day.month, day.day, 3, 31, tzinfo=UTC)
    return NightlyBackup.objects.create(day=day, begun_at=at, made_at=at, **facts)


def test_one_process_makes_the_backup_of_a_day():
    assert NightlyBackup.claim(DAY, NOW) is not None
    assert NightlyBackup.claim(DAY, NOW + timedelta(minutes=5)) is None


def test_of_a_process_that_died_another_takes_over():
    NightlyBackup.claim(DAY, NOW)

    assert NightlyBackup.held(DAY, NOW + timedelta(minutes=119))
    assert not NightlyBackup.held(DAY, NOW + timedelta(minutes=121))
    assert NightlyBackup.claim(DAY, NOW + timedelta(minutes=121)) is not None


def test_a_clock_that_was_ahead_holds_nothing():
    NightlyBackup.claim(DAY, NOW + timedelta(days=3))

    assert NightlyBackup.claim(DAY, NOW) is not None


def test_what_is_made_is_made():
    made(DAY)

    assert NightlyBackup.claim(DAY, NOW + timedelta(days=1)) is None


def test_without_a_folder_none_is_due_and_nothing_is_said(settings):
    settings.BACKUP_URL = ""

    assert not nightly.is_backup_due(NOW)
    assert ids() == []
    assert nightly.make_due_backup(NOW) is None


def test_due_from_half_past_three_in_the_zone_of_the_publication(folder):
    made(DAY - timedelta(days=1))
    assert not nightly.is_backup_due(NOW - timedelta(minutes=31))
    assert nightly.is_backup_due(NOW)
    made(DAY)
    assert not nightly.is_backup_due(NOW)


@pytest.mark.parametrize("url", ["backups", "file://host/backup"])
def test_what_is_no_folder_is_refused_with_a_reason(url):
    with pytest.raises(ImproperlyConfigured, match="a folder, as an absolute path"):
        stores.backup_store(url)


@pytest.mark.parametrize("url", ["/backup", "file:///backup"])
def test_a_folder_is_a_path_or_its_url(url):
    assert stores.backup_store(url) == stores.FolderStore(Path("/backup"))


def test_an_installation_without_any_backup_is_told_after_an_hour(folder):
    MigrationRecorder.Migration.objects.update(applied=NOW)

    assert ids(NOW + timedelta(minutes=59)) == []
    assert ids(NOW + timedelta(minutes=61)) == ["backup.never"]
    made(DAY)
    assert ids(NOW + timedelta(minutes=61)) == []


def test_a_backup_that_was_not_made_is_an_error(folder):
    NightlyBackup.objects.create(day=DAY, begun_at=NOW, failure="No space left on device")

    (finding,) = backup_findings.nightly_backup_findings(NOW)

    assert (finding.level, finding.id) == ("error", "backup.failed")
    assert "No space left on device" in finding.message


def test_a_night_that_was_left_out_is_a_warning(folder):
    made(date(2026, 11, 27))

    assert ids(datetime(2026, 11, 28, 15, tzinfo=UTC)) == []
    assert ids(datetime(2026, 11, 28, 16, tzinfo=UTC)) == ["backup.old"]


def test_a_backup_that_would_bring_nothing_back_is_an_error_until_one_does(folder):
    made(date(2026, 11, 27), tried_at=NOW - timedelta(days=1), trial="the table posts_post has 3 rows")
    assert "backup.trial" in ids()

    made(date(2026, 11, 28), tried_at=NOW)
    assert "backup.trial" not in ids()


def test_an_open_site_is_told_that_nobody_backs_it_up(settings):
    settings.BACKUP_URL = ""
    (finding,) = backup_findings.no_backup_findings(NOW)
    assert (finding.level, finding.id) == ("warning", "backup.none")
    assert "backup.none" in [finding.id for finding in diagnosis._run_checks(diagnosis.ALL_CHECKS, NOW)]

    settings.SITE_URL = "http://127.0.0.1:8000"
    assert [finding.id for finding in backup_findings.no_backup_findings(NOW)] == []


def test_departures_are_kept_beside_the_backups(folder, settings, tmp_path_factory):
    settings.DATA_DIR = tmp_path_factory.mktemp("data")
    nightly.store_departures()
    assert list(folder.iterdir()) == []

    for lines in (b"\none", b"\none\ntwo"):
        (settings.DATA_DIR / "departures").write_bytes(lines)
        nightly.store_departures()
        (copy,) = folder.iterdir()
        assert copy.name.startswith("departures-")
        assert copy.read_bytes() == lines
        assert copy.stat().st_mode & 0o077 == 0


def test_a_new_machine_of_the_same_name_forgets_nobody(folder, settings, tmp_path_factory):
    settings.DATA_DIR = tmp_path_factory.mktemp("burnt")
    (settings.DATA_DIR / "departures").write_bytes(b"\none\ntwo")
    nightly.store_departures()

    settings.DATA_DIR = tmp_path_factory.mktemp("new")
    (settings.DATA_DIR / "departures").write_bytes(b"\nthree")
    nightly.store_departures()

    (copy,) = folder.iterdir()
    assert copy.read_bytes() == b"\none\ntwo\nthree"


def test_a_backup_of_the_day_that_this_database_does_not_know_is_kept(folder, monkeypatch):
    """A machine burnt, and the new one was started with its folder: what lies there is all that is left."""
    last = folder / f"newsletter-{DAY}.tar"
    last.write_bytes(b"all readers of the burnt machine")
    monkeypatch.setattr(databases, "current_engine", broken)

    row = nightly.make_due_backup(NOW)

    assert row.failure == "no disk"
    assert [path.read_bytes() for path in folder.iterdir()] == [b"all readers of the burnt machine"]


def broken():
    raise OSError("no disk")


@pytest.mark.parametrize("url", ["./backup", "ftp://host/x", "/proc/nowhere/backup", "s3://k:s@not_a_host/nights"])
def test_a_place_that_takes_no_backup_is_a_row_a_mail_and_a_finding(settings, author, mailoutbox, url):
    settings.BACKUP_URL = url

    row = nightly.make_due_backup(NOW)
    nightly.store_departures()

    assert NightlyBackup.objects.get().failure == row.failure != ""
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["gipi@example.org"], "The nightly backup was not made")
    assert row.failure in mail.body
    assert "backup.failed" in ids()


def test_a_failure_is_a_row_even_if_the_mail_server_is_away(folder, author, settings, caplog):
    settings.MAILERS = dict.fromkeys(("default", "bulk"), mailer_from_url("smtp://127.0.0.1:1", outbox=folder))
    (folder / f".newsletter-{DAY}.tar.part").mkdir()

    nightly.make_due_backup(NOW)

    assert ids() == ["backup.failed"]
    assert any("mail" in line for line in caplog.messages)


def test_no_room_to_try_a_backup_is_told_from_a_bad_one(settings, tmp_path, monkeypatch):
    settings.DATA_DIR, path = tmp_path, tmp_path / "one.tar"
    monkeypatch.setattr(restoring, "RESERVE_BYTES", 2**60)
    with path.open("wb") as file, BackupWriter(file) as writer:
        writer.add_json("manifest.json", {"form": 1, "engine": "sqlite", "database_bytes": 3 * 1024**3})
        writer.finish()

    with pytest.raises(CommandError) as untried:
        call_command("check_backup", str(path))
    path.write_bytes(b"junk")
    with pytest.raises(CommandError) as bad:
        call_command("check_backup", str(path))

    assert " could not be tried here: there is no room: it needs 6.0\xa0GB in " in str(untried.value)
    assert f" in {tmp_path}, which has 0\xa0bytes" in str(untried.value)
    assert " would not bring the newsletter back: no backup" in str(bad.value)


def test_old_backups_that_cannot_be_removed_hinder_no_new_one(folder, author, mailoutbox):
    (folder / "newsletter-2020-01-01.tar").mkdir()
    for day in range(1, 25):
        (folder / f"newsletter-2026-{day:02}-01.tar").touch()
    made(date(2026, 11, 1), tried_at=NOW)  # the drill of this month

    row = nightly.make_due_backup(NOW)

    assert row.made_at
    assert ids() == ["backup.thinning"]
    assert not mailoutbox, "the hourly check tells of it"


def test_other_files_in_the_folder_stay(folder):
    for name in (
        "notes.txt",
        "newsletter-2019-01-01.tar.part",
        *(f"newsletter-2026-11-{n:02}.tar" for n in range(1, 21)),
    ):
        (folder / name).touch()

    gone = nightly.remove_old_backups(stores.FolderStore(folder))

    left = {path.name for path in folder.iterdir()}
    assert {
        "notes.txt",
        "newsletter-2019-01-01.tar.part",
        "newsletter-2026-11-20.tar",
        "newsletter-2026-11-14.tar",
    } <= left
    assert gone
    assert not left & set(gone)
