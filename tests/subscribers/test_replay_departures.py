"""Restores, played in a transaction: its begin is the backup, and taking it back is the restore."""

import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.test import TestCase
from django.utils import timezone

from newsletter.publication.models import Publication
from subscribers import author_actions, departures, replay_departures
from subscribers.author_actions import ActionContext
from subscribers.mails import address_change
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.consents import Consent
from tests.factories import make_publication, make_subscriber

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EMAIL = "reader@example.org"


@pytest.fixture(autouse=True)
def _own_file(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def reader(db):
    make_publication()
    made = make_subscriber(EMAIL)
    Subscriber.objects.update(created_at=NOW - timedelta(days=300))
    made.refresh_from_db()
    return made


@contextmanager
def restored():
    """What happens inside is after the backup; afterwards the database is as it was before."""
    with transaction.atomic():
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield
        transaction.set_rollback(True)


@contextmanager
def crashed():
    """What happens inside is lost with a database that goes down before it is committed."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def again(reader):
    return Subscriber.objects.get(pk=reader.pk)


def is_mailable(reader):
    return Subscriber.objects.mailable(LATER).filter(pk=reader.pk).exists()


def test_a_reader_who_left_after_the_backup_is_no_reader_after_the_restore(reader):
    with restored():
        again(reader).unsubscribe(NOW)
    assert is_mailable(reader)

    assert replay_departures.replay() == 1

    assert not is_mailable(reader)
    assert again(reader).unsubscribed_at == NOW
    assert again(reader).consents.get().kind == Consent.Kind.WITHDREW


def test_a_reader_who_was_erased_after_the_backup_is_erased_again(reader):
    with restored():
        again(reader).erase()

    assert replay_departures.replay() == 1

    assert not Subscriber.objects.exists()
    barred = Suppression.objects.get()
    assert (barred.address_hash, barred.email, barred.reason) == (reader.address_hash, "", "erased")


@pytest.mark.parametrize("reason", [reason for reason in Suppression.Reason if reason != "erased"])
def test_an_address_that_was_barred_after_the_backup_is_barred_again(reader, reason):
    with restored():
        again(reader).suppress(reason)

    assert replay_departures.replay() == 1

    assert not is_mailable(reader)
    assert (Suppression.objects.get().reason, Suppression.objects.get().email) == (reason, EMAIL)


def test_an_erased_address_that_the_backup_does_not_know_stays_barred(reader):
    with restored():
        make_subscriber("new@example.org").erase()

    replay_departures.replay()

    assert Suppression.objects.get().address_hash == address_hash("new@example.org")


def test_whoever_came_back_before_the_restore_stays(reader):
    with restored():
        again(reader).unsubscribe(NOW)
        assert again(reader).undo(LATER)

    assert replay_departures.replay() == 0

    assert is_mailable(reader)


def bar(reader, reason="manual"):
    return lambda: again(reader).suppress(reason)


def leave(reader):
    return lambda: again(reader).unsubscribe(timezone.now())


def come_back(reader):
    return lambda: again(reader).undo(timezone.now())


def lift(reader):
    return lambda: author_actions.lift_suppression([reader.pk], ActionContext(timezone.now()))


@pytest.mark.parametrize("steps", [(leave, bar, lift), (bar, leave, lift), (bar, lift, leave)])
def test_a_suppression_that_is_lifted_takes_back_no_leaving(reader, steps):
    with restored():
        for step in steps:
            assert step(reader)()
        assert not Suppression.objects.exists()

    assert replay_departures.replay() == 1

    assert again(reader).state == Subscriber.State.UNSUBSCRIBED
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("steps", [(leave, come_back, bar), (leave, bar, come_back), (bar, leave, come_back)])
def test_a_leaving_that_is_taken_back_lifts_no_suppression(reader, steps):
    with restored():
        for step in steps:
            assert step(reader)()

    assert replay_departures.replay() == 1

    assert Suppression.objects.get().reason == "manual"
    assert again(reader).state == Subscriber.State.ACTIVE
    assert not is_mailable(reader)


def test_both_are_done_again_where_both_hold(reader):
    with restored():
        bar(reader, "complained")()
        leave(reader)()

    assert replay_departures.replay() == 2

    assert Suppression.objects.get().reason == "complained"
    assert again(reader).state == Subscriber.State.UNSUBSCRIBED
    assert replay_departures.replay() == 0


def test_the_reason_that_stood_before_the_restore_stands_after_it(reader):
    with restored():
        bar(reader, "bounced")()
        bar(reader, "complained")()
        assert Suppression.objects.get().reason == "bounced"

    replay_departures.replay()

    assert Suppression.objects.get().reason == "bounced"


def test_a_new_confirmation_that_ends_a_suppression_ends_it_after_a_restore_too(reader):
    with restored():
        bar(reader, "bounced")()
        author_actions.ask_to_reconfirm(reader.pk, ActionContext(timezone.now()))
        assert again(reader).confirm(timezone.now())
        assert not Suppression.objects.exists()

    assert replay_departures.replay() == 0


def test_a_confirmation_that_ends_no_suppression_ends_none_after_a_restore(reader):
    Subscriber.objects.update(state=Subscriber.State.PENDING, confirmed_at=None)
    with restored():
        bar(reader)()
        assert again(reader).confirm(timezone.now())
        assert Suppression.objects.exists()

    assert replay_departures.replay() == 1

    assert Suppression.objects.get().reason == "manual"


def test_an_address_that_was_barred_where_its_reader_moved_to_gets_nothing_at_the_former_one(reader):
    with restored():
        moved = again(reader)
        address_change.request_change(moved, "new@example.org", NOW)
        assert address_change.confirm_change(moved.address_changes.get(), NOW)
        moved.refresh_from_db()
        moved.suppress("complained")

    assert replay_departures.replay() == 2  # the new address, and the former one

    assert not is_mailable(reader)


def test_whoever_moved_to_an_address_that_was_erased_before_is_not_erased_there(reader):
    make_subscriber("new@example.org").erase()
    address_change.request_change(reader, "new@example.org", timezone.now())
    assert address_change.confirm_change(reader.address_changes.get(), timezone.now())

    assert replay_departures.replay() == 0

    assert again(reader).email == "new@example.org"
    assert is_mailable(reader)


def test_whoever_confirmed_again_after_leaving_stays(reader):
    with restored():
        again(reader).unsubscribe(NOW)
        assert again(reader).confirm(LATER)

    assert replay_departures.replay() == 0


def test_whoever_signs_up_again_after_the_restore_stays_through_every_later_start(reader):
    with restored():
        again(reader).unsubscribe(NOW)
    replay_departures.replay()
    assert again(reader).confirm(LATER)
    departures.departures_path().write_text(
        "".join(departures.departures_path().read_text().rpartition("\n")[:1])
    )  # the line of the return

    assert replay_departures.replay() == 0

    assert is_mailable(reader)


def test_an_erased_reader_who_signs_up_anew_is_not_erased_at_the_next_start(reader):
    reader.erase()
    make_subscriber(EMAIL)
    Subscriber.objects.update(created_at=timezone.now() + timedelta(seconds=1))

    assert replay_departures.replay() == 0

    assert Subscriber.objects.get().email == EMAIL


def test_a_start_without_a_restore_changes_nothing(reader):
    reader.unsubscribe(NOW)
    make_subscriber().erase()
    make_subscriber().suppress("complained")

    assert replay_departures.replay() == 0


def test_whoever_moved_and_left_afterwards_gets_nothing_at_the_former_address(reader):
    with restored():
        moved = again(reader)
        address_change.request_change(moved, "new@example.org", NOW)
        assert address_change.confirm_change(moved.address_changes.get(), NOW)
        moved.refresh_from_db()
        moved.unsubscribe(LATER)

    assert replay_departures.replay() == 1

    assert not is_mailable(reader)


def test_whoever_moved_and_reads_on_is_not_cut_off(reader):
    with restored():
        moved = again(reader)
        address_change.request_change(moved, "new@example.org", NOW)
        assert address_change.confirm_change(moved.address_changes.get(), NOW)

    assert replay_departures.replay() == 0


def test_an_import_that_ends_subscriptions_is_remembered_too(reader, tmp_path):
    from django.core.management import call_command

    file = tmp_path / "readers.csv"
    file.write_text(f"email,state\n{EMAIL},unsubscribed\nspam@example.org,complained\n")
    with restored():
        call_command("import_subscribers", str(file))

    assert replay_departures.replay() == 2

    assert not is_mailable(reader)
    assert Suppression.objects.get().reason == "complained"


def test_a_suppression_that_the_author_lifted_stays_lifted(reader, admin_client):
    reader.suppress("manual")
    admin_client.post(f"/admin/subscribers/suppression/{Suppression.objects.get().pk}/delete/", {"post": "yes"})
    assert not Suppression.objects.exists()

    assert replay_departures.replay() == 0


@pytest.mark.parametrize("reason", ["bounced", "complained", "erased"])
def test_the_author_takes_no_suppression_back_that_is_not_theirs(reader, admin_client, reason):
    reader.suppress(reason)
    page = f"/admin/subscribers/suppression/{Suppression.objects.get().pk}/delete/"
    tick = {"action": "delete_selected", "_selected_action": Suppression.objects.get().pk, "post": "yes"}

    assert admin_client.post(page, {"post": "yes"}).status_code == 403
    admin_client.post("/admin/subscribers/suppression/", tick)

    assert Suppression.objects.exists()


def test_a_suppression_that_its_reader_ended_by_confirming_anew_stays_ended(reader):
    reader.suppress("bounced")
    author_actions.ask_to_reconfirm(reader.pk, ActionContext(timezone.now()))
    assert Subscriber.objects.get(pk=reader.pk).confirm(timezone.now())
    assert not Suppression.objects.exists()

    assert replay_departures.replay() == 0


def test_whoever_left_as_the_database_went_down_has_left_and_nothing_was_restored(reader):
    with crashed():
        again(reader).unsubscribe(NOW)

    assert replay_departures.replay() == 0

    assert not is_mailable(reader)


def test_a_hard_bounce_that_was_lost_with_the_database_is_no_restore(reader):
    with crashed():
        again(reader).suppress("bounced")

    assert replay_departures.replay() == 0

    assert Suppression.objects.get().reason == "bounced"


def test_the_file_tells_no_address_and_is_its_owners_alone(reader):
    with TestCase.captureOnCommitCallbacks(execute=True):
        reader.unsubscribe(NOW)

    text = departures.departures_path().read_text()
    assert EMAIL not in text
    assert text.splitlines()[1:] == [
        f"2026-11-20T08:00:00.000000+00:00 left {reader.address_hash} {Publication.objects.get().salt}",
        f"2026-11-20T08:00:00.000000+00:00 committed left {reader.address_hash}",
    ]
    assert departures.departures_path().stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_power_cut_has_torn_spoils_no_other(reader):
    departures.departures_path().write_text("\n2026-11-20T08:00:00.000000+00:00 left 0123456")
    with restored():
        again(reader).unsubscribe(NOW)

    assert replay_departures.replay() == 1


def test_a_file_that_cannot_be_written_stops_nobody_from_leaving(reader, caplog):
    departures.departures_path().mkdir()

    assert reader.unsubscribe(NOW)

    assert "Departures cannot be kept for a restore" in caplog.text


def test_a_file_that_cannot_be_written_after_the_commit_stops_nobody_either(
    reader, caplog, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as committed:
        reader.unsubscribe(NOW)
    departures.departures_path().unlink()
    departures.departures_path().mkdir()

    for callback in committed:
        callback()

    assert "Departures cannot be marked as committed" in caplog.text


def test_a_line_is_on_the_disk_before_the_page_answers(reader, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))

    reader.unsubscribe(NOW)

    assert departures.departures_path().stat().st_size in synced
