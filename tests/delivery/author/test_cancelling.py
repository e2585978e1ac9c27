"""What a program has scheduled is announced by a mail, whose link cancels it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from newsletter.delivery.author import alerts
from newsletter.delivery.author.alerts import cancel_token
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.mailing import Alert
from newsletter.delivery.planning import approving
from newsletter.mail.mailers import mailer_from_url
from newsletter.publication.changes import Via, acting_as
from tests.factories import make_helper, make_issue, make_post, make_subscriber
from tests.support.letters import mails_in

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def sends_real_mail(box, settings):
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("smtp://localhost:25", outbox=None)}


def schedule(via=Via.API, issue=None):
    issue = issue or make_issue(make_post("管理槓桿"), number=7, subject="第七期")
    with acting_as("edith (Obsidian)", via):
        return approving.approve(issue, send_at=NOW + HOUR, now=NOW, hold=HOUR)


def told(box, now=NOW):
    alerts.record_alerts(now)
    alerts.send_due(now)
    return mails_in(box)


def page(mailing):
    return f"/cancel/{cancel_token(mailing)}/"


# --- The mail ---


def test_a_time_that_a_program_sets_is_mailed_with_its_name_and_a_link_that_cancels(box):
    make_subscriber()
    mailing = schedule()

    [mail] = told(box)

    text = " ".join(mail.get_body(("plain",)).get_content().split())
    assert mail["Subject"] == "Goes out on Nov. 24, 2026, 11:00: #7 第七期"
    assert mail["To"] == "gipi@example.org"
    assert "#7 第七期 goes out to 1 reader on Nov. 24, 2026, 11:00; edith (Obsidian) has scheduled it by" in text
    assert f"https://news.example.org{page(mailing)}" in text


@pytest.mark.parametrize("via", [Via.DESK, Via.MAIL_LINK, Via.COMMAND, Via.ENGINE])
def test_what_a_person_schedules_is_not_announced(box, via):
    schedule(via)

    assert told(box) == []


def test_it_is_announced_once_and_anew_when_a_program_sets_another_time(box):
    mailing = schedule()
    assert len(told(box)) == len(told(box, NOW + HOUR / 2)) == 1

    with acting_as("edith (Obsidian)", Via.API):
        mailing.pause()
        assert mailing.resume(NOW, 3 * HOUR)

    subjects = {mail["Subject"] for mail in told(box, NOW + HOUR / 2)}
    assert subjects == {f"Goes out on Nov. 24, 2026, {hour}: #7 第七期" for hour in ("11:00", "13:00")}


def test_what_was_cancelled_meanwhile_is_not_announced(box):
    schedule().cancel(NOW)

    assert told(box) == []


def test_the_announcement_stands_in_the_transaction_that_schedules(box):
    schedule()

    assert Alert.objects.get().kind == "announced"


# --- The link ---


def test_a_look_asks_and_changes_nothing(client, sends_real_mail):
    mailing = schedule()

    response = client.get(page(mailing))

    assert "Cancel this mailing?" in response.text
    assert response.headers["Cache-Control"] == "no-store, private"
    assert Mailing.objects.get().state == "scheduled"


def test_a_press_cancels_and_nobody_gets_it(client, sends_real_mail):
    mailing = schedule()

    first, again = client.post(page(mailing)), client.post(page(mailing))

    assert first.status_code == again.status_code == 200
    assert "Nobody got it." in first.text
    assert "Nobody got it." in again.text
    assert Mailing.objects.get().state == "cancelled"
    assert [(step.what, step.via) for step in mailing.steps.all()] == [("approved", "api"), ("cancelled", "letter")]


def test_what_was_sent_is_not_cancelled_any_more(client, sends_real_mail):
    mailing = schedule()
    Mailing.objects.update(state="sent", planned_at=NOW, finished_at=NOW)

    response = client.post(page(mailing))

    assert response.status_code == 409
    assert "It was sent already" in response.text
    assert Mailing.objects.get().state == "sent"


def test_the_link_opens_one_mailing_and_nothing_that_was_not_announced(client, sends_real_mail):
    ours = schedule(Via.DESK)
    other = schedule(issue=make_issue(make_post("別的"), number=8))

    assert client.get(page(ours)).status_code == 404
    assert client.get(page(other)[:-3] + "x/").status_code == 404
    assert client.post(page(other)).status_code == 200
    assert Mailing.objects.get(pk=ours.pk).state == "scheduled"


def test_where_mails_lie_in_the_outbox_only_who_may_send_cancels(client, box, settings):
    settings.TRIAL = False
    mailing = schedule()
    helper = Client()
    helper.force_login(make_helper("reader-care"))

    assert client.post(page(mailing)).status_code == 302
    assert helper.post(page(mailing)).status_code == 403
    assert Mailing.objects.get().state == "scheduled"
