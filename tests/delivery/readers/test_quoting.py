"""A reader takes back a quote while the author approves the letter that has it: whoever is first, it is not mailed.

test_postgresql runs this there too. What a reader and an author see of quotes is in flows/test_replies.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from newsletter.delivery.models import Mailing, Quote, Reply
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError
from newsletter.delivery.readers import quoting
from tests.delivery.conftest import NOW
from tests.factories import make_subscriber
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
PASSAGES = ["留白的例子最有用", "利息那一段看了兩次"]
SECONDS = 20


def make_quote(issue, passage):
    reader = make_subscriber()
    row = {"sender": reader.email, "subscriber": reader, "text": passage, "received_at": NOW}
    reply = Reply.objects.create(key=f"reply:{reader.pk}", **row)
    Quote.objects.ask(reply, passage, NOW, by="")
    quote = Quote.objects.get(passage=passage)
    assert quoting.allow_quote(quote, "", NOW)
    assert quoting.place_quote(quote, issue, NOW)
    return quote


@pytest.fixture
def quotes(issue):
    return [make_quote(issue, passage) for passage in PASSAGES]


@pytest.fixture
def quote(quotes):
    return quotes[0]


def approve(issue):
    return approving.approve(issue, send_at=NOW + timedelta(days=1), now=NOW, hold=timedelta())


def replace(mailing):
    return approving.refreeze(mailing, now=NOW)


def takes_back(quote):
    return quoting.decline_quote(quote, NOW)


@pytest.fixture
def aside():
    """Return a function that begins an act in another thread, and returns what it will come to."""

    def begin(act, *args):
        def run():
            try:
                return act(*args)
            finally:
                connection.close()

        return pool.submit(run)

    with ThreadPoolExecutor(2) as pool:
        yield begin


@pytest.fixture
def frozen(monkeypatch):
    """Return two events: the letter is frozen and not kept yet; it may be kept."""
    is_frozen, may_go_on = threading.Event(), threading.Event()
    check = approving.check_acknowledged

    def look(*args):
        if threading.current_thread() is not threading.main_thread():
            is_frozen.set()
            assert may_go_on.wait(SECONDS)
        check(*args)

    monkeypatch.setattr(approving, "check_acknowledged", look)
    return is_frozen, may_go_on


def meets(first, begin):
    """Do `first`, and `begin` what waits for it before it is committed; return what came of both."""
    with transaction.atomic():
        found = first()
        other = begin()
        if connection.vendor == "postgresql":
            wait_until(lambda: other.done() or somebody_waits_for_a_lock(), SECONDS)
    return found, other


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:  # pg_stat_activity would say the same again within a transaction
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


def is_mailed(quote):
    """Return whether a letter that may still leave has the words of a quote."""
    return any(quote.passage in one.html + one.text for one in Mailing.objects.exclude(state=Mailing.State.PAUSED))


# --- An approval and a "no" ---


def test_a_no_between_what_was_frozen_and_its_approval_stops_the_approval(issue, quote, aside, frozen):
    is_frozen, may_go_on = frozen
    approval = aside(approve, issue)
    assert is_frozen.wait(SECONDS)

    assert takes_back(quote)
    may_go_on.set()

    with pytest.raises(PlanningError, match="引用剛剛被收回"):
        approval.result(SECONDS)
    assert not Mailing.objects.exists()
    assert PASSAGES[1] in approve(issue).text  # the author looks again: it goes without the one quote
    assert not is_mailed(quote)


def test_an_approval_waits_for_a_no_that_is_being_kept(issue, quote, aside, frozen):
    is_frozen, may_go_on = frozen
    approval = aside(approve, issue)
    assert is_frozen.wait(SECONDS)

    def go_on():
        may_go_on.set()
        return approval

    is_taken_back, _approval = meets(lambda: takes_back(quote), go_on)

    assert is_taken_back
    with pytest.raises(PlanningError):
        approval.result(SECONDS)
    assert not Mailing.objects.exists()


def test_a_no_waits_for_an_approval_that_is_being_kept_and_finds_it(issue, quote, aside):
    mailing, no = meets(lambda: approve(issue), lambda: aside(takes_back, quote))

    assert no.result(SECONDS)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SCHEDULED
    assert PASSAGES[1] in mailing.text
    assert not is_mailed(quote)


# --- A replaced text and a "no" ---


def test_a_no_between_what_was_frozen_and_its_replacing_stays(issue, quote, aside, frozen):
    is_frozen, may_go_on = frozen
    mailing = approve(issue)
    replacing = aside(replace, mailing)
    assert is_frozen.wait(SECONDS)

    assert takes_back(quote)
    may_go_on.set()

    with pytest.raises(PlanningError, match="引用剛剛被收回"):
        replacing.result(SECONDS)
    assert not is_mailed(quote)


def test_a_no_waits_for_a_text_that_is_being_replaced(issue, quote, aside):
    mailing = approve(issue)
    issue.introduction = "新的開頭"
    issue.save()

    is_replaced, no = meets(lambda: replace(mailing), lambda: aside(takes_back, quote))

    mailing.refresh_from_db()
    assert is_replaced
    assert no.result(SECONDS)
    assert "新的開頭" in mailing.text
    assert mailing.state == Mailing.State.SCHEDULED
    assert not is_mailed(quote)


def test_two_readers_who_say_no_at_once_are_both_heard(issue, quotes, aside):
    mailing = approve(issue)

    is_first, second = meets(lambda: takes_back(quotes[0]), lambda: aside(takes_back, quotes[1]))

    mailing.refresh_from_db()
    assert is_first
    assert second.result(SECONDS)
    assert mailing.state == Mailing.State.SCHEDULED
    assert not any(map(is_mailed, quotes))
    assert not Quote.objects.allowed().exists()
