"""Who signed up and did not confirm gets one reminder after two days, if the author wants it, and no second one."""

from datetime import timedelta

import pytest

from subscribers import signup, tasks
from subscribers.models import ConfirmationReminder, Subscriber, mail_queue
from subscribers.models.consents import ConsentDetails
from tests.factories import make_publication, make_subscriber
from tests.subscribers.conftest import NOW, path_of
from tests.support.letters import link_to, links_in_html, links_in_text

DAY = timedelta(days=1)
TWO_DAYS = 2 * DAY
State = Subscriber.State


@pytest.fixture(autouse=True)
def _wanted(_english):
    make_publication(reminds_unconfirmed=True)


@pytest.fixture
def stranger():
    signup.sign_up("reader@example.org", ConsentDetails(), NOW)
    tasks.send_confirmations()
    return Subscriber.objects.get()


@pytest.fixture
def at(clock, mailoutbox):
    """Let the task run at a time; return how many mails it sent."""

    def run(now):
        before = len(mailoutbox)
        clock.move_to(now)
        tasks.send_confirmations()
        return len(mailoutbox) - before

    return run


def test_two_days_later_one_reminder_comes_whose_link_confirms(stranger, at, mailoutbox, client):
    counts = [at(NOW + TWO_DAYS - timedelta(minutes=1)), at(NOW + TWO_DAYS), at(NOW + TWO_DAYS), at(NOW + 4 * DAY)]

    reminder = mailoutbox[-1]
    client.post(path_of(link_to("/confirm/", reminder.body)))
    stranger.refresh_from_db()
    assert counts == [0, 1, 0, 0]
    assert reminder.subject == "Still waiting for your click: Gipi電子報"
    assert "works for 5 days more" in reminder.body
    assert links_in_html(reminder.alternatives[0][0]) == links_in_text(reminder.body)
    assert stranger.state == State.ACTIVE
    assert not ConfirmationReminder.objects.exists()


def test_as_it_comes_nobody_is_reminded(stranger, at):
    make_publication(reminds_unconfirmed=False)

    assert at(NOW + TWO_DAYS) == 0


def test_an_author_who_thinks_better_of_it_stops_those_that_wait(stranger, at):
    row = {"subscriber": stranger, "made_at": NOW, "due_at": NOW}
    ConfirmationReminder.objects.create(**row)
    make_publication(reminds_unconfirmed=False)

    assert at(NOW + TWO_DAYS) == 0


@pytest.mark.parametrize("what", ["confirmed", "suppressed", "left", "forgotten"])
def test_whom_it_no_longer_concerns_is_not_reminded(stranger, at, what):
    if what == "confirmed":
        stranger.confirm(NOW + DAY)
    elif what == "suppressed":
        stranger.suppress("bounced")
    elif what == "left":
        stranger.unsubscribe(NOW + DAY)
    else:
        stranger.delete()

    assert at(NOW + TWO_DAYS) == 0


def test_who_confirms_while_the_reminder_waits_is_not_reminded(stranger, at):
    ConfirmationReminder.objects.create(subscriber=stranger, made_at=NOW, due_at=NOW + TWO_DAYS + timedelta(hours=1))
    at(NOW + TWO_DAYS)
    Subscriber.objects.update(state=State.ACTIVE, confirmed_at=NOW)

    assert at(NOW + TWO_DAYS + timedelta(hours=2)) == 0


def test_a_reader_who_left_and_asked_again_is_not_pressed(at):
    make_subscriber("reader@example.org", state=State.UNSUBSCRIBED)
    signup.sign_up("reader@example.org", ConsentDetails(), NOW)

    assert [at(NOW), at(NOW + TWO_DAYS)] == [1, 0]


def test_it_counts_among_the_three_mails_of_a_mailbox(stranger, at):
    later = NOW + TWO_DAYS
    for _mail in range(3):
        assert mail_queue.consume_mail_quota("reader@example.org", later)

    assert at(later) == 0
    assert not ConfirmationReminder.objects.exists()
    assert at(later + DAY + timedelta(minutes=1)) == 1


def test_a_link_that_soon_ends_is_not_reminded_of(stranger, at):
    assert at(NOW + 6 * DAY + timedelta(hours=1)) == 0


def test_the_privacy_page_and_the_first_mail_say_so_while_it_is_on(client, stranger, mailoutbox):
    said = "is reminded once, by one mail after two days"
    page = client.get("/privacy/").text
    make_publication(reminds_unconfirmed=False)

    assert (said in page, said in client.get("/privacy/").text) == (True, False)
    assert "one reminder comes in two days" in mailoutbox[0].body
