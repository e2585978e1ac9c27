"""The first letters: three past issues, once each, days apart, never on the day of an issue, and only while wanted."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import CourseCopy, Mailing
from newsletter.delivery.readers import own_letters
from newsletter.delivery.readers.course import CourseMailQueue
from newsletter.delivery.readers.missed import missed_issues
from newsletter.delivery.readers.single_mails import send_due
from newsletter.delivery.readers.welcome import WelcomeMailQueue
from newsletter.mail.mailers import mailer_from_url
from subscribers.models import Pause, Subscriber
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.support.letters import links_in_text

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)  # 10 in Taipei, on the day after a slot; the next is on 17 November
NAMES = "零一二三四"
LONG_AGO = datetime(2026, 10, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def smtp_default(settings, smtp, tmp_path):
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url(smtp.url, outbox=tmp_path)}
    return smtp


@pytest.fixture(autouse=True)
def _publication(publication):
    letter: dict[str, str] = {}
    for number in (1, 2, 3, 4):
        at = LONG_AGO + (number - 1) * 8 * DAY
        issue = make_issue(make_post(f"文章{number}"), number=number, subject=f"主旨{NAMES[number]}", sent_at=at)
        letter = letter or freeze_letter(issue).columns()  # of the first for all of them
        row = {"issue": issue, "state": Mailing.State.SENT, "approved_at": at, "send_at": at}
        Mailing.objects.create(**letter | row | {"subject": issue.subject})
    chosen(1, 3, 4)


def chosen(*numbers, days=3):
    make_publication(course=list(numbers), course_days=days, cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8))


@pytest.fixture
def reader():
    reader = make_subscriber("new@example.org", confirmed_at=NOW)
    assert send_due(WelcomeMailQueue, NOW) == 1
    return reader


def letters(now):
    return send_due(CourseMailQueue, now)


def subjects(smtp):
    return [mail.message["Subject"] for mail in smtp.received()][1:]  # after the welcome


def test_a_new_reader_gets_three_issues_three_days_apart_and_each_once(reader, smtp_default):
    counts = [letters(NOW + day * DAY) for day in range(12)]

    assert counts == [0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]
    assert subjects(smtp_default) == ["First letters 1: 主旨一", "First letters 2: 主旨三", "First letters 3: 主旨四"]
    assert "3 earlier issues come to you" in smtp_default.received()[0].text
    assert {"List-Unsubscribe", "List-Id"} <= set(smtp_default.received()[1].message.keys())


def test_as_it_comes_there_is_the_welcome_alone(smtp_default):
    chosen()
    make_subscriber("new@example.org", confirmed_at=NOW)
    send_due(WelcomeMailQueue, NOW)

    assert not CourseCopy.objects.exists()
    assert "earlier issue" not in smtp_default.received()[0].text


def test_an_author_who_turns_it_off_stops_those_that_are_under_way(reader):
    chosen()

    assert letters(NOW + 3 * DAY) == 0


def test_on_the_day_of_an_issue_none_comes_and_the_next_one_keeps_its_distance(smtp_default):
    make_subscriber("new@example.org", confirmed_at=NOW + 10 * DAY)
    send_due(WelcomeMailQueue, NOW + 10 * DAY)

    assert [letters(NOW + day * DAY) for day in range(13, 22)] == [0, 1, 0, 0, 1, 0, 0, 1, 0]  # the 17th is a slot


@pytest.mark.parametrize("how", ["leave", "leave and come back", "pause", "pause and resume", "suppress"])
def test_it_stops_when_the_reader_leaves_pauses_or_is_suppressed(reader, how):
    letters(NOW + 3 * DAY)
    if how.startswith("leave"):
        reader.unsubscribe(NOW + 4 * DAY)
    if how == "leave and come back":
        reader.undo(NOW + 5 * DAY)
    if how.startswith("pause"):
        reader.pause(NOW + 30 * DAY, NOW + 4 * DAY)
    if how == "pause and resume":
        reader.resume(NOW + 5 * DAY)
    if how == "suppress":
        reader.suppress("complained")

    assert [letters(NOW + day * DAY) for day in (6, 9, 12, 40)] == [0, 0, 0, 0]
    assert not CourseCopy.objects.open().exists()


def test_who_comes_back_and_confirms_anew_does_not_get_it_again(reader, smtp_default):
    for day in (3, 6, 9):
        letters(NOW + day * DAY)
    reader.unsubscribe(NOW + 15 * DAY)
    Subscriber.objects.get(pk=reader.pk).confirm(NOW + 20 * DAY)
    send_due(WelcomeMailQueue, NOW + 20 * DAY)

    assert [letters(NOW + day * DAY) for day in (23, 26, 29)] == [0, 0, 0]


def test_a_copy_that_is_refused_for_now_comes_later_and_the_course_goes_on():
    reader = make_subscriber("greylist-1-x@example.org", confirmed_at=NOW, welcomed_at=NOW)
    CourseCopy.objects.begin(reader, list(Mailing.objects.order_by("pk")[:2]), 3 * DAY, NOW)
    later = NOW + 3 * DAY

    assert [letters(later + timedelta(minutes=minutes)) for minutes in (0, 9, 12, 30)] == [0, 0, 1, 0]
    assert letters(later + 3 * DAY) == 1


def test_it_stands_where_the_reader_asks_for_letters_and_can_be_answered(reader, smtp_default, client):
    letters(NOW + 3 * DAY)

    words = [line.what for line in own_letters.letters_chapter(reader, "").lines]
    answer = client.get(
        next(url for url in links_in_text(smtp_default.received()[1].text) if url.endswith("/1/helpful/"))
    )

    assert "#1 主旨一: sent, as a first letter" in words
    assert "#3 主旨三: comes to you as a first letter" in words
    assert answer.status_code == 200
    assert "主旨一" in answer.text


def test_what_came_as_a_first_letter_is_not_missed_in_a_pause(reader):
    letters(NOW + 3 * DAY)
    pause = Pause(subscriber=reader, began_at=LONG_AGO - DAY, until=NOW + 5 * DAY)

    assert [issue.number for issue in missed_issues(pause)] == [2, 3, 4]
