"""The author decides about uncertain copies: asked first, then done, once."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsletter.delivery.events import rules
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.claims import DeliveryResult, write_results
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.desk.issues.actions import message_id_of
from subscribers.models import Subscriber, Suppression
from tests.desk.issues.test_mailings import NOW, desk, screen, sending  # noqa: F401 - fixtures
from tests.factories import make_subscriber
from tests.support.page_checks import flash_messages, markup

pytestmark = pytest.mark.usefixtures("clock")

State = Delivery.State


@pytest.fixture
def closed(sending):  # noqa: F811
    """A mailing that is over, with one copy sent and two uncertain."""
    sending.deliveries.exclude(seq=0).update(state=State.UNCERTAIN, attempts=1, reply="no answer", sent_at=NOW)
    sending.batches.update(uncertain=2, state=Batch.State.DONE, cursor=3)
    sending.finish(NOW)
    return sending


def question(mailing, decision):
    return screen(mailing, "decide", decision)


def states(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("state", flat=True))


def test_each_uncertain_copy_is_listed_with_its_address_its_time_its_reason_and_its_message_id(desk, closed):  # noqa: F811
    text = markup(desk.get(screen(closed, "deliveries", "uncertain")))

    for row in closed.deliveries.filter(state=State.UNCERTAIN):
        assert str(row.subscriber) in text
        assert f'value="{row.seq}:1"' in text
        assert message_id_of(closed, row.seq).strip("<>") in text
    assert "Tue 24 Nov, 10:39 · no answer" in text


@pytest.mark.parametrize("decision", ["sent", "again"])
@pytest.mark.parametrize("which", [{"row": ["1:1"]}, {"all": "1"}])
def test_asking_changes_nothing(desk, closed, decision, which):  # noqa: F811
    before = list(Delivery.objects.values()), list(Batch.objects.values())

    assert desk.get(question(closed, decision), which).status_code == 200

    assert (list(Delivery.objects.values()), list(Batch.objects.values())) == before


def test_one_is_counted_as_sent(desk, closed):  # noqa: F811
    response = desk.post(question(closed, "sent"), {"row": ["1:1"]})

    assert states(closed) == [State.SENT, State.SENT, State.UNCERTAIN]
    assert flash_messages(response) == ["1 copy is counted as sent."]
    assert response.url == screen(closed)


def test_one_is_sent_again_and_the_mailing_goes_on(desk, closed):  # noqa: F811
    response = desk.post(question(closed, "again"), {"row": ["2:1"]})

    closed.refresh_from_db()
    assert states(closed) == [State.SENT, State.UNCERTAIN, State.QUEUED]
    assert closed.state == Mailing.State.SENDING
    assert flash_messages(response) == ["1 copy will be sent once more."]


@pytest.mark.parametrize(("decision", "state"), [("sent", State.SENT), ("again", State.QUEUED)])
def test_all_are_decided_together(desk, closed, decision, state):  # noqa: F811
    page = desk.get(question(closed, decision), {"all": "1"})

    desk.post(question(closed, decision), {"seen": page.context["seen"]})

    assert states(closed) == [State.SENT, state, state]


def test_a_second_tab_is_told_that_it_is_late(desk, closed):  # noqa: F811
    for form in ({"row": ["1:1", "2:1"]}, {"seen": "0"}):
        desk.post(question(closed, "again"), {"row": ["1:1", "2:1"]})

        response = desk.post(question(closed, "again"), form)

        words = "Nothing was changed: these copies were decided before. Perhaps by another tab."
        assert flash_messages(response)[-1] == words


def test_a_cancelled_mailing_offers_only_to_count(desk, closed):  # noqa: F811
    Mailing.objects.update(state=Mailing.State.CANCELLED)

    page = desk.get(screen(closed, "deliveries", "uncertain"))
    desk.post(question(closed, "again"), {"row": ["1:1"]})

    assert "Count the chosen as sent" in page.text
    assert "Send the chosen again" not in page.text
    assert states(closed)[1] == State.UNCERTAIN


def test_the_decision_is_the_authors_alone(client, desk, closed):  # noqa: F811
    client.force_login(User.objects.create_user("guest", is_staff=True))

    assert client.post(question(closed, "sent"), {"seen": "0"}).status_code == 403
    assert states(closed)[1] == State.UNCERTAIN


def test_the_list_costs_the_same_with_many_uncertain_copies(desk, closed):  # noqa: F811
    def queries():
        with CaptureQueriesContext(connection) as found:
            desk.get(screen(closed, "deliveries", "uncertain"))
        return len(found)

    few = queries()
    Delivery.objects.bulk_create(
        Delivery(mailing=closed, seq=seq, state=State.UNCERTAIN, attempts=1) for seq in range(500, 1000)
    )
    Batch.objects.create(mailing=closed, no=1, lo=500, hi=1000, cursor=500, state="done", uncertain=500)

    assert queries() == few


def test_what_happened_stands_on_the_mailings_page(desk, closed):  # noqa: F811
    desk.post(question(closed, "sent"), {"row": ["1:1"]})

    text = markup(desk.get(screen(closed)))

    for words in (
        "Goes out without an answer",
        "Sending began",
        "Closed: the issue is sent",
        "1 uncertain copy counted as sent",
    ):
        assert words in text
    assert uncertain.last_decision(closed) == closed.steps.last().pk
    assert reverse("admin:mailing", args=[closed.pk]) == screen(closed)


# --- Whether addresses are dead ---

GONE = "550 5.1.1 User unknown"


@pytest.fixture
def refused(sending):  # noqa: F811
    """A mailing to 23 readers, stopped because its server calls 20 of them dead."""
    for number in range(20):
        make_subscriber(f"r{number}@example.net")
    mailing = sending
    readers = Subscriber.objects.filter(email__endswith="@example.net")
    rows = [Delivery(mailing=mailing, seq=3 + n, subscriber=one) for n, one in enumerate(readers.order_by("pk"))]
    Delivery.objects.bulk_create(rows)
    mailing.batches.update(hi=23)
    Mailing.objects.update(total=23)
    write_results(mailing.batches.get(), [DeliveryResult(3 + number, State.FAILED, GONE) for number in range(20)])
    rules.judge_refusals(NOW)
    mailing.refresh_from_db()
    return mailing


def judgement(mailing, name):
    return screen(mailing, "judge", name)


def test_a_server_that_calls_many_dead_is_a_question_on_the_page_and_at_home(desk, refused):  # noqa: F811
    text = markup(desk.get(screen(refused)))

    assert "The mail server says that 20 addresses do not exist." in text
    assert judgement(refused, "believed") in text
    assert judgement(refused, "doubted") in text
    assert "the mail server says of 20 addresses that they do not exist" in markup(desk.get("/admin/"))


def test_believed_they_are_listed_with_what_the_receiver_said(desk, refused):  # noqa: F811
    response = desk.post(judgement(refused, "believed"))

    assert flash_messages(response) == ["20 addresses get no mail any more."]
    listed = markup(desk.get("/admin/subscribers/suppression/", {"q": "r0@example.net"}))
    assert GONE in listed
    assert "bounced" in listed
    assert "Take this back" in markup(desk.get(screen(refused)))


def test_doubted_they_are_tried_again(desk, refused):  # noqa: F811
    response = desk.post(judgement(refused, "doubted"))

    assert flash_messages(response) == ["20 addresses count as good again."]
    assert refused.deliveries.filter(state=State.DEFERRED).count() == 20
    assert not Suppression.objects.exists()
    assert judgement(refused, "believed") not in markup(desk.get(screen(refused)))


def test_taken_back_in_one_step_they_are_mailed_again(desk, refused):  # noqa: F811
    desk.post(judgement(refused, "believed"))

    desk.post(judgement(refused, "doubted"))

    assert not Suppression.objects.exists()


@pytest.mark.parametrize("name", ["believed", "doubted"])
def test_what_was_judged_before_is_said_to_be(desk, refused, name):  # noqa: F811
    desk.post(judgement(refused, "doubted"))

    for ask in (desk.get, desk.post):
        response = ask(judgement(refused, name))

        assert flash_messages(response)[-1] == "Nothing was changed: this was decided before. Perhaps by another tab."
