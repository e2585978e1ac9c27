"""A receiver that refuses us blames no reader: it is counted, stops the mailing, and the author learns what it says."""

from datetime import timedelta

import pytest

from newsletter.delivery.author import alerts
from newsletter.delivery.events import rules
from newsletter.delivery.events.matching import NO_MATCH
from newsletter.delivery.events.rules import REFUSED_MIN, NewEvent
from newsletter.delivery.models import Alert, Breakdown, Event, Mailing
from subscribers.models import Subscriber, Suppression
from tests.delivery.conftest import NOW, begin_mailing, make_seventh_issue
from tests.factories import finish_batches, make_publication

LISTED = "550 5.7.1 your IP is listed"

pytestmark = pytest.mark.django_db


def write():
    """A mailing to a@, b@ and c@example.org, of which nothing has left."""
    make_publication(sender_email="news@news.example.org", name="Gipi電子報")
    return begin_mailing(make_seventh_issue(), "abc")


def told(mailing, count, *, domain="example.org", kind="bounced", verdict="policy", first=0):
    """Let so many copies be told of, and apply it."""
    events = [
        Event(
            source="mail",
            source_id=f"{domain} {kind} {seq}",
            kind=kind,
            verdict=verdict,
            mailing_id=mailing.pk,
            seq=seq,
            domain=domain,
            words=LISTED,
            at=NOW,
        )
        for seq in range(first, first + count)
    ]
    Event.objects.bulk_create(events)
    rules.apply_new_events([NewEvent(one, NO_MATCH) for one in events])
    mailing.refresh_from_db()
    return mailing


def said(mail):
    """Return the words of a mail, both texts, unwrapped."""
    return " ".join([mail.body, mail.alternatives[0].content]).replace("\n", " ")


def test_a_receiver_that_refuses_many_copies_stops_the_mailing_with_its_words(mailing):
    told(mailing, REFUSED_MIN)

    assert (mailing.state, mailing.paused_by) == ("paused", "receiver")
    assert mailing.reason == (
        "example.org refuses 20 copies, not because of their readers. It says: “550 5.7.1 your IP is listed” "
        "Check SPF, DKIM and DMARC of the sender, and its pages for senders, before you go on."
    )
    assert not Suppression.objects.exists()


def test_a_delay_for_policy_counts_and_a_copy_that_is_told_of_twice_counts_once(mailing):
    told(mailing, REFUSED_MIN - 1, kind="deferred")
    told(mailing, REFUSED_MIN - 1, kind="bounced")
    assert mailing.state == "sending"

    told(mailing, 1, kind="deferred", first=100)

    assert mailing.state == "paused"


@pytest.mark.parametrize("values", [{"verdict": "soft"}, {"verdict": "hard"}, {"domain": ""}])
def test_what_is_no_policy_stops_nothing(mailing, values):
    told(mailing, REFUSED_MIN, **values)

    assert mailing.state == "sending"


def test_receivers_are_counted_apart(mailing):
    told(mailing, REFUSED_MIN - 1)
    told(mailing, REFUSED_MIN - 1, domain="example.net", first=100)

    assert mailing.state == "sending"


@pytest.mark.parametrize(("sent", "state"), [(REFUSED_MIN * 10, "sending"), (REFUSED_MIN * 10 - 1, "paused")])
def test_one_copy_in_ten_of_a_large_receiver_may_be_refused(mailing, sent, state):
    Breakdown.objects.create(mailing=mailing, domains=["example.org"], by_domain={"example.org": [0, sent, 0, 0, 0, 0]})

    assert told(mailing, REFUSED_MIN).state == state


def test_a_receiver_of_few_readers_stops_nothing_and_the_author_is_told(mailing):
    small = Subscriber.objects.get(email="a@example.org")
    Subscriber.objects.filter(pk=small.pk).update(email="a@small.example")
    Mailing.objects.update(total=21)  # of whom one is at this domain: less than five in a hundred

    told(mailing, REFUSED_MIN, domain="small.example")
    alerts.record_alerts(NOW)

    assert mailing.state == "sending"
    assert Alert.objects.get().kind == "refused"
    assert "small.example refuses 20 copies" in Alert.objects.get().detail


def test_after_the_author_has_resumed_only_what_comes_later_counts(mailing):
    told(mailing, REFUSED_MIN)
    mailing.resume(NOW, timedelta())

    told(mailing, REFUSED_MIN - 1, first=100)
    assert mailing.state == "sending"

    told(mailing, 1, first=300)
    assert mailing.state == "paused"


def test_the_author_is_mailed_why_it_stopped(mailing):
    told(mailing, REFUSED_MIN)
    alerts.record_alerts(NOW)

    mail = alerts.build_alert_mail(Alert.objects.get(kind="stopped"), ["author@example.org"])

    assert "because a receiver refuses too many of its copies" in said(mail)
    assert "example.org refuses 20 copies" in said(mail)
    assert "The mail server said" not in said(mail)


def test_the_author_is_told_once_of_a_mailing_that_is_over(mailing):
    mailing.deliveries.update(state=1, sent_at=NOW)
    finish_batches(mailing)
    assert mailing.finish(NOW)

    told(mailing, REFUSED_MIN)
    alerts.record_alerts(NOW)
    alerts.record_alerts(NOW)

    assert Mailing.objects.get().state == "sent"
    row = Alert.objects.get(kind="refused")
    mail = alerts.build_alert_mail(row, ["author@example.org"])
    assert mail.subject == "A receiver refuses #7 第七期"
    assert "No reader is to blame" in said(mail)
    assert next(rules.refusing_domains(mailing)).count == REFUSED_MIN
