from datetime import UTC, date, datetime, time, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from newsletter.delivery.models import Mailing, Quote, Reply
from newsletter.desk import demo
from newsletter.issues.models import Issue, not_yet_mailed
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
from tests.factories import make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # a Tuesday, 16:00 in Taipei; the last slot was that morning
pytestmark = [  # one process makes its pictures
    pytest.mark.django_db,
    pytest.mark.usefixtures("pictures_made_once"),
]


def loaded(now: datetime = NOW) -> bool:
    return demo.load(now)


# --- When it happened ---


def test_what_the_author_has_set_stays_and_slots_follow_their_rhythm():
    rhythm = {"cadence_anchor_on": date(2027, 1, 1), "cadence_at": time(20, 30), "cadence_days": 21}
    make_publication(name="週二信", about="我自己寫的。", **rhythm)

    loaded()

    publication = Publication.objects.current()
    assert (publication.name, publication.about) == ("週二信", "我自己寫的。")
    assert publication.postal_address.startswith("（示範）")
    last = Issue.objects.archived()[0].sent_at
    assert last == datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    assert Issue.objects.archived()[1].sent_at == last - timedelta(days=21)


@pytest.mark.parametrize("since_slot", [timedelta(0), timedelta(minutes=1), timedelta(days=13, hours=23)])
def test_the_next_issue_carries_what_no_issue_has_carried_of_three_days(since_slot):
    now = datetime(2026, 11, 24, 0, 0, tzinfo=UTC) + since_slot

    loaded(now)

    waiting = not_yet_mailed(Post.objects.published(now))
    carried = Issue.objects.get(number=6).posts.all()
    assert {post.words for post in waiting} == {post.words for post in carried}
    assert len({post.published_at.date() for post in waiting}) == 3


# --- Whom it meets ---


def test_real_readers_stay_among_themselves():
    make_subscriber("jane@example.org")

    loaded()

    assert Subscriber.objects.get().email == "jane@example.org"
    assert not Mailing.objects.exists()  # she has got nothing


# --- What became of its issues ---


@pytest.mark.parametrize("since_slot", [timedelta(0), timedelta(hours=4), timedelta(days=13)])
def test_nothing_was_answered_before_it_was_sent_or_after_now(since_slot):
    issue = make_issue(make_post(), number=5, sent_at=NOW)
    for number in (4, 7):
        make_subscriber(f"reader{number:02}@example.com")

    demo.add_replies(issue, NOW, NOW + since_slot)

    assert Reply.objects.count() == 2
    assert all(NOW <= reply.received_at <= NOW + since_slot for reply in Reply.objects.all())
    assert Quote.objects.allowed().get().passage in Reply.objects.get(quotes__isnull=False).text


# --- Once ---


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_did_mails_nobody_and_logs_no_mailing(mailoutbox, caplog):
    caplog.set_level("INFO")
    out = StringIO()

    call_command("demo", stdout=out)
    call_command("demo", stdout=out)

    first, second = out.getvalue().splitlines()
    assert first == "Loaded the sample publication; its readers are at example.com."
    assert second == "The sample publication is here already; nothing was changed."
    assert mailoutbox == []
    assert [one.message for one in caplog.records if one.name.startswith("newsletter")] == []


def test_the_command_refuses_with_a_way_out():
    make_post()

    with pytest.raises(CommandError) as refusal:
        call_command("demo")

    assert str(refusal.value) == (
        "There are posts or issues here already, and the sample publication would mix with them. "
        "Try it beside yours: DATA_DIR=./demo uv run manage.py up --demo"
    )
