from datetime import timedelta

import pytest
from django.db import transaction

from subscribers import author_actions, departures, own_data
from subscribers.author_actions import ActionContext, ReaderActionResult
from subscribers.departures import DepartureKind
from subscribers.models import Act, Consent, Subscriber, Suppression
from subscribers.models.tags import TAGS_LENGTH_MAX
from tests.factories import make_publication, make_subscriber
from tests.subscribers.conftest import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=30)
OCCASION = ActionContext(NOW, by="gipi", reason="讀書會")


@pytest.fixture(autouse=True)
def publication(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_publication()


def done(act, *readers: Subscriber, **arguments) -> dict[str, int]:
    """Do something to readers, and return how many came to which end."""
    with transaction.atomic():
        ends = act([reader.pk for reader in readers], *arguments.values(), OCCASION)
    return {str(end): number for end, number in ends.items()}


def acts_of(reader: Subscriber) -> list[tuple[str, str, str, str]]:
    return [(one.what, one.detail, one.reason, one.by) for one in reader.acts.all()]


def test_a_tag_is_given_once_and_stands_in_the_story_of_who_got_it():
    new, old = make_subscriber(tags="course"), make_subscriber(tags="vip")

    assert done(author_actions.tag, new, old, name="vip") == {"done": 1, "already": 1}
    assert done(author_actions.tag, new, old, name="vip") == {"already": 2}

    assert new.tag_names == ["course", "vip"]
    assert acts_of(new) == [("tagged", "vip", "讀書會", "gipi")]
    assert acts_of(old) == []


def test_a_tag_that_does_not_fit_changes_nothing():
    full = make_subscriber(tags="x" * (TAGS_LENGTH_MAX - 3))

    assert done(author_actions.tag, full, make_subscriber(), name="vip") == {"done": 1, "full": 1}

    assert full.tag_names == ["x" * (TAGS_LENGTH_MAX - 3)]


def test_a_tag_is_taken_and_the_others_stay():
    had, other = make_subscriber(tags="a,vip,b"), make_subscriber(tags="VIP")

    assert done(author_actions.untag, had, other, name="vip") == {"done": 1, "already": 1}

    assert (had.tag_names, other.tag_names) == (["a", "b"], ["VIP"])
    assert acts_of(had) == [("untagged", "vip", "讀書會", "gipi")]


def test_a_pause_takes_nobody_back_earlier_than_they_wished():
    active, shorter = make_subscriber(), make_subscriber(state="paused", paused_until=NOW + timedelta(days=3))
    longer = make_subscriber(state="paused", paused_until=LATER + timedelta(days=1))
    pending, left = make_subscriber(state="pending"), make_subscriber(state="unsubscribed")

    ends = done(author_actions.pause, active, shorter, longer, pending, left, until=LATER)

    assert ends == {"done": 2, "longer": 1, "no-reader": 2}
    states = {one.pk: (one.state, one.paused_until) for one in Subscriber.objects.all()}
    assert states[active.pk] == states[shorter.pk] == ("paused", LATER)
    assert states[longer.pk] == ("paused", LATER + timedelta(days=1))
    assert (states[pending.pk][0], states[left.pk][0]) == ("pending", "unsubscribed")
    assert acts_of(active) == [("paused", LATER.isoformat(), "讀書會", "gipi")]


def test_a_pause_ends_for_who_is_paused():
    paused, active = make_subscriber(state="paused", paused_until=LATER), make_subscriber()

    assert done(author_actions.resume, paused, active) == {"done": 1, "already": 1}

    paused.refresh_from_db()
    assert (paused.state, paused.paused_until) == ("active", None)
    assert acts_of(paused) == [("resumed", "", "讀書會", "gipi")]


def test_who_is_unsubscribed_together_is_left_as_by_one_hand():
    """The same row, record and departure as `Subscriber.unsubscribe` leaves."""
    alone, together = (make_subscriber(asked_at=NOW, asked_times=2) for _number in range(2))
    alone.unsubscribe(NOW, OCCASION.circumstances)

    assert done(author_actions.unsubscribe, together, make_subscriber(state="unsubscribed")) == {
        "done": 1,
        "already": 1,
    }

    own = {"id", "email", "address_hash", "created_at", "token_salt"}
    rows = Subscriber.objects.filter(pk__in=[alone.pk, together.pk]).order_by("pk").values()
    first, second = ({name: value for name, value in row.items() if name not in own} for row in rows)
    assert first == second
    lines = Consent.objects.filter(kind="withdrew").values_list("subscriber", "source", "at", "address_hash")
    source = "by the author: 讀書會"
    assert sorted(lines) == [(one.pk, source, NOW, one.address_hash) for one in (alone, together)]
    assert [one.who for one in departures.read_departures() if one.why == DepartureKind.LEFT] == [
        alone.address_hash,
        together.address_hash,
    ]


def test_an_earlier_reason_why_no_mail_goes_to_an_address_stands():
    fresh, bounced = make_subscriber("a@example.org"), make_subscriber("b@example.org")
    bounced.suppress("bounced")

    assert done(author_actions.suppress, fresh, bounced) == {"done": 1, "already": 1}

    rows = Suppression.objects.order_by("email").values_list("email", "reason", "note")
    assert list(rows) == [("a@example.org", "manual", "讀書會"), ("b@example.org", "bounced", "")]
    assert [one.who for one in departures.read_departures() if one.why == DepartureKind.MANUAL] == [fresh.address_hash]
    assert acts_of(fresh) == [("suppressed", "", "讀書會", "gipi")]


def test_an_address_may_be_mailed_again_and_no_restore_bars_it():
    reader = make_subscriber()
    done(author_actions.suppress, reader)

    assert done(author_actions.lift_suppression, reader, make_subscriber()) == {"done": 1, "already": 1}

    assert list(Subscriber.objects.mailable(NOW).filter(pk=reader.pk)) == [reader]
    assert [one.why for one in departures.read_departures()] == [DepartureKind.MANUAL, DepartureKind.LIFTED]
    assert [what for what, *_rest in acts_of(reader)] == ["suppressed", "lifted"]


def test_what_was_done_to_a_reader_is_in_their_own_data():
    reader = make_subscriber()
    done(author_actions.tag, reader, name="vip")

    [line] = own_data.data_as_json(reader)["notes"]

    assert (line["what"], line["details"]) == ("tag given: vip", ["讀書會"])


def test_what_was_done_to_a_reader_is_erased_with_them():
    reader = make_subscriber()
    done(author_actions.tag, reader, name="vip")

    reader.erase()

    assert not Act.objects.exists()
    assert ReaderActionResult.DONE not in author_actions.tag([reader.pk], "vip", OCCASION)
