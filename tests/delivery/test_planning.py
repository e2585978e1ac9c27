import threading
from datetime import timedelta

import pytest
from django.db import connection

from newsletter.delivery import planning, recovery
from newsletter.delivery.ledger import claim, intend
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.posts.search import search
from subscribers.models import Suppression
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post, make_subscriber

State = Mailing.State
HOLD = timedelta(minutes=3)


def readers_of(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("subscriber__email", flat=True))


def test_an_approved_issue_begins_after_its_hold(issue):
    mailing = planning.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert (mailing.state, mailing.send_at) == (State.SCHEDULED, NOW + HOLD)


def test_a_later_time_is_kept(issue):
    mailing = planning.approve(issue, send_at=NOW + timedelta(days=2), now=NOW, hold=HOLD)

    assert mailing.send_at == NOW + timedelta(days=2)


def test_a_second_click_gets_the_same_mailing(issue):
    first = planning.approve(issue, send_at=None, now=NOW, hold=HOLD)

    second = planning.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert second.pk == first.pk


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_make_one_mailing(issue):
    gate, made = threading.Barrier(2), []

    def click():
        gate.wait()
        try:
            made.append(planning.approve(issue, send_at=None, now=NOW, hold=HOLD).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 2
    assert set(made) == {Mailing.objects.get().pk}


def test_what_was_previewed_is_what_is_kept(issue):
    mailing = planning.approve(issue, send_at=None, now=NOW, hold=HOLD)

    issue.items.get().post.__class__.objects.update(body="改過的內文")

    mailing.refresh_from_db()
    assert "改過的內文" not in mailing.html
    assert "第一段" in mailing.html


def test_a_scheduled_mailing_takes_the_new_text_when_asked(issue):
    mailing = planning.approve(issue, send_at=None, now=NOW, hold=HOLD)
    before = mailing.content_hash
    issue.items.get().post.__class__.objects.update(body="改過的內文")

    changed = planning.refreeze(mailing)

    mailing.refresh_from_db()
    assert changed
    assert "改過的內文" in mailing.html
    assert mailing.content_hash != before


def test_a_mailing_under_way_keeps_its_text(make_mailing):
    assert planning.refreeze(make_mailing()) is False


def test_an_issue_without_posts_is_refused(publication):
    empty = make_issue(number=3)

    with pytest.raises(planning.PlanningError, match=r"Issue 3 has no posts yet\."):
        planning.approve(empty, send_at=None, now=NOW, hold=HOLD)

    assert not Mailing.objects.exists()


def test_a_draft_in_the_issue_is_refused_by_its_title(publication):
    unfinished = make_issue(make_post("草稿", published_at=None), number=3)

    with pytest.raises(planning.PlanningError, match="“草稿” will not be public when the issue is sent"):
        planning.approve(unfinished, send_at=None, now=NOW, hold=HOLD)


def test_a_post_that_is_public_in_time_is_welcome(publication):
    timely = make_issue(make_post("明天", published_at=NOW + timedelta(days=1)), number=3)

    assert planning.approve(timely, send_at=NOW + timedelta(days=2), now=NOW, hold=HOLD)


def test_a_sent_issue_is_not_sent_again(make_mailing, issue):
    make_mailing("")
    Mailing.objects.update(state=State.SENT)

    with pytest.raises(planning.PlanningError, match=r"Issue 7 was sent already\."):
        planning.approve(issue, send_at=None, now=NOW, hold=HOLD)


def test_the_audience_is_everyone_who_is_mailable(make_mailing):
    make_subscriber("pending@example.org", state="pending", confirmed_at=None)
    make_subscriber("left@example.org", state="unsubscribed", unsubscribed_at=NOW)
    make_subscriber("resting@example.org", state="paused", paused_until=NOW + timedelta(days=1))
    make_subscriber("rested@example.org", state="paused", paused_until=NOW)
    bounced = make_subscriber("bounced@example.org")
    Suppression.objects.create(address_hash=bounced.address_hash, reason="bounced")

    mailing = make_mailing("ab")

    assert readers_of(mailing) == ["rested@example.org", "a@example.org", "b@example.org"]
    assert mailing.counts().queued == 3


def test_the_audience_is_fixed_when_it_is_planned(make_mailing):
    mailing = make_mailing("ab")

    make_subscriber("late@example.org")

    assert readers_of(mailing) == ["a@example.org", "b@example.org"]


def test_planning_happens_once(make_mailing):
    mailing = make_mailing("ab")

    assert planning.plan(mailing, NOW) is False
    assert Delivery.objects.count() == 2


def test_a_cancelled_mailing_is_never_planned(make_mailing):
    mailing = make_mailing("ab", planned=False)
    mailing.cancel(NOW)

    assert planning.plan(mailing, NOW) is False
    assert not Delivery.objects.exists()


def test_batches_hold_500_and_cover_everybody(make_mailing, monkeypatch):
    monkeypatch.setattr(planning, "BATCH", 2)

    mailing = make_mailing("abcde")

    assert list(mailing.batches.order_by("no").values_list("no", "lo", "hi", "cursor")) == [
        (0, 0, 2, 0),
        (1, 2, 4, 2),
        (2, 4, 5, 4),
    ]


def test_an_issue_is_found_from_the_moment_it_is_planned(make_mailing, issue):
    planning.plan(make_mailing(), NOW)

    (result,) = search(issue.subject, now=NOW).results
    assert (result.kind, result.key, result.published_at) == ("issue", issue.pk, NOW)


def test_planning_puts_the_issue_into_the_archive(make_mailing, issue):
    make_mailing()

    issue.refresh_from_db()
    assert issue.sent_at == NOW


def test_a_second_mailing_reaches_only_those_without_a_copy(make_mailing, issue):
    first = make_mailing("ab")
    first.deliveries.filter(seq=0).update(state=Delivery.State.SENT)
    first.deliveries.filter(seq=1).update(state=Delivery.State.SKIPPED)
    first.cancel(NOW)
    make_subscriber("c@example.org")

    second = planning.approve(issue, send_at=None, now=NOW, hold=timedelta())
    planning.plan(second, NOW)

    assert second.number == 2
    assert readers_of(second) == ["b@example.org", "c@example.org"]


def test_a_due_mailing_begins_by_itself(make_mailing):
    mailing = make_mailing(planned=False)

    assert planning.begin_due(NOW) == [mailing]
    assert planning.begin_due(NOW) == []


def test_a_mailing_that_is_not_due_waits(issue):
    mailing = planning.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert planning.begin_due(NOW + HOLD - timedelta(seconds=1)) == []
    assert planning.begin_due(NOW + HOLD) == [mailing]


def test_five_hours_late_still_goes_out(make_mailing):
    mailing = make_mailing(planned=False)

    assert planning.begin_due(NOW + timedelta(hours=5, minutes=59)) == [mailing]


def test_seven_hours_late_waits_and_says_why(make_mailing):
    mailing = make_mailing(planned=False)

    assert planning.begin_due(NOW + timedelta(hours=7)) == []

    mailing.refresh_from_db()
    assert mailing.state == State.PAUSED
    assert mailing.reason.startswith("It was due at 2026-11-03")


def test_two_late_issues_do_not_go_out_on_one_day_by_themselves(make_mailing, publication):
    first = make_mailing(planned=False)
    other = make_issue(make_post("另一篇"), number=8)
    second = planning.approve(other, send_at=None, now=NOW, hold=timedelta(minutes=1))

    begun = planning.begin_due(NOW + timedelta(hours=1))

    second.refresh_from_db()
    assert begun == [first]
    assert second.state == State.PAUSED
    assert "another issue went out today" in second.reason


def test_one_copy_a_reader_is_held_by_the_database(make_mailing, django_db_blocker):
    mailing = make_mailing("a")
    reader = mailing.deliveries.get().subscriber

    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        Delivery.objects.create(mailing=mailing, seq=99, subscriber=reader)


def test_100_000_readers_are_planned_by_a_handful_of_statements(make_mailing, django_assert_max_num_queries):
    mailing = make_mailing("abc", planned=False)

    with django_assert_max_num_queries(24):
        planning.plan(mailing, NOW)

    assert Batch.objects.count() == 1


def test_a_second_mailing_waits_until_the_cancelled_one_is_settled(make_mailing, issue):
    first = make_mailing("ab")
    batch = claim(first, "another/0/x", NOW)
    intend(batch, [], 1, NOW)
    first.cancel(NOW)
    second = planning.approve(issue, send_at=None, now=NOW, hold=timedelta())
    assert planning.begin_due(NOW) == []

    recovery.recover(batch, None)
    recovery.settle_cancelled()

    assert planning.begin_due(NOW) == [second]
    assert readers_of(second) == ["b@example.org"]
