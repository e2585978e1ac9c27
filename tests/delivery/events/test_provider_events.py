"""What a provider reports finds its copy and its reader, and ends in the right states, once."""

import json
from datetime import timedelta

import pytest

from newsletter.delivery.events import applying
from newsletter.delivery.letter.compiled import copy_token_maker, message_id_maker
from newsletter.delivery.models import Delivery, Event, InboundMessage
from subscribers.models import Consent, Subscriber
from tests.delivery.conftest import NOW, begin_mailing, make_seventh_issue
from tests.delivery.events.conftest import suppressed
from tests.factories import make_publication, make_subscriber

DAY = timedelta(days=1)
UNCERTAIN, SENT, FAILED = Delivery.State.UNCERTAIN, Delivery.State.SENT, Delivery.State.FAILED

pytestmark = pytest.mark.django_db


def write():
    """A mailing to a@, b@ and c@example.org, all of whose copies were handed over."""
    make_publication(sender_email="news@news.example.org", name="Gipi電子報")
    mailing = begin_mailing(make_seventh_issue(), "abc")
    Subscriber.objects.update(created_at=NOW - 90 * DAY)
    mailing.deliveries.update(state=SENT, sent_at=NOW, attempts=1)
    mailing.batches.update(sent=3, state="done")
    return mailing


def copy(mailing, name="a"):
    return mailing.deliveries.get(subscriber__email=f"{name}@example.org")


def token(mailing, name="a"):
    return copy_token_maker(mailing)(copy(mailing, name).seq)


def event(kind, token=None, *, email="a@example.org", at=NOW + DAY, **fields):
    """Return one event as SendGrid writes it, which adds metadata as fields of their own."""
    named = {"delivery": token} if token else {}
    return {"event": kind, "email": email, "timestamp": int(at.timestamp()), "sg_event_id": kind} | named | fields


def report(*events, provider="sendgrid"):
    InboundMessage.objects.store(provider, json.dumps(events).encode(), NOW + 2 * DAY)
    applying.apply_waiting(NOW + 2 * DAY, 5)


def make_uncertain(mailing, name="a"):
    seq = copy(mailing, name).seq
    mailing.deliveries.filter(seq=seq).update(state=UNCERTAIN, sent_at=None)
    mailing.batches.update(sent=2, uncertain=1)
    return seq


GONE = {"status": "5.1.1", "reason": "550 5.1.1 <a@example.org>: User unknown"}


@pytest.mark.parametrize(
    ("kind", "fields", "state"),
    [
        ("processed", {}, SENT),
        ("delivered", {"response": "250 ok"}, SENT),
        ("click", {"url": "https://example.org/"}, SENT),
        ("spamreport", {}, SENT),
        ("unsubscribe", {}, SENT),
        ("bounce", GONE, FAILED),
    ],
)
def test_a_report_settles_the_uncertain_copy_that_it_names(mailing, kind, fields, state):
    seq = make_uncertain(mailing)

    report(event(kind, token(mailing), **fields))

    assert mailing.deliveries.get(seq=seq).state == state
    assert Event.objects.get().seq == seq


def test_nobody_is_followed_though_the_provider_does_it(mailing):
    name, seen = token(mailing), NOW + DAY + timedelta(minutes=83)
    report(event("open", name, at=seen), event("open", name, at=seen + DAY, sg_event_id="again"))
    report(event("click", name, url="https://example.org/secret", at=seen + timedelta(hours=1)))

    (told,) = Event.objects.all()
    assert (told.kind, told.words, told.seq) == ("delivered", "", copy(mailing).seq)
    midnight = seen.replace(hour=0, minute=0, second=0)
    assert (told.at, told.created_at) == (midnight, midnight)
    assert [bytes(one.body) for one in InboundMessage.objects.all()] == [b"", b""]


def test_an_opening_adds_nothing_where_the_arrival_is_known(mailing):
    report(event("delivered", token(mailing)), event("open", token(mailing)))
    report(event("click", token(mailing), url="https://example.org/"), event("open", token(mailing, "b")))

    seqs = sorted(copy(mailing, name).seq for name in "ab")
    assert list(Event.objects.order_by("seq").values_list("kind", "seq")) == [("delivered", seq) for seq in seqs]
    assert [b"secret" in bytes(one.body) or not one.body for one in InboundMessage.objects.order_by("pk")] == [
        False,
        True,
    ]


def test_the_token_decides_whose_copy_it_was_not_the_address(mailing):
    report(event("bounce", token(mailing, "b"), email="forwarded@elsewhere.example", **GONE))

    assert suppressed() == {("b@example.org", "bounced")}


def test_a_complaint_suppresses_and_a_leaving_at_the_provider_is_a_leaving_here(mailing):
    report(event("spamreport", token(mailing)), event("group_unsubscribe", token(mailing, "b"), email="b@example.org"))

    assert suppressed() == {("a@example.org", "complained")}
    assert Subscriber.objects.get(email="b@example.org").state == "unsubscribed"
    assert Consent.objects.get(kind="withdrew").source == "sendgrid: unsubscribed"


def test_a_full_mailbox_and_a_receivers_policy_suppress_nobody(mailing):
    full = event("bounce", token(mailing), reason="552 5.2.2 mailbox full")
    policy = event("bounce", token(mailing, "b"), type="blocked", reason="554 5.7.1 blocked")

    report(full, policy | {"sg_event_id": "2"})

    assert suppressed() == set()
    assert sorted(Event.objects.values_list("verdict", flat=True)) == ["policy", "soft"]


def test_whom_a_provider_has_on_its_own_list_is_not_mailed_here(mailing):
    report(event("dropped", token(mailing), reason="Bounced Address"))

    assert suppressed() == {("a@example.org", "bounced")}


def test_a_token_of_another_installation_at_the_same_provider_is_about_nobody(mailing):
    elsewhere = type(mailing)(pk=mailing.pk, token_salt="another")

    report(event("spamreport", copy_token_maker(elsewhere)(copy(mailing).seq)))

    assert suppressed() == set()
    assert not Event.objects.exists()


def test_by_smtp_the_message_id_names_the_copy(mailing):
    name = message_id_maker(mailing)(copy(mailing, "c").seq).decode()

    report(event("bounce", email="x@y.example", **GONE) | {"smtp-id": name})

    assert suppressed() == {("c@example.org", "bounced")}


def test_without_a_name_the_address_counts(mailing):
    report(event("bounce", email="A@example.org", **GONE))

    assert suppressed() == {("a@example.org", "bounced")}
    assert Event.objects.get().seq == copy(mailing).seq


def test_a_single_mail_that_came_back_suppresses_as_well():
    make_publication()
    make_subscriber("new@example.org")
    Subscriber.objects.update(created_at=NOW - 9 * DAY)

    report(event("bounce", email="new@example.org", **GONE))

    assert suppressed() == {("new@example.org", "bounced")}


def test_old_news_says_nothing_of_a_reader_who_has_come_since(mailing):
    Subscriber.objects.filter(email="a@example.org").update(created_at=NOW + 2 * DAY)

    report(event("spamreport", token(mailing), at=NOW + DAY))

    assert suppressed() == set()


def test_applying_many_events_asks_the_database_as_often_as_few(mailing, django_assert_max_num_queries):
    some = [event("delivered", token(mailing), sg_event_id=str(number)) for number in range(300)]

    InboundMessage.objects.store("sendgrid", json.dumps(some).encode(), NOW)
    with django_assert_max_num_queries(25):
        applying.apply_waiting(NOW + DAY, 5)

    assert Event.objects.count() == 300


def test_a_report_of_the_first_copy_spares_its_reader_the_second_that_the_author_wants_sent(mailing):
    seq = copy(mailing).seq
    mailing.deliveries.filter(seq=seq).update(state=Delivery.State.QUEUED, sent_at=None)  # and has been tried before
    mailing.batches.update(sent=2)

    report(event("delivered", token(mailing), response="250 ok"))

    assert mailing.deliveries.get(seq=seq).state == SENT


def test_of_reports_that_come_together_the_latest_word_counts(mailing):
    delivered = event("delivered", token(mailing), at=NOW + DAY)
    bounced = event("bounce", token(mailing), at=NOW + DAY + timedelta(hours=1), **GONE)
    seq = make_uncertain(mailing)

    report(bounced, delivered)

    assert mailing.deliveries.get(seq=seq).state == FAILED
