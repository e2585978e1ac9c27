"""What is said when a part does no work any more, and when a mailing stands still."""

import os
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone, translation

from newsletter.delivery.ledger import recovery
from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.mailing import MailingStep
from newsletter.operation import diagnosis, liveness
from newsletter.operation.management.commands.up import Alarm
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Component
from tests.factories import make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db
LATER = timedelta(seconds=91)


@pytest.fixture(autouse=True)
def _alone(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = ""
    make_publication(language="en", sender_email="hello@gipi.tw")
    with translation.override("en"):
        yield


def silence(settings, part, seconds):
    heartbeats.beat(part)
    at = time.monotonic() - seconds
    os.utime(settings.DATA_DIR / "heartbeats" / part, (at, at))


def ids(findings):
    return [finding.id for finding in findings]


# --- A part ---


@pytest.mark.parametrize("part", heartbeats.ALWAYS_BEATING)
def test_a_part_that_does_no_work_is_named_with_the_time_since_when(settings, part, client):
    settings.ALLOWED_HOSTS = ["testserver"]
    silence(settings, part, 90)
    now = timezone.now()

    found = list(liveness.silence_findings(now))
    answer = client.get("/readyz")

    since = timezone.localtime(now - timedelta(seconds=90), heartbeats_zone())
    assert ids(found) == [f"{part}.silent"]
    assert f"since {since:%Y-%m-%d %H:%M}" in found[0].message
    assert answer.status_code == 503
    assert answer.json()[part].startswith("silent for 9")


def heartbeats_zone():
    return make_publication().zone


def test_the_doctor_and_the_desks_home_tell_of_it(settings):
    silence(settings, Component.CLOCK, 61)
    now = timezone.now()

    assert "clock.silent" in ids(diagnosis.author_findings(now))
    assert "clock.silent" in ids(diagnosis.editor_findings(now))
    assert liveness.silence_findings in diagnosis.ALL_CHECKS


def test_parts_that_work_are_ready():
    for part in heartbeats.ALWAYS_BEATING:
        heartbeats.beat(part)

    assert set(liveness.component_readiness().values()) == {"ok"}
    assert list(liveness.silence_findings(timezone.now())) == []


# --- The author ---


def test_the_author_gets_one_mail_after_five_minutes_by_a_process_of_its_own(settings, monkeypatch):
    started = []
    monkeypatch.setattr("subprocess.Popen", lambda command, **_options: started.append(command[-1]))
    alarm = Alarm()

    for seconds in (61, 299, 301, 400):
        silence(settings, Component.DISPATCHER, seconds)
        alarm.check()
    told = list(started)
    heartbeats.set_process_name("")
    heartbeats.beat(Component.DISPATCHER)
    alarm.check()
    silence(settings, Component.DISPATCHER, 301)
    alarm.check()

    assert told == ["report_silence"]
    assert started == ["report_silence"] * 2, "the next silence is told anew"


def test_the_mail_says_what_does_not_work(settings, mailoutbox):
    User.objects.create_superuser("gipi", email="gipi@example.org", password="leverage-2026-x")
    silence(settings, Component.CONFIRMATIONS, 301)

    call_command("report_silence", stdout=StringIO())

    (sent,) = mailoutbox
    assert sent.to == ["gipi@example.org"]
    assert "No confirmations are sent, since" in sent.body
    assert "does not work as it should" in sent.subject


def test_nobody_gets_a_mail_when_all_works(mailoutbox):
    User.objects.create_superuser("gipi", email="gipi@example.org", password="leverage-2026-x")

    assert liveness.mail_author(timezone.now()) == 0
    assert not mailoutbox


# --- A mailing ---


@pytest.fixture
def sending():
    """A mailing that began at this moment and has a batch that is open."""
    now = timezone.now()
    frozen = {"subject": "管理槓桿", "html": "", "text": "", "content_hash": ""}
    issue = make_issue(make_post(), subject="管理槓桿", number=7)
    mailing = Mailing.objects.create(
        issue=issue, approved_at=now, send_at=now, planned_at=now, state=Mailing.State.SENDING, **frozen
    )
    mailing.record(MailingStep.Kind.BEGUN, at=now)
    mailing.batches.create(no=1, lo=1, hi=3, cursor=1)
    return mailing


def test_a_mailing_that_could_go_on_and_does_not_is_found_after_ninety_seconds(sending):
    now = timezone.now()

    assert ids(liveness.stalled_mailing_findings(now + timedelta(seconds=89))) == []
    assert ids(liveness.stalled_mailing_findings(now + LATER)) == ["mailing.stands_still"]
    assert liveness.stalled_mailing_findings in diagnosis.MAILING_CHECKS
    assert liveness.stalled_mailing_findings in diagnosis.ALL_CHECKS


def test_a_mailing_with_a_lane_that_goes_on_is_no_finding(sending):
    heartbeats.beat(Component.LANES)

    assert ids(liveness.stalled_mailing_findings(timezone.now() + LATER)) == []


def test_a_leased_batch_without_progress_is_a_standstill(sending, settings):
    sending.batches.update(state=Batch.State.LEASED)
    silence(settings, Component.LANES, 91)

    assert ids(liveness.stalled_mailing_findings(timezone.now() + LATER)) == ["mailing.stands_still"]


@pytest.mark.parametrize("state", [Mailing.State.PAUSED, Mailing.State.SENT, Mailing.State.CANCELLED])
def test_a_mailing_that_is_not_being_sent_may_stand_still(sending, state):
    Mailing.objects.update(state=state)

    assert list(recovery.stalled_mailings(timezone.now() + LATER)) == []


def test_a_mailing_that_waits_for_its_provider_or_for_the_next_try_may_stand_still(sending):
    now = timezone.now()

    Mailing.objects.update(retry_at=now + LATER)
    assert list(recovery.stalled_mailings(now + LATER)) == []
    Mailing.objects.update(retry_at=None)
    sending.batches.update(not_before=now + LATER)
    assert list(recovery.stalled_mailings(now + LATER)) == []
    assert list(recovery.stalled_mailings(now + 2 * LATER)) == [sending]


def test_a_mailing_that_was_resumed_has_ninety_seconds_from_then(sending):
    now = timezone.now() + LATER
    sending.record(MailingStep.Kind.RESUMED, at=now)

    assert list(recovery.stalled_mailings(now)) == []
    assert list(recovery.stalled_mailings(now + LATER)) == [sending]
