"""Which file is the ledger, and which are the lock files: a copy is another one, wherever it is put."""

import shutil
from pathlib import Path

import pytest

from newsletter.delivery.ledger import places, recovery
from newsletter.delivery.ledger.claims import claim_batch, commit_intent
from newsletter.delivery.ledger.flight_recorder import FlightRecorder
from tests.delivery.conftest import NOW, Provider, run_lane


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "newsletter.sqlite3"
    found.write_text("ledger")
    return found


def test_a_file_that_was_deleted_and_put_back_is_another_one(file):
    """ext4 gives it the same inode."""
    before = places.file_identity(file)
    shutil.copy2(file, copy := file.with_name("copy"))
    file.unlink()
    shutil.copy2(copy, file)

    after = places.file_identity(file)

    if after[1] == 0 and after == before:
        pytest.skip("this file system uses inodes again, and has no generations")
    assert after != before


def test_a_file_that_is_written_to_and_renamed_is_the_same_one(file):
    before = places.file_identity(file)
    file.write_text("later")
    moved = file.rename(file.with_name("moved"))

    assert places.file_identity(moved) == before


def test_a_reboot_may_number_devices_anew_and_within_a_boot_another_device_is_another_place():
    here = "file@boot:65024"

    assert not places.is_elsewhere(here, here)
    assert not places.is_elsewhere(here, "file@another:65025")
    assert places.is_elsewhere(here, "file@boot:65025")
    assert places.is_elsewhere(here, "copy@another:65024")
    assert places.is_elsewhere("server/1/2", "server/1/3")


def test_a_copied_lock_folder_is_another_machine_s_and_takes_no_batch_of_a_running_lane(
    make_mailing, settings, tmp_path
):
    mailing = make_mailing("abcd")
    settings.LOCK_DIR, accepted = tmp_path / "original", []
    with recovery.hold_slot(0) as original, FlightRecorder(recovery.recorder_path(0)) as recorder:
        batch = claim_batch(mailing, f"{original}x", NOW)
        recorder.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        rows = commit_intent(batch, [], 3, NOW)
        shutil.copytree(settings.LOCK_DIR, tmp_path / "copy")
        assert recorder.hand_over(0)
        accepted.append(rows[0].email)
        settings.LOCK_DIR = tmp_path / "copy"
        with recovery.hold_slot(0) as copy:
            assert copy != original
            assert recovery.recover_slot(copy, 0) == 0
            provider = Provider()
            run_lane(tmp_path / "flight", mailing, provider)
        assert recorder.hand_over(1), "it is not revoked"
        accepted += [rows[1].email, *provider.accepted]

    assert len(accepted) == len(set(accepted))
