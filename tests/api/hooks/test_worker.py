"""Calls are made in order, with retries, by one worker at a time."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from newsletter.api.hooks import http_calls, tasks, worker
from newsletter.api.hooks.models import Call, Hook, HookEventType
from newsletter.delivery.models.deliveries import Restoration
from newsletter.posts.models import Post
from subscribers.models import Subscriber, Suppression
from tests.factories import make_post, make_subscriber
from tests.support.hook_receiver import has_valid_signature, hook_receiver

pytestmark = pytest.mark.django_db


def leave(*readers):
    for reader in readers:
        reader.unsubscribe(timezone.now())


def work():
    """Run the worker until nothing is due."""
    while worker.run_turn(timezone.now()):
        pass


def named(taken):
    return [call.said["data"]["id"] for call in taken]


def test_without_a_hook_a_turn_asks_one_question(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert worker.run_turn(timezone.now()) is False


def test_a_receiver_is_told_in_order_and_can_verify_it(receiver, make_hook, settings):
    hook = make_hook(receiver.url)
    readers = [make_subscriber() for _ in range(3)]
    leave(*readers)

    work()

    assert named(receiver.calls) == [reader.pk for reader in readers]
    first = receiver.calls[0]
    assert first.said["type"] == "reader.left"
    assert first.said["data"]["url"] == f"{settings.SITE_URL}/api/v1/readers/{readers[0].pk}"
    assert "@" not in first.body.decode()
    assert first.headers["content-type"] == "application/json"
    assert all(has_valid_signature(hook.secret, call) for call in receiver.calls)
    call = Call.objects.order_by("pk").first()
    assert (call.state, call.status, call.answer, call.tries) == (Call.State.SENT, 200, "thanks", 1)
    assert call.message_id == first.id


def test_while_a_secret_is_replaced_both_sign_for_a_day(receiver, make_hook):
    hook = make_hook(receiver.url)
    old = hook.secret
    hook.rotate(timezone.now())
    leave(make_subscriber())
    work()
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=True):
        leave(make_subscriber())
        work()

    during, after = receiver.calls
    assert has_valid_signature(old, during)
    assert has_valid_signature(hook.secret, during)
    assert has_valid_signature(hook.secret, after)
    assert not has_valid_signature(old, after)


def test_the_address_of_a_reader_is_told_only_where_it_was_ticked(receiver, make_hook):
    make_hook(receiver.url, shows_addresses=True)
    reader = make_subscriber("ann@example.org")
    leave(reader)

    work()

    assert receiver.calls[0].said["data"]["address"] == "ann@example.org"


def test_what_is_not_taken_holds_what_is_behind_it_and_keeps_its_id(receiver, make_hook, monkeypatch):
    monkeypatch.setattr(worker, "JITTER", 0)
    make_hook(receiver.url)
    readers = [make_subscriber() for _ in range(3)]
    receiver.statuses = [200, 503]
    leave(*readers)

    work()
    assert named(receiver.calls) == [readers[0].pk, readers[1].pk]
    hook = Hook.objects.get()
    assert (hook.failures, hook.off) == (1, "")

    with time_machine.travel(hook.retry_at + timedelta(seconds=1), tick=True):
        work()

    assert named(receiver.took()) == [reader.pk for reader in readers]
    assert receiver.calls[1].id == receiver.calls[2].id
    assert Hook.objects.get().failures == 0


def test_one_receiver_that_is_away_does_not_hold_another(receiver, make_hook):
    make_hook("http://127.0.0.1:1/closed")
    make_hook(receiver.url)
    readers = [make_subscriber() for _ in range(3)]
    leave(*readers)

    work()

    assert named(receiver.took()) == [reader.pk for reader in readers]
    away = Hook.objects.get(url="http://127.0.0.1:1/closed")
    assert away.failures == 1
    assert Call.objects.filter(hook=away).exclude(trouble="").count() == 1


def test_a_receiver_that_is_away_for_a_day_loses_nothing(receiver, make_hook):
    make_hook(receiver.url)
    readers = [make_subscriber() for _ in range(5)]
    receiver.status = 502
    now = timezone.now()
    for hour in range(25):
        with time_machine.travel(now + timedelta(hours=hour), tick=True):
            if hour % 5 == 0:
                leave(readers[hour // 5 - 1]) if hour else None
            work()
    receiver.status = 200
    with time_machine.travel(now + timedelta(hours=36), tick=True):
        leave(readers[4])
        work()

    assert named(receiver.took()) == [reader.pk for reader in readers]
    assert len({call.id for call in receiver.took()}) == 5
    assert Hook.objects.get().off == ""


def test_after_three_days_in_vain_it_is_switched_off_and_its_calls_stay(receiver, make_hook):
    make_hook(receiver.url)
    receiver.status = 500
    leave(make_subscriber())
    now = timezone.now()
    for hour in range(0, 90, 2):
        with time_machine.travel(now + timedelta(hours=hour), tick=True):
            work()

    hook = Hook.objects.get()
    assert hook.off == Hook.Off.FAILING
    assert timedelta(days=3) <= receiver_time(hook) - now < timedelta(days=3, hours=14)
    assert Call.objects.waiting().count() == 1

    receiver.status = 200
    hook.switch_on(timezone.now())
    work()
    assert len(receiver.took()) == 1


def receiver_time(hook):
    return Call.objects.get(hook=hook).tried_at


def test_who_is_gone_for_good_is_switched_off_at_once(receiver, make_hook):
    make_hook(receiver.url)
    receiver.status = 410
    leave(make_subscriber(), make_subscriber())

    work()

    assert len(receiver.calls) == 1
    assert Hook.objects.get().off == Hook.Off.GONE
    leave(make_subscriber())
    assert Call.objects.count() == 2  # nothing more is written for it


def test_a_redirect_is_not_followed(receiver, make_hook):
    with hook_receiver() as elsewhere:
        make_hook(receiver.url)
        receiver.status, receiver.location = 307, elsewhere.url
        leave(make_subscriber())

        work()

        assert elsewhere.calls == []
    assert Call.objects.get().status == 307
    assert Call.objects.get().state == Call.State.WAITING


def test_a_receiver_that_says_nothing_in_time_has_not_taken_it(receiver, make_hook, monkeypatch):
    monkeypatch.setattr(http_calls, "TIMEOUT_SECONDS", 0.3)
    make_hook(receiver.url)
    receiver.hold = threading.Event()
    leave(make_subscriber())

    work()

    call = Call.objects.get()
    assert (call.state, call.status) == (Call.State.WAITING, None)
    assert call.trouble == http_calls.TIMEOUT_TEXT


def test_of_an_answer_the_beginning_is_kept_as_text(receiver, make_hook):
    make_hook(receiver.url)
    receiver.answer = b"\x00\xff<b>" + "好".encode() * 2000
    leave(make_subscriber())

    work()

    answer = Call.objects.get().answer
    assert answer.startswith(" ")
    assert "<b>好" in answer
    assert len(answer) <= 1024
    assert "\x00" not in answer


def test_a_worker_that_was_killed_in_a_call_leaves_it_to_the_next_one_with_the_same_id(receiver, make_hook):
    make_hook(receiver.url)
    leave(make_subscriber())
    now = timezone.now()
    (held,) = worker.claim_hooks(now)
    made = worker._prepare_next(held)
    made.send()  # the receiver has it, and nobody has written that down

    work()
    assert len(receiver.calls) == 1  # the lease still lives
    with time_machine.travel(now + worker.LEASE + timedelta(seconds=5), tick=True):
        work()
        assert worker._settle(made, http_calls.CallResult(200)) is False  # the one that was away finds that out

    assert [call.id for call in receiver.calls] == [made.call.message_id] * 2
    assert Call.objects.get().tries == 1


def test_what_is_due_is_taken_by_one_worker(receiver, make_hook):
    make_hook(receiver.url)
    leave(make_subscriber())

    assert len(worker.claim_hooks(timezone.now())) == 1
    assert worker.claim_hooks(timezone.now()) == []


def test_a_post_is_told_of_when_its_time_has_come_without_a_write(receiver, make_hook, settings):
    make_hook(receiver.url, HookEventType.PUBLISHED)
    now = timezone.now()
    make_post(published_at=now - timedelta(days=2))  # before anybody asked
    make_post(published_at=None)
    make_post(published_at=now, is_unlisted=True)
    post = make_post("管理槓桿", published_at=now + timedelta(hours=2))

    work()
    assert receiver.calls == []
    with time_machine.travel(now + timedelta(hours=3), tick=True):
        work()
        work()

    (call,) = receiver.calls
    assert call.said["type"] == "post.published"
    assert call.said["data"] == {
        "id": post.pk,
        "title": "管理槓桿",
        "url": f"{settings.SITE_URL}/api/v1/posts/{post.pk}",
        "page": settings.SITE_URL + post.get_absolute_url(),
    }


def test_a_post_that_was_withdrawn_before_it_was_told_is_not(receiver, make_hook):
    make_hook(receiver.url, HookEventType.PUBLISHED)
    now = timezone.now()
    post = make_post(published_at=now)
    receiver.status = 500
    work()
    Post.objects.filter(pk=post.pk).update(published_at=None)
    receiver.status = 200
    Hook.objects.update(retry_at=None)

    work()

    assert receiver.took() == []
    assert Call.objects.get().state == Call.State.VOID

    Post.objects.filter(pk=post.pk).update(published_at=timezone.now())
    work()
    work()
    assert named(receiver.took()) == [post.pk]


@pytest.mark.django_db(transaction=True)
def test_two_workers_who_look_at_once_tell_of_a_post_once(make_hook):
    make_hook("https://hooks.example.org/", HookEventType.PUBLISHED)
    post, ready = make_post(published_at=timezone.now()), threading.Barrier(4)

    def look():
        ready.wait(30)
        worker.record_published_posts(timezone.now())
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(Call.objects.values_list("about", flat=True)) == [post.pk]


def test_nothing_is_told_while_it_is_not_decided_what_a_restore_has_forgotten(receiver, make_hook):
    make_hook(receiver.url)
    restore = Restoration.objects.create(noticed_at=timezone.now() - timedelta(hours=1))
    leave(make_subscriber())

    tasks.call_hooks()
    assert receiver.calls == []

    Restoration.objects.filter(pk=restore.pk).update(decided_at=timezone.now())
    tasks.call_hooks()
    assert len(receiver.took()) == 1


def test_a_reader_erased_meanwhile_is_named_by_no_call_but_that_they_are_erased(receiver, make_hook):
    make_hook(receiver.url, shows_addresses=True)
    reader = make_subscriber("ann@example.org")
    number = reader.pk
    leave(reader)
    reader.erase()

    work()

    (call,) = receiver.calls
    assert call.said["data"] == {
        "id": number,
        "url": call.said["data"]["url"],
        "reason": Suppression.Reason.ERASED.value,
    }
    assert not Call.objects.exclude(about=None).exists()


def test_after_a_restore_the_past_is_held_back_and_can_be_sent_by_hand(receiver, make_hook):
    hook = make_hook(receiver.url)
    readers = [make_subscriber() for _ in range(2)]
    leave(*readers)
    Restoration.objects.create(noticed_at=timezone.now(), decided_at=timezone.now())

    work()
    assert receiver.calls == []
    assert Call.objects.filter(state=Call.State.HELD).count() == 2

    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=True):
        leave(late := make_subscriber())
        work()
        assert named(receiver.calls) == [late.pk]
        assert hook.calls.all().replay() == 3
        work()

    assert named(receiver.calls[1:]) == [readers[0].pk, readers[1].pk, late.pk]
    assert receiver.calls[3].id == receiver.calls[0].id


def test_a_test_overtakes_what_waits_and_is_tried_once(receiver, make_hook):
    hook = make_hook(receiver.url)
    receiver.status = 500
    leave(make_subscriber())
    work()
    hook.send_test(timezone.now())
    receiver.statuses = [500]
    work()
    assert Call.objects.get(event=HookEventType.TEST).state == Call.State.FAILED

    receiver.status = 200
    hook.send_test(timezone.now())
    work()

    assert [call.said["type"] for call in receiver.took()] == ["webhook.test", "reader.left"]


def test_old_calls_are_forgotten_and_those_of_a_hook_that_is_off(receiver, make_hook):
    make_hook(receiver.url)
    off = make_hook("https://off.example.org/")
    leave(make_subscriber())
    work()
    Hook.objects.filter(pk=off.pk).update(off=Hook.Off.AUTHOR)

    with time_machine.travel(timezone.now() + timedelta(days=44), tick=True):
        work()
        assert Call.objects.count() == 2
    with time_machine.travel(timezone.now() + timedelta(days=46), tick=True):
        work()
        assert Call.objects.count() == 0


def test_a_turn_ends_in_time_and_says_that_there_is_more(receiver, make_hook):
    make_hook(receiver.url)
    leave(*(make_subscriber() for _ in range(3)))

    assert worker.run_turn(timezone.now(), seconds=0) is True
    assert receiver.calls == []


def test_a_reader_who_is_gone_otherwise_is_passed_over(receiver, make_hook):
    make_hook(receiver.url)
    reader = make_subscriber()
    leave(reader)
    Subscriber.objects.filter(pk=reader.pk).delete()

    work()

    assert receiver.calls == []
    assert Call.objects.get().state == Call.State.VOID


# --- How long one that does not answer is left alone ---


def test_waits_grow_are_spread_and_leave_room_for_eight_tries_in_three_days():
    for failures, base in enumerate(worker.RETRY_DELAYS, 1):
        found = {worker.retry_delay(failures) for _ in range(20)}
        assert all(base <= one <= base * (1 + worker.JITTER) for one in found)
        assert len(found) > 1
    at, failures = timedelta(), 1
    while at < worker.GIVEN_UP_AFTER:
        at += worker.RETRY_DELAYS[min(failures, len(worker.RETRY_DELAYS)) - 1] * (1 + worker.JITTER)
        failures += 1
    assert failures >= worker.FAILURES_MIN


@pytest.mark.parametrize(
    ("failures", "days", "given_up"), [(8, 3, True), (30, 2.9, False), (7, 4, False), (1, 0, False)]
)
def test_given_up_after_three_days_and_eight_tries(failures, days, given_up):
    now = datetime(2026, 5, 1, tzinfo=UTC)

    assert worker.is_given_up(failures, now - timedelta(days=days), now) is given_up
