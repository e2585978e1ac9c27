"""A reader who paused is told once what they missed; never twice, never nothing, and not on the day of an issue."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from newsletter.delivery import sending_days
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.provider.transports import DjangoTransport
from newsletter.delivery.readers.missed import MissedMailQueue
from newsletter.delivery.readers.single_mails import send_due
from newsletter.mail.mail_queue import SendResult
from newsletter.mail.mailers import mailer_from_url
from newsletter.publication.models import Publication
from subscribers.models import Pause
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.support.letters import links_in_html, links_in_text

DAY = timedelta(days=1)
BEGAN = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)  # 10 in the morning in Taipei, on the day after a slot
FROZEN = {"subject": "題", "html": "", "text": "", "content_hash": "", "approved_at": BEGAN}
BACK = BEGAN + 30 * DAY  # 4 December; slots: 17 November, 1 December, 15 December


@pytest.fixture
def smtp_default(settings, smtp, tmp_path):
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url(smtp.url, outbox=tmp_path)}
    return smtp


@pytest.fixture(autouse=True)
def _publication(db):
    make_publication(
        sender_email="news@news.example.org", cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8), name="Gipi電子報"
    )


@pytest.fixture
def reader():
    return make_subscriber("reader@example.org", name="小美", welcomed_at=BEGAN)


def sent(number, at, **fields):
    return make_issue(make_post(f"文章{number}"), number=number, subject=f"主旨{number}", sent_at=at, **fields)


def copy_of(issue, reader, state):
    mailing = Mailing.objects.create(issue=issue, state="sent", send_at=issue.sent_at, **FROZEN)
    return Delivery.objects.create(mailing=mailing, seq=0, subscriber=reader, state=state)


def tell(now):
    return send_due(MissedMailQueue, now)


def test_who_comes_back_gets_one_mail_with_a_sentence_of_each_issue(reader, smtp_default):
    sent(3, BEGAN - 10 * DAY)
    sent(4, BEGAN + 13 * DAY, preheader="談放手的時機。")
    sent(5, BEGAN + 27 * DAY, introduction="第一句在這裡。第二句不必寄。\n\n第二段。")
    reader.pause(BACK, BEGAN)

    assert [tell(BACK - DAY), tell(BACK), tell(BACK), tell(BACK + 5 * DAY)] == [0, 1, 0, 0]

    (mail,) = smtp_default.received()
    assert mail.message["Subject"] == "What you missed: 2 issues"
    assert "談放手的時機。" in mail.text
    assert "第一句在這裡。" in mail.text
    assert "第二句" not in mail.text
    assert "主旨3" not in mail.text
    assert "https://news.example.org/issues/4/" in mail.text
    assert links_in_html(mail.html) == links_in_text(mail.text)
    assert (mail.message["Auto-Submitted"], reader.unsubscribe_url in mail.message["List-Unsubscribe"]) == (
        "auto-generated",
        True,
    )


def test_who_ends_the_pause_by_hand_is_told_what_was_missed_until_then(reader, smtp_default):
    sent(4, BEGAN + 13 * DAY)
    reader.pause(BACK, BEGAN)
    reader.resume(BEGAN + 14 * DAY)
    sent(5, BEGAN + 27 * DAY)

    assert [tell(BEGAN + 14 * DAY), tell(BACK)] == [1, 0]
    assert "主旨5" not in smtp_default.received()[0].text


def test_who_missed_nothing_gets_no_mail(reader, smtp_default):
    reader.pause(BACK, BEGAN)

    assert tell(BACK) == 0
    sent(4, BACK - DAY)
    assert [tell(BACK), smtp_default.received()] == [0, []]
    assert Pause.objects.get().settled_at == BACK


@pytest.mark.parametrize("state", [Delivery.State.SENT, Delivery.State.UNCERTAIN, Delivery.State.DEFERRED])
def test_what_came_all_the_same_was_not_missed(reader, smtp_default, state):
    copy_of(sent(4, BEGAN + DAY), reader, state)
    reader.pause(BACK, BEGAN)

    assert tell(BACK) == 0


def test_a_copy_that_was_left_out_because_the_pause_began_in_the_middle_was_missed(reader, smtp_default):
    copy_of(sent(4, BEGAN - timedelta(hours=1)), reader, Delivery.State.SKIPPED)
    reader.pause(BACK, BEGAN)

    assert tell(BACK) == 1


def test_on_the_day_of_an_issue_it_waits_for_the_next_day(reader, smtp_default):
    sent(4, BEGAN + 13 * DAY)
    reader.pause(BEGAN + 27 * DAY, BEGAN)  # 1 December, a slot

    assert [tell(BEGAN + 27 * DAY), tell(BEGAN + 28 * DAY)] == [0, 1]


def test_nobody_is_written_to_at_night(reader, smtp_default):
    sent(4, BEGAN + 13 * DAY)
    midnight = BACK.replace(hour=16)  # in Taipei, when a pause until 5 December ends
    reader.pause(midnight, BEGAN)

    assert [tell(midnight + timedelta(hours=hours)) for hours in (0, 6, 7)] == [0, 0, 1]


def test_who_pauses_again_before_the_mail_is_told_all_at_the_end(reader, smtp_default):
    sent(4, BEGAN + 13 * DAY)
    reader.pause(BACK, BEGAN)
    reader.resume(BEGAN + 27 * DAY)  # on the day of an issue: the mail waits
    reader.pause(BACK + 3 * DAY, BEGAN + 27 * DAY)
    sent(5, BEGAN + 29 * DAY)

    assert [tell(BEGAN + 28 * DAY), tell(BACK + 3 * DAY)] == [0, 1]
    assert "2 issues" in smtp_default.received()[0].message["Subject"]


@pytest.mark.parametrize("how", ["leave", "suppress", "pause"])
def test_who_has_left_or_is_not_to_be_mailed_is_not_told(reader, smtp_default, how):
    sent(4, BEGAN + 13 * DAY)
    reader.pause(BACK, BEGAN)
    if how == "leave":
        reader.unsubscribe(BEGAN + 20 * DAY)
        reader.undo(BEGAN + 21 * DAY)
    elif how == "suppress":
        reader.suppress("bounced")
    else:
        reader.pause(BACK + 30 * DAY, BACK - DAY)

    assert tell(BACK) == 0


def test_who_pauses_anew_while_a_worker_has_the_row_is_not_mailed(reader, smtp_default):
    sent(4, BEGAN + 13 * DAY)
    reader.pause(BACK, BEGAN)
    kind = MissedMailQueue(DjangoTransport(None))
    row = kind.due_rows(BACK).get()
    reader.pause(BACK + 30 * DAY, BACK)

    assert kind.send(row, BACK) is SendResult.NOT_TAKEN


def test_a_server_that_says_later_is_asked_again(smtp_default):
    sent(4, BEGAN + 13 * DAY)
    make_subscriber("greylist-1-x@example.org").pause(BACK, BEGAN)

    assert [tell(BACK + timedelta(minutes=minutes)) for minutes in (0, 9, 12, 30)] == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("fields", "is_day"),
    [
        ({"send_at": BACK + timedelta(hours=3), "state": "scheduled"}, True),
        ({"send_at": BACK - timedelta(hours=2), "state": "sent"}, True),
        ({"send_at": BACK - 3 * DAY, "state": "sending"}, True),
        ({"send_at": BACK + DAY, "state": "scheduled"}, False),
        ({"send_at": BACK, "state": "cancelled"}, False),
    ],
)
def test_the_day_of_an_issue_is_known_by_its_mailing(fields, is_day):
    Mailing.objects.create(issue=make_issue(make_post()), **(FROZEN | fields))

    assert sending_days.is_issue_day(Publication.objects.current(), BACK) is is_day


def test_the_cost_does_not_grow_with_the_readers_who_pause(django_assert_max_num_queries):
    for number in range(30):
        make_subscriber(f"reader{number}@example.org").pause(BACK + DAY, BEGAN)

    with django_assert_max_num_queries(4):
        tell(BACK)
