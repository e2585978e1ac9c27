"""A reader who moves to the mailbox of another: it has what the other had, and gets nothing twice."""

from datetime import timedelta

import pytest

from newsletter.delivery.ledger import recovery
from newsletter.delivery.models import Delivery
from newsletter.delivery.planning import approving, beginning
from subscribers.mails import changing
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW, Provider

FIRST, SECOND = "a@example.org", "b@example.org"
LATER = NOW + timedelta(hours=1)
State = Delivery.State


def move(email: str, to: str) -> None:
    reader = Subscriber.objects.get(email=email)
    changing.ask(reader, to, LATER)
    assert changing.confirm(reader.address_changes.get(), LATER)


def leave(email: str) -> None:
    assert Subscriber.objects.get(email=email).unsubscribe(LATER)


def states(mailing):
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
    assert states(half_sent) == [(State.SENT, FIRST), (State.SKIPPED, None)]
    assert (half_sent.counts().sent, half_sent.counts().skipped, half_sent.counts().queued) == (1, 1, 0)


def test_what_the_other_never_had_is_sent(make_mailing, run):
    mailing = make_mailing("ab")
    leave(FIRST)
    move(SECOND, FIRST)

    provider = Provider()
    run(mailing, provider)

    assert provider.accepted == [FIRST]
    assert sorted(states(mailing), key=str) == [(State.SENT, FIRST), (State.SKIPPED, None)]


def test_a_copy_that_came_back_is_none(half_sent, run):
    half_sent.deliveries.filter(subscriber__email=FIRST).update(state=State.FAILED)
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
    beginning.plan(again, LATER)

    assert states(again) == []


def test_each_keeps_what_both_had(make_mailing, run):
    mailing = make_mailing("ab")
    run(mailing, Provider())
    leave(FIRST)
    move(SECOND, FIRST)

    assert states(mailing) == [(State.SENT, None), (State.SENT, FIRST)]
