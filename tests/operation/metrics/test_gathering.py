"""Metrics of the database, the components and the disk."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Batch, Delivery, InboundMessage, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation import metrics as gathering
from newsletter.operation.models import NightlyBackup
from newsletter.publication import heartbeats
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db


def told(now=NOW):
    """All samples by name and labels, parsed as by Prometheus."""
    registry = CollectorRegistry()
    registry.register(gathering.MetricsCollector(now))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name.removeprefix("newsletter_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def mailing():
    make_publication()
    for _ in range(5):
        make_subscriber()
    issue = make_issue(make_post("管理槓桿"), number=42)
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    assert beginning.plan_mailing(mailing, NOW)
    return mailing


def test_an_empty_installation_tells_what_there_is():
    make_publication()

    facts = told()

    assert facts["database_up",] == 1
    assert facts["database_seconds",] > 0
    assert facts["disk_free_bytes",] > 0
    assert facts["copies", "queued"] == facts["copies_uncertain",] == facts["queue_length",] == 0


def test_the_copies_of_a_mailing_under_way_add_up(mailing):
    mailing.batches.update(sent=2, failed=1, uncertain=1)

    facts = told()

    states = ("queued", "sending", "sent", "failed", "uncertain", "skipped")
    assert [facts["copies", state] for state in states] == [1, 0, 2, 1, 1, 0]
    assert facts["copies_ended_total", "sent"] == 2
    assert facts["copies_uncertain",] == 1


def test_what_mail_servers_say_is_told_by_its_meaning_and_by_domain(mailing, settings):
    settings.MAILERS = {"bulk": mailer_from_url("smtp://u:secret@mail.example.org:587", outbox=Path())}
    rows = mailing.deliveries.order_by("seq")
    for seq, (state, reply) in enumerate(
        [
            (Delivery.State.FAILED, "550 5.1.1 No such user here"),
            (Delivery.State.FAILED, "550 5.1.1 User unknown"),
            (Delivery.State.DEFERRED, "451 4.7.1 Greylisted"),
        ]
    ):
        rows.filter(seq=rows[seq].seq).update(state=state, reply=reply)
    mailing.batches.update(failed=2, cursor=3)
    breakdown.count_next_mailing(NOW + timedelta(minutes=2))

    facts = told()

    assert facts["refusals_total", "smtp mail.example.org:587", "dead"] == 2
    assert sum(value for (name, *_), value in facts.items() if name == "refusals_total") == 2
    assert sum(value for (name, *_), value in facts.items() if name == "copies_deferred") == 1


def test_a_finished_mailing_counts_only_for_ever(mailing):
    mailing.batches.update(sent=5, state=Batch.State.DONE)
    Mailing.objects.update(state=Mailing.State.SENT)

    facts = told()

    assert (facts["copies", "sent"], facts["copies_ended_total", "sent"]) == (0, 5)


def test_a_lane_is_told_by_its_machine(mailing):
    assert told()["batches_free",] == 1

    mailing.batches.update(state=Batch.State.LEASED, worker="mail1-3fa9/0/17")

    facts = told()
    assert facts["batches_leased", "mail1-3fa9"] == 1
    assert facts["batches_free",] == 0


def test_a_paused_mailing_is_told_with_its_cause(mailing):
    mailing.pause("the server is away", Mailing.Cause.PROVIDER)

    assert told()["mailing_paused", "provider", "42"] == 1


def test_a_mailing_that_nobody_begins_grows_old():
    make_publication()
    approving.approve(make_issue(make_post("管理槓桿"), number=42), send_at=None, now=NOW, hold=timedelta())

    assert told(NOW + timedelta(minutes=9))["mailing_late_seconds",] == 540


def test_readers_by_what_an_issue_means_to_them():
    make_publication()
    make_subscriber(confirmed_at=NOW - timedelta(hours=2))
    make_subscriber(confirmed_at=NOW - timedelta(days=9))

    facts = told()

    assert facts["readers", "mailable"] == 2
    assert (facts["readers_came_day",], facts["readers_left_day",]) == (1, 0)


def test_what_a_confirmation_waits():
    make_publication()
    reader = make_subscriber(state="pending", confirmed_at=None)
    type(reader).objects.update(confirmation_due_at=NOW - timedelta(seconds=75))

    assert told()["confirmation_due_seconds",] == 75


def test_what_was_stored_and_not_applied_yet():
    make_publication()
    InboundMessage.objects.create(source="ses", key="1", body=b"{}", received_at=NOW - timedelta(seconds=30))

    facts = told()

    assert (facts["arrivals_waiting",], facts["arrivals_waiting_seconds",]) == (1, 30)


def test_the_age_of_the_last_backup_begins_with_the_installation(settings, tmp_path):
    make_publication()
    settings.BACKUP_URL = ""
    MigrationRecorder.Migration.objects.update(applied=NOW - timedelta(hours=40))
    NightlyBackup.objects.create(day=NOW.date(), begun_at=NOW, failure="no space")  # that one was not made
    assert ("backup_age_seconds",) not in told()

    settings.BACKUP_URL = str(tmp_path)
    assert told()["backup_age_seconds",] == 40 * 3600

    made = NOW - timedelta(hours=30)
    NightlyBackup.objects.create(day=made.date(), begun_at=made, made_at=made)
    assert told()["backup_age_seconds",] == 30 * 3600


def test_how_long_ago_a_part_worked():
    make_publication()
    assert ("part_age_seconds", "dispatcher") not in told()

    heartbeats.beat(heartbeats.Component.DISPATCHER)

    assert 0 <= told()["part_age_seconds", "dispatcher"] < 5


def test_a_database_that_is_away_is_told_and_breaks_nothing(monkeypatch):
    def gone():
        raise OperationalError("gone")

    monkeypatch.setattr(gathering.connection, "cursor", gone)

    facts = told()

    assert facts["database_up",] == 0
    assert ("copies", "queued") not in facts


def test_what_is_told_costs_the_same_however_much_is_stored(mailing):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            told()
        return len(captured)

    told()
    before = cost()
    for _ in range(30):
        make_subscriber()
        InboundMessage.objects.create(source="ses", key=str(make_subscriber().pk), body=b"{}", received_at=NOW)

    assert cost() == before
    assert before < 30
