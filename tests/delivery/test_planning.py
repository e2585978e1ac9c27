import heapq
import threading
from datetime import timedelta

import pytest
from django.db import connection

from newsletter.delivery.ledger import recovery
from newsletter.delivery.ledger.claims import claim_batch, commit_intent
from newsletter.delivery.letter.losses import losses, losses_digest
from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import PlanningError, obstacles
from newsletter.delivery.planning.beginning import batch_sizes
from newsletter.posts.models import SearchDocument
from newsletter.posts.search.index import search
from subscribers.mails import address_change
from subscribers.models import Subscriber, Suppression
from tests.delivery.conftest import FAILED, NOW, SENT, SKIPPED, Provider
from tests.factories import finish_batches, make_issue, make_post, make_subscriber

State = Mailing.State
HOLD = timedelta(minutes=3)


def readers_of(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("subscriber__email", flat=True))


def test_an_approved_issue_begins_after_its_hold(issue):
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert (mailing.state, mailing.send_at) == (State.SCHEDULED, NOW + HOLD)


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_make_one_mailing(issue):
    gate, made = threading.Barrier(2), []

    def click():
        gate.wait()
        try:
            made.append(approving.approve(issue, send_at=None, now=NOW, hold=HOLD).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 2
    assert set(made) == {Mailing.objects.get().pk}


def test_of_two_clicks_and_a_cancel_the_second_click_sends_nothing(issue, monkeypatch):
    """The second click has begun before the cancel, and is done after it."""

    def look_slowly(*asked, **about):
        monkeypatch.undo()
        approving.approve(issue, send_at=None, now=NOW, hold=HOLD).cancel(NOW + timedelta(seconds=1))
        return obstacles(*asked, **about)

    monkeypatch.setattr(approving, "obstacles", look_slowly)

    second = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert (second.state, Mailing.objects.count()) == (State.CANCELLED, 1)


def test_whoever_approves_again_after_a_cancel_gets_another_mailing(issue):
    first = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)
    first.cancel(NOW + timedelta(seconds=1))

    second = approving.approve(issue, send_at=None, now=NOW + timedelta(seconds=2), hold=HOLD)

    assert (second.state, second.number) == (State.SCHEDULED, 2)


def test_what_was_previewed_is_what_is_kept(issue):
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    issue.items.get().post.__class__.objects.update(body="改過的內文")

    mailing.refresh_from_db()
    assert "改過的內文" not in mailing.html
    assert "第一段" in mailing.html


def test_an_issue_without_posts_is_refused(publication):
    empty = make_issue(number=3)

    with pytest.raises(PlanningError, match=r"Issue 3 has no posts yet\."):
        approving.approve(empty, send_at=None, now=NOW, hold=HOLD)

    assert not Mailing.objects.exists()


def test_a_draft_in_the_issue_is_refused_by_its_title(publication):
    unfinished = make_issue(make_post("草稿", published_at=None), number=3)

    with pytest.raises(PlanningError, match="“草稿” will not be public when the issue is sent"):
        approving.approve(unfinished, send_at=None, now=NOW, hold=HOLD)


def test_a_sent_issue_is_not_sent_again(make_mailing, issue):
    make_mailing("")
    Mailing.objects.update(state=State.SENT)

    with pytest.raises(PlanningError, match=r"Issue 7 was sent already\."):
        approving.approve(issue, send_at=None, now=NOW, hold=HOLD)


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


def test_a_cancelled_mailing_is_never_planned(make_mailing):
    mailing = make_mailing("ab", planned=False)
    mailing.cancel(NOW)

    assert beginning.plan_mailing(mailing, NOW) is False
    assert not Delivery.objects.exists()


def test_batches_are_numbered_cover_everybody_once_and_only_the_last_is_shorter(make_mailing, monkeypatch):
    monkeypatch.setattr(beginning, "BATCH_MAX", 2)

    mailing = make_mailing("abcde")

    assert list(mailing.batches.order_by("no").values_list("no", "lo", "hi", "cursor")) == [
        (0, 0, 2, 0),
        (1, 2, 4, 2),
        (2, 4, 5, 4),
    ]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="its triggers are one statement")
@pytest.mark.parametrize(("wrong_hi", "end"), [("hi - 1", 1), ("hi + 1", 3)])
def test_batches_with_a_gap_or_an_overlap_are_never_sent(make_mailing, monkeypatch, caplog, wrong_hi, end):
    monkeypatch.setattr(beginning, "BATCH_MAX", 2)
    mailing = make_mailing("abcde", planned=False)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER wrong AFTER INSERT ON delivery_batch WHEN NEW.no = 0"
            f" BEGIN UPDATE delivery_batch SET hi = {wrong_hi} WHERE id = NEW.id; END"
        )

    assert beginning.begin_due(NOW) == []

    mailing.refresh_from_db()
    assert (mailing.state, mailing.batches.count(), mailing.deliveries.count()) == (State.SCHEDULED, 0, 0)
    assert f"mailing {mailing.pk}: a batch ends at row {end}, and the next begins at 2" in caplog.text


def test_an_issue_is_found_from_the_moment_it_is_planned(make_mailing, issue):
    beginning.plan_mailing(make_mailing(), NOW)

    (result,) = search(issue.subject, now=NOW).results
    assert (result.kind, result.key, result.published_at) == ("issue", issue.pk, NOW)


def test_a_second_mailing_reaches_only_those_without_a_copy(make_mailing, issue):
    first = make_mailing("ab")
    first.deliveries.filter(seq=0).update(state=Delivery.State.SENT)
    first.deliveries.filter(seq=1).update(state=Delivery.State.SKIPPED)
    first.cancel(NOW)
    make_subscriber("c@example.org")

    second = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(second, NOW)

    assert second.number == 2
    assert readers_of(second) == ["b@example.org", "c@example.org"]


def test_a_mailing_that_is_not_due_waits(issue):
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert beginning.begin_due(NOW + HOLD - timedelta(seconds=1)) == []
    assert beginning.begin_due(NOW + HOLD) == [mailing]


def test_five_hours_late_still_goes_out(make_mailing):
    mailing = make_mailing(planned=False)

    assert beginning.begin_due(NOW + timedelta(hours=5, minutes=59)) == [mailing]


def test_seven_hours_late_waits_and_says_why(make_mailing):
    mailing = make_mailing(planned=False)

    assert beginning.begin_due(NOW + timedelta(hours=7)) == []

    mailing.refresh_from_db()
    assert mailing.state == State.PAUSED
    assert mailing.reason.startswith("It was due at 2026-11-03")


def test_two_late_issues_do_not_go_out_on_one_day_by_themselves(make_mailing, publication):
    first = make_mailing(planned=False)
    other = make_issue(make_post("另一篇"), number=8)
    second = approving.approve(other, send_at=None, now=NOW, hold=timedelta(minutes=1))

    begun = beginning.begin_due(NOW + timedelta(hours=1))

    second.refresh_from_db()
    assert begun == [first]
    assert second.state == State.PAUSED
    assert "another issue went out today" in second.reason


def test_one_copy_a_reader_is_held_by_the_database(make_mailing, django_db_blocker):
    mailing = make_mailing("a")
    reader = mailing.deliveries.get().subscriber

    with pytest.raises(Exception, match=r"(?i)unique constraint"):
        Delivery.objects.create(mailing=mailing, seq=99, subscriber=reader)


def test_100_000_readers_are_planned_by_a_handful_of_statements(make_mailing, django_assert_max_num_queries):
    mailing = make_mailing("abc", planned=False)

    with django_assert_max_num_queries(24):
        beginning.plan_mailing(mailing, NOW)

    assert Batch.objects.count() == 1


def test_a_second_mailing_waits_until_the_cancelled_one_is_settled(make_mailing, issue):
    first = make_mailing("ab")
    batch = claim_batch(first, "another/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    first.cancel(NOW)
    second = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    assert beginning.begin_due(NOW) == []

    recovery.recover_batch(batch, None)
    recovery.settle_cancelled()

    assert beginning.begin_due(NOW) == [second]
    assert readers_of(second) == ["b@example.org"]


# --- Segments ---


def to(issue, segment, *, sent=True):
    """Plan a mailing to a segment and, if asked, let everybody have it."""
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta(), segment=segment)
    assert beginning.plan_mailing(mailing, NOW)
    if sent:
        mailing.deliveries.update(state=Delivery.State.SENT)
        finish_batches(mailing)
        mailing.finish(NOW)
    return mailing


@pytest.fixture
def tagged(publication):
    for name, tags in [("a", "paid"), ("b", "paid,course"), ("c", "prepaid"), ("d", "Paid"), ("e", "")]:
        make_subscriber(f"{name}@example.org", tags=tags)


def names_of(mailing):
    return "".join(address[0] for address in readers_of(mailing))


def test_a_segment_is_its_readers_alone(tagged, issue):
    assert names_of(to(issue, "+paid")) == "ab"


def test_everybody_else_follows_a_segment_and_nobody_gets_two(tagged, issue):
    first, rest = to(issue, "+paid"), to(issue, "")

    assert (names_of(first), names_of(rest)) == ("ab", "cde")


def test_after_everybody_the_issue_is_sent(tagged, issue):
    to(issue, "+paid")
    to(issue, "")

    with pytest.raises(PlanningError, match=r"Issue 7 was sent already\."):
        approving.approve(issue, send_at=None, now=NOW, hold=HOLD)


def test_a_reader_who_moves_into_the_segment_is_not_mailed_twice(tagged, issue):
    to(issue, "-paid")
    Subscriber.objects.get(email="c@example.org").set_tags(["paid"])

    assert names_of(to(issue, "+paid")) == "ab"


def test_a_reader_who_was_paused_when_the_segment_was_sent_is_not_forgotten(tagged, issue):
    first = to(issue, "+paid", sent=False)
    first.deliveries.filter(subscriber__email="a@example.org").update(state=Delivery.State.SKIPPED)
    finish_batches(first)
    first.finish(NOW)

    assert names_of(to(issue, "")) == "acde"


def test_a_copy_that_failed_is_not_tried_by_the_next_mailing(tagged, issue):
    to(issue, "+paid").deliveries.update(state=Delivery.State.FAILED)

    assert names_of(to(issue, "")) == "cde"


# --- Corrections ---


def corrected(issue, note="第二段寫錯了。", **options):
    return approving.schedule_correction(issue, note=note, send_at=None, now=NOW, hold=timedelta(), **options)


@pytest.fixture
def had(make_mailing):
    """A mailing of which a has a copy, b may have one, c's failed and d's was skipped."""
    mailing = make_mailing("abcd")
    for seq, state in enumerate([Delivery.State.SENT, Delivery.State.UNCERTAIN]):
        mailing.deliveries.filter(seq=seq).update(state=state)
    mailing.deliveries.filter(seq=2).update(state=Delivery.State.FAILED)
    mailing.deliveries.filter(seq=3).update(state=Delivery.State.SKIPPED)
    finish_batches(mailing)
    mailing.finish(NOW)
    return mailing


def test_a_correction_reaches_those_who_have_a_copy_or_may_have_one(had, issue):
    make_subscriber("new@example.org")

    correction = corrected(issue)
    beginning.plan_mailing(correction, NOW)

    assert (correction.kind, correction.number) == ("correction", 1)
    assert names_of(correction) == "ab"


def test_the_subject_of_a_correction_is_cut_where_a_subject_ends(had, issue):
    issue.subject = "長" * 200
    issue.save()

    said = losses_digest(losses(issue, freeze_letter(issue, "寫錯了。"), "寫錯了。"))
    subject = corrected(issue, "寫錯了。", acknowledged=said).subject

    assert len(subject) == 200
    assert subject.endswith("長…")


def test_a_correction_carries_its_note_and_the_text_of_now(had, issue):
    issue.items.get().post.__class__.objects.update(body="改正了的內文")

    correction = corrected(issue, "數字**寫錯**了。")

    assert correction.subject == "Correction: 第七期"
    assert "<strong" in correction.html.rpartition("改正了的內文")[0]
    assert "數字" in correction.text
    assert "改正了的內文" in correction.text


def test_a_correction_that_is_refrozen_keeps_its_note(had, issue):
    correction = corrected(issue, "數字寫錯了。")
    issue.items.get().post.__class__.objects.update(body="又改了")

    assert approving.refreeze(correction, now=NOW)

    correction.refresh_from_db()
    assert correction.subject == "Correction: 第七期"
    assert "數字寫錯了。" in correction.html
    assert "又改了" in correction.html


def test_a_second_correction_reaches_them_all_again_under_its_own_number(had, issue):
    first = corrected(issue)
    beginning.plan_mailing(first, NOW)
    first.deliveries.update(state=Delivery.State.SENT)
    finish_batches(first)
    first.finish(NOW)

    second = corrected(issue, "還有一處。")
    beginning.plan_mailing(second, NOW)

    assert second.number == 2
    assert names_of(second) == "ab"


def test_an_issue_that_was_cancelled_midway_can_be_corrected(make_mailing, issue):
    mailing = make_mailing("ab")
    mailing.deliveries.filter(seq=0).update(state=Delivery.State.SENT)
    finish_batches(mailing, state=Batch.State.OPEN)
    mailing.cancel(NOW)
    recovery.settle_cancelled()

    correction = corrected(issue)
    beginning.plan_mailing(correction, NOW)

    assert names_of(correction) == "a"


def test_an_issue_under_way_is_not_corrected_but_refrozen(make_mailing, issue):
    make_mailing("a").deliveries.update(state=Delivery.State.SENT)

    with pytest.raises(PlanningError, match="The issue is still being sent"):
        corrected(issue)


def test_the_page_in_the_archive_says_what_was_corrected(had, issue, client):
    beginning.plan_mailing(corrected(issue, "數字寫錯了。"), NOW)

    page = client.get(issue.get_absolute_url()).text

    assert "Corrected on" in page
    assert "數字寫錯了。" in page


def test_a_mailing_half_way_goes_on_with_the_current_text(make_mailing, issue, run):
    mailing, provider = make_mailing("ab"), Provider()
    provider.on_send = lambda row: mailing.pause("wait")
    run(mailing, provider)
    issue.items.get().post.__class__.objects.update(body="改過的內文")

    assert approving.refreeze(mailing, now=NOW)
    mailing.resume(NOW, HOLD)
    provider.on_send = lambda row: None
    run(Mailing.objects.get(), provider)

    assert sorted(provider.accepted) == ["a@example.org", "b@example.org"]
    assert "改過的內文" in Mailing.objects.get().html


# --- The search ---


def test_a_search_in_trouble_stops_no_mailing(make_mailing, monkeypatch):
    mailing = make_mailing("ab", planned=False)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {SearchDocument._meta.db_table}")

    assert beginning.plan_mailing(mailing, NOW)

    assert mailing.total == 2


def test_a_paused_mailing_takes_a_text_whose_posts_are_public_by_now(make_mailing, issue):
    mailing = make_mailing()
    mailing.pause()
    issue.items.get().post.__class__.objects.update(published_at=NOW + timedelta(hours=1))

    assert approving.refreeze(mailing, now=NOW + timedelta(hours=2)) is True


def test_a_hold_ends_once(issue):
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert approving.end_hold(mailing, now=NOW) is True
    assert approving.end_hold(mailing, now=NOW + timedelta(seconds=1)) is True

    mailing.refresh_from_db()
    assert mailing.send_at == NOW
    assert [step.what for step in mailing.steps.all()] == ["approved", "at once"]


def test_a_second_mailing_of_an_issue_is_no_other_issue_of_the_day(make_mailing, issue):
    make_mailing("a").cancel(NOW)
    recovery.settle_cancelled()
    second = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert beginning.begin_due(NOW + timedelta(hours=1)) == [second]


def test_a_correction_of_the_day_stops_no_late_issue(make_mailing, publication):
    make_mailing("a")
    Mailing.objects.update(kind=Mailing.Kind.CORRECTION)
    late = approving.approve(make_issue(make_post("另一篇"), number=8), send_at=None, now=NOW, hold=HOLD)

    assert beginning.begin_due(NOW + timedelta(hours=1)) == [late]


def test_a_hold_does_not_end_before_the_posts_are_public(issue):
    issue.items.get().post.__class__.objects.update(published_at=NOW + timedelta(days=1))
    mailing = approving.approve(issue, send_at=NOW + timedelta(days=2), now=NOW, hold=HOLD)

    with pytest.raises(PlanningError, match="will not be public"):
        approving.end_hold(mailing, now=NOW)


# --- Batches, and when the lanes that take them one after the other end ---

MOST = 4000


def speed_up(batches, lanes):
    """Return by how much sooner so many lanes are through than one, each taking the next batch when it is free."""
    ends = [0] * lanes
    for size in batches:
        heapq.heappush(ends, heapq.heappop(ends) + size)
    return sum(batches) / max(ends)


@pytest.mark.parametrize("total", [0, 1, 399, 400, 401, 20_000, 123_457, 1_000_000])
@pytest.mark.parametrize("lanes", [1, 8])
def test_the_batches_are_all_rows_and_none_is_too_large(total, lanes):
    batches = list(batch_sizes(total, lanes, MOST))

    assert sum(batches) == total
    assert all(0 < size <= MOST for size in batches)


@pytest.mark.parametrize(("lanes", "least"), [(2, 1.95), (4, 3.8), (8, 7)])
@pytest.mark.parametrize("total", [20_000, 50_000, 1_000_000])
def test_twenty_thousand_readers_are_shared_by_all_lanes(total, lanes, least):
    assert speed_up(list(batch_sizes(total, 8, MOST)), lanes) >= least


def test_a_million_readers_are_in_large_batches():
    batches = list(batch_sizes(1_000_000, 8, MOST))

    assert batches[:230] == [MOST] * 230
    assert len(batches) < 280


def test_where_one_lane_is_alone_all_batches_are_large():
    assert list(batch_sizes(10_000, 1, MOST)) == [4000, 4000, 2000]


# --- A reader who moves to the mailbox of another ---

FIRST, SECOND = "a@example.org", "b@example.org"
LATER = NOW + timedelta(hours=1)


def move(email: str, to: str) -> None:
    reader = Subscriber.objects.get(email=email)
    address_change.request_change(reader, to, LATER)
    assert address_change.confirm_change(reader.address_changes.get(), LATER)


def leave(email: str) -> None:
    assert Subscriber.objects.get(email=email).unsubscribe(LATER)


def owners(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("state", "subscriber__email"))


@pytest.fixture
def half_sent(make_mailing, run):
    """A mailing that the first of two readers has."""
    mailing, provider = make_mailing("ab"), Provider()
    run(mailing, provider, is_stopping=lambda: bool(provider.accepted))
    assert provider.accepted == [FIRST]
    return mailing


def test_a_mailbox_that_has_the_issue_gets_it_from_no_second_reader(half_sent, run):
    leave(FIRST)
    move(SECOND, FIRST)

    provider = Provider()
    run(half_sent, provider)

    assert provider.accepted == []
    assert owners(half_sent) == [(SENT, FIRST), (SKIPPED, None)]
    assert (half_sent.counts().sent, half_sent.counts().skipped, half_sent.counts().queued) == (1, 1, 0)


def test_what_the_other_never_had_is_sent(make_mailing, run):
    mailing = make_mailing("ab")
    leave(FIRST)
    move(SECOND, FIRST)

    provider = Provider()
    run(mailing, provider)

    assert provider.accepted == [FIRST]
    assert sorted(owners(mailing), key=str) == [(SENT, FIRST), (SKIPPED, None)]


def test_a_copy_that_came_back_is_none(half_sent, run):
    half_sent.deliveries.filter(subscriber__email=FIRST).update(state=FAILED)
    leave(FIRST)
    move(SECOND, FIRST)

    provider = Provider()
    run(half_sent, provider)

    assert provider.accepted == [FIRST]


def test_a_second_mailing_of_the_issue_knows_it_too(half_sent, run, issue):
    half_sent.cancel(LATER, "")
    recovery.settle_cancelled()
    leave(FIRST)
    move(SECOND, FIRST)

    again = approving.approve(issue, send_at=None, now=LATER, hold=timedelta())
    beginning.plan_mailing(again, LATER)

    assert owners(again) == []


def test_each_keeps_what_both_had(make_mailing, run):
    mailing = make_mailing("ab")
    run(mailing, Provider())
    leave(FIRST)
    move(SECOND, FIRST)

    assert owners(mailing) == [(SENT, None), (SENT, FIRST)]
