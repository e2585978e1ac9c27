"""Batches through the lane to real HTTP servers that take them as the providers do, and count the copies."""

import multiprocessing
import os
import signal
from threading import Barrier, Event
from types import SimpleNamespace

import pytest
from anymail.exceptions import AnymailAPIError
from django.core.mail import mailers

from newsletter.delivery.ledger import recovery
from newsletter.delivery.ledger.claims import DeliveryRow, claim_batch, commit_intent
from newsletter.delivery.ledger.flight_recorder import FlightRecorder
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import copy_token_maker
from newsletter.delivery.models import Mailing
from newsletter.delivery.provider import stoppable_wait
from newsletter.delivery.provider.connection_scaling import ConnectionScaler
from newsletter.delivery.provider.outcomes import (
    ProviderRejection,
    ProviderUnavailable,
    SendOutcome,
    SendStatus,
    api_outcome,
)
from newsletter.delivery.provider.smtp_pool import ConnectionLimits
from newsletter.delivery.sending import api_courier
from newsletter.delivery.sending.api_courier import PROVIDERS, REFUSALS_MAX, ApiCourier, group_rows, why_not_batched
from newsletter.delivery.sending.couriers import DjangoCourier, api_limits, courier_for
from newsletter.mail.mailers import mailer_from_url
from subscribers.models import Subscriber
from tests.delivery.conftest import FAILED, NOW, QUEUED, SENT, UNCERTAIN, states
from tests.factories import make_publication, make_subscriber
from tests.support import http_provider
from tests.support.exhaustive import first_of

KINDS = sorted(PROVIDERS)
pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")  # of SendGrid


@pytest.fixture
def provider(request, settings):
    """The bulk mailer is a provider's API: Mailgun's unless the test is told another."""
    with http_provider.serving(getattr(request, "param", "Mailgun")) as served:
        settings.MAILERS = settings.MAILERS | {"bulk": http_provider.mailer(served)}
        yield served


def of(*kinds):
    return pytest.mark.parametrize("provider", first_of(*kinds), indirect=True)


def send(run, mailing, **options):
    return run(mailing, ApiCourier("bulk", mailing, retry_seconds=(0, 0), **options))


@pytest.mark.parametrize("provider", KINDS, indirect=True)
def test_each_reader_gets_exactly_one_copy_in_one_call(provider, make_mailing, run):
    mailing = make_mailing("abcde")

    send(run, mailing)

    assert provider.addresses() == [f"{name}@example.org" for name in "abcde"]
    assert provider.calls == [5]
    assert states(mailing) == [SENT] * 5


@of(*KINDS)
def test_a_copy_says_what_it_says_when_it_goes_alone(provider, make_mailing, run):
    make_publication(invites=True)
    make_subscriber("ming@example.org", name="王, 小明")
    mailing = make_mailing("ab")

    send(run, mailing)

    assert len(provider.copies) == 3
    for copy in provider.copies:
        reader = Subscriber.objects.get(email=copy.address)
        row = mailing.deliveries.get(subscriber=reader)
        alone = rendering.build_copy(mailing, reader, ids=(mailing.pk, row.seq))
        own = dict(alone.extra_headers)
        if not PROVIDERS[provider.kind].keeps_message_id:
            del own["Message-ID"]
        kept = {name.lower(): value for name, value in copy.headers.items() if name != "X-PM-KeepID"}
        kept.pop("reply-to", None)
        assert kept == {name.lower(): value for name, value in own.items()}
        assert (copy.text, copy.html) == (alone.body, alone.alternatives[0].content)
        assert reader.invite_url in copy.text
        assert copy.delivery == copy_token_maker(mailing)(row.seq)


@of(*KINDS)
def test_each_copy_calls_its_reader_by_name_without_what_the_provider_could_misread(provider, issue, make_mailing, run):
    issue.introduction = "{name|朋友}，你好：這一期談授權。"
    issue.save()
    make_subscriber("ming@example.org", name='王<b>&"{{小}}%明')
    mailing = make_mailing("a")

    send(run, mailing)

    called = {copy.address: copy for copy in provider.copies}
    for part in ("text", "html"):
        assert "王 b 小 明，你好：這一期" in getattr(called["ming@example.org"], part)
        assert "朋友，你好：這一期" in getattr(called["a@example.org"], part)


@of("Brevo", "Postmark", "Resend")
def test_the_providers_id_of_each_message_is_kept(provider, make_mailing, run):
    mailing = make_mailing("abc")

    send(run, mailing)

    ids = mailing.deliveries.order_by("seq").values_list("provider_id", flat=True)
    assert list(ids) == [f"m-{copy.number}" for copy in provider.copies]


@of("Resend")
def test_a_call_is_never_larger_than_the_provider_allows(provider, make_mailing, run):
    for number in range(120):
        make_subscriber(f"reader{number}@example.org")
    mailing = make_mailing("")

    send(run, mailing)

    assert provider.calls == [100, 20]
    assert states(mailing) == [SENT] * 120


@of("Mailgun", "Brevo", "SendGrid", "Resend")
def test_a_refused_call_is_halved_until_the_bad_address_stands_alone(provider, make_mailing, run):
    for number in range(30):
        make_subscriber(f"{'bad' if number == 13 else 'good'}{number}@example.org")
    mailing = make_mailing("")

    send(run, mailing)

    assert len(provider.copies) == len(set(provider.addresses())) == 29
    failed = mailing.deliveries.get(state=FAILED)
    assert failed.subscriber.email == "bad13@example.org"
    assert "400" in failed.reply
    assert len(provider.calls) <= 11


def test_a_call_refused_for_every_reader_is_a_refusal_of_us(provider, make_mailing, run):
    for number in range(40):
        make_subscriber(f"bad{number}@example.org")
    mailing = make_mailing("")

    send(run, mailing)

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    assert len(provider.calls) == REFUSALS_MAX
    assert states(mailing) == [QUEUED] * 40


def test_a_call_of_which_some_readers_are_taken_is_halved_to_its_end(provider, make_mailing, run):
    for number in range(64):
        make_subscriber(f"{'good' if number < 8 else 'bad'}{number}@example.org")
    mailing = make_mailing("")

    send(run, mailing)

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    assert len(provider.copies) == 8
    assert len(provider.calls) > REFUSALS_MAX
    assert states(mailing) == [SENT] * 8 + [FAILED] * 56


@of("Postmark")
def test_postmark_refuses_one_message_and_takes_the_others(provider, make_mailing, run):
    make_subscriber("bad@example.org")
    mailing = make_mailing("ab")

    send(run, mailing)

    assert provider.calls == [3]
    assert states(mailing) == [FAILED, SENT, SENT]
    assert mailing.deliveries.get(state=FAILED).reply.startswith("406 ")


@of("Postmark")
def test_what_postmark_refuses_because_of_the_account_waits_for_the_author(provider, make_mailing, run):
    make_subscriber("bad-account@example.org")
    mailing = make_mailing("ab")

    send(run, mailing)

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    assert "out of credits" in mailing.reason
    assert states(mailing) == [QUEUED, SENT, SENT]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_pauses_the_mailing_with_the_providers_words(provider, make_mailing, run, status):
    mailing = make_mailing("ab")
    provider.schedule = [status]

    send(run, mailing)

    mailing.refresh_from_db()
    assert (mailing.state, states(mailing)) == (Mailing.State.PAUSED, [QUEUED, QUEUED])
    assert f"scheduled {status}" in mailing.reason


def test_a_provider_that_asks_to_slow_down_is_left_alone_and_asked_again(provider, make_mailing, run):
    mailing = make_mailing("ab")
    provider.schedule = [429]

    send(run, mailing)
    mailing.refresh_from_db()
    assert mailing.retry_at
    assert states(mailing) == [QUEUED, QUEUED]

    send(run, mailing)
    assert states(mailing) == [SENT, SENT]
    assert provider.addresses() == ["a@example.org", "b@example.org"]


def test_a_provider_that_is_down_has_nothing(settings, provider, make_mailing, run):
    mailing = make_mailing("ab")
    settings.MAILERS = settings.MAILERS | {"bulk": http_provider.mailer(provider, api_url="http://127.0.0.1:9/")}

    send(run, mailing)

    mailing.refresh_from_db()
    assert mailing.retry_at
    assert states(mailing) == [QUEUED, QUEUED]


@of("Mailgun", "SendGrid", "Postmark")
@pytest.mark.parametrize("silence", ["taken, silent", "taken, 500", "silent", 503])
def test_a_silence_makes_the_call_uncertain_and_nothing_is_sent_again(provider, make_mailing, run, silence):
    mailing = make_mailing("abc")
    provider.schedule = [silence]

    send(run, mailing)
    send(run, mailing)

    assert states(mailing) == [UNCERTAIN] * 3
    assert provider.calls == [3]


@of("Brevo", "Resend")
@pytest.mark.parametrize("silence", ["taken, silent", "taken, 500", "silent", 503])
def test_with_an_idempotency_key_the_same_call_is_made_again(provider, make_mailing, run, silence):
    mailing = make_mailing("abc")
    provider.schedule = [silence]

    send(run, mailing)

    assert states(mailing) == [SENT] * 3
    assert provider.addresses() == [f"{name}@example.org" for name in "abc"]
    assert len(provider.keys) == 2
    assert len(set(provider.keys)) == 1


@of("Brevo", "Resend")
@pytest.mark.parametrize("second", [400, 401, 409, 429, 500])
def test_after_a_silence_only_a_yes_counts(provider, make_mailing, run, second):
    mailing = make_mailing("ab")
    provider.schedule = ["taken, silent", second, second]

    send(run, mailing)

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    assert states(mailing) == [UNCERTAIN] * 2
    assert provider.calls == [2, 2, 2]
    assert len(provider.copies) == 2


@of("Resend")
def test_another_list_of_readers_has_another_key(provider, make_mailing, run):
    make_subscriber("bad@example.org")
    send(run, make_mailing("abc"))

    assert len(set(provider.keys)) == len(provider.keys) > 2


@of("Mailgun")
@pytest.mark.parametrize("address", ["o'neil@example.org", "a%recipient.email%b@example.org", "ming@例子.example.org"])
def test_a_reader_whose_address_needs_care_gets_a_call_of_his_own(provider, make_mailing, address):
    make_subscriber(address)
    mailing = make_mailing("ab")
    alone = []
    courier = ApiCourier("bulk", mailing)
    courier.single.send = lambda message: alone.append(message.to) or SendOutcome(SendStatus.SENT)
    rows = [DeliveryRow(n, s.pk, s.email, s.name, True) for n, s in enumerate(Subscriber.objects.order_by("pk"))]

    outcomes = dict(courier.deliver(iter(rows), lambda seq: True))

    assert provider.addresses() == ["a@example.org", "b@example.org"]
    assert alone == [[address]]
    assert outcomes.keys() == {0, 1, 2}


def test_two_spellings_of_one_address_are_never_in_one_call(provider, make_mailing):
    mailing = make_mailing("a")
    courier = ApiCourier("bulk", mailing)
    alone = []
    courier.single.send = lambda message: alone.append(message.to) or SendOutcome(SendStatus.SENT)
    pk = Subscriber.objects.get().pk
    rows = [DeliveryRow(0, pk, "a@example.org", "", True), DeliveryRow(1, pk, "A@example.org", "", True)]

    list(courier.deliver(iter(rows), lambda seq: True))

    assert (provider.addresses(), alone) == (["a@example.org"], [["A@example.org"]])


def test_after_a_silence_about_one_reader_the_others_wait(provider, make_mailing):
    courier = ApiCourier("bulk", make_mailing("a"))
    courier.single.send = lambda message: SendOutcome(SendStatus.UNCERTAIN)
    rows = [DeliveryRow(seq, seq + 1, f"o'neil{seq}@example.org", "", True) for seq in range(3)]
    handed_over = []

    outcomes = list(courier.deliver(iter(rows), lambda seq: not handed_over.append(seq)))

    assert outcomes == [(0, SendOutcome(SendStatus.UNCERTAIN))]
    assert handed_over == [0]


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        ("Mailgun", "Write %recipient.name% there"),
        ("Mailgun", "and %unsubscribe_url% is a variable"),
        ("Brevo", "{{ params.email }} is a template"),
        ("Brevo", "so is {% if x %}"),
        ("SendGrid", "[%nl.email%]"),
    ],
    indirect=["provider"],
)
@pytest.mark.parametrize("part", ["text", "html", "subject"])
def test_an_author_who_writes_about_templates_is_sent_message_by_message(provider, make_mailing, text, part):
    mailing = make_mailing("a")
    setattr(mailing, part, text)

    assert "would take for its own" in why_not_batched(mailers["bulk"], mailing)
    assert isinstance(courier_for("bulk", mailing), DjangoCourier)


@of("Postmark", "Resend")
def test_where_bodies_travel_whole_any_text_arrives_as_it_is(provider, make_mailing, run):
    mailing = make_mailing("ab")
    odd = '%recipient.x% {{ y }} -z- "\\u0002html\\u0003" "\\\\u0002text\\\\u0003" </script>\u2028'
    Mailing.objects.update(text=odd + mailing.text, subject=odd.replace("\u2028", ""))
    mailing.refresh_from_db()

    send(run, mailing)

    assert all(copy.text.startswith(odd) for copy in provider.copies)
    assert len(provider.copies) == 2


@of("Mailgun")
def test_percent_signs_in_links_are_no_hindrance(provider, make_mailing):
    mailing = make_mailing("a")
    mailing.html += '<a href="https://example.org/%E7%AE%A1%E7%90%86?save=50%25">50%</a>'

    assert why_not_batched(mailers["bulk"], mailing) == ""


def test_other_mailers_go_message_by_message(settings, make_mailing):
    mailing = make_mailing("a")

    assert isinstance(courier_for("bulk", mailing), DjangoCourier)
    assert why_not_batched(mailers["bulk"], mailing) == "this mailer takes no batches"


def test_rows_are_gathered_into_calls_until_they_end():
    assert list(group_rows(iter("abcde"), 2)) == [["a", "b"], ["c", "d"], ["e"]]


def test_rows_that_come_slowly_are_not_kept_waiting(monkeypatch):
    clock = iter([0.0, 0.0, 0.6, 1.2, 5.0, 5.1])
    monkeypatch.setattr(api_courier, "time", SimpleNamespace(monotonic=lambda: next(clock)))  # no other's clock

    assert list(group_rows(iter("abcd"), 200)) == [["a", "b", "c"], ["d"]]


def _make_the_call(courier, batch, rows):
    """In a process of its own: what a lane does between an intent and the answer."""
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        list(courier.deliver(iter(rows), flight.hand_over))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child uses no lock of the server's thread
def test_after_a_kill_exactly_the_rows_of_the_one_call_are_uncertain(provider, make_mailing, settings, tmp_path):
    settings.LOCK_DIR = tmp_path / "locks"
    mailing = make_mailing("abcdefg")
    arrived, answer = Event(), Event()
    provider.on_call = lambda copies: (arrived.set(), answer.wait(10))
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    rows = commit_intent(batch, [], 5, NOW)
    courier = ApiCourier("bulk", mailing)
    call = multiprocessing.get_context("fork").Process(target=_make_the_call, args=(courier, batch, rows[:3]))
    call.start()
    assert arrived.wait(10)

    os.kill(call.pid, signal.SIGKILL)
    call.join(10)
    answer.set()
    recovery.sweep(slots=1)

    assert states(mailing) == [UNCERTAIN] * 3 + [QUEUED] * 4


class ClientError(Exception):
    """As botocore raises it: the answer is in `response`."""

    def __init__(self, code, status):
        super().__init__(code)
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


class EndpointConnectionError(Exception):
    pass


class ReadTimeoutError(Exception):
    pass


class NoCredentialsError(Exception):
    pass


def amazon(cause):
    error = AnymailAPIError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "problem"),
    [
        (ClientError("ThrottlingException", 400), ProviderUnavailable),
        (ClientError("TooManyRequestsException", 429), ProviderUnavailable),
        (EndpointConnectionError(), ProviderUnavailable),
        (ClientError("UnrecognizedClientException", 403), ProviderRejection),
        (ClientError("SendingPausedException", 400), ProviderRejection),
        (NoCredentialsError(), ProviderRejection),
    ],
)
def test_amazons_client_says_that_nothing_was_taken(cause, problem):
    with pytest.raises(problem):
        api_outcome(amazon(cause))


@pytest.mark.parametrize(
    ("cause", "answer"),
    [
        (ClientError("MessageRejected", 400), SendStatus.FAILED),
        (ClientError("InternalFailure", 500), SendStatus.UNCERTAIN),
        (ReadTimeoutError(), SendStatus.UNCERTAIN),
    ],
)
def test_amazons_client_says_what_became_of_a_message(cause, answer):
    assert api_outcome(amazon(cause)).status is answer


# --- When the worker is stopped ---


@pytest.fixture
def stopping(monkeypatch):
    """Set when the worker is asked to stop; answers are then waited for a moment only."""
    monkeypatch.setattr(stoppable_wait, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stoppable_wait, "STOP_GRACE_SECONDS", 0.05)
    return Event()


@of("Mailgun", "Resend")
def test_stopped_a_silent_provider_leaves_its_call_uncertain_and_the_mailing_as_it_was(
    provider, make_mailing, run, stopping, monkeypatch
):
    monkeypatch.setattr(api_courier, "READERS_PER_CALL", 2)
    over = Event()
    provider.on_call = lambda copies: stopping.set() or over.wait(20)
    mailing = make_mailing("abcde")

    run(mailing, ApiCourier("bulk", mailing), is_stopping=stopping.is_set)
    over.set()

    mailing.refresh_from_db()
    assert states(mailing) == [UNCERTAIN] * 2 + [QUEUED] * 3
    assert (mailing.state, mailing.retry_at, mailing.provider_failures) == ("sending", None, 0)
    assert mailing.batches.get().state == "open"


def test_stopped_a_message_without_an_answer_is_uncertain_and_the_rest_goes_back(provider, make_mailing, run, stopping):
    over = Event()
    provider.on_call = lambda copies: stopping.set() or over.wait(20)
    mailing = make_mailing("abc")

    run(mailing, DjangoCourier("bulk", mailing), is_stopping=stopping.is_set)
    over.set()

    assert states(mailing) == [UNCERTAIN, QUEUED, QUEUED]


# --- Several calls at once ---


@pytest.fixture
def in_pairs(monkeypatch):
    """Two readers a call."""
    monkeypatch.setattr(api_courier, "READERS_PER_CALL", 2)


def at_once(count, **options):
    """Return a courier that makes so many calls at once, whatever it learns."""
    return lambda mailing: ApiCourier("bulk", mailing, ConnectionScaler(count, count), retry_seconds=(0, 0), **options)


@of(*KINDS)
def test_calls_that_are_made_at_once_mail_everybody_once(provider, make_mailing, run, in_pairs):
    together = Barrier(3)
    provider.on_call = lambda copies: together.wait(10)  # three are under way, or none goes on
    mailing = make_mailing("abcdefghijkl")

    run(mailing, at_once(3)(mailing))

    assert states(mailing) == [SENT] * 12
    assert provider.addresses() == [f"{name}@example.org" for name in "abcdefghijkl"]
    assert together.broken is False


@of("Mailgun")
def test_throttled_in_one_call_the_answers_to_the_others_are_heard_and_fewer_are_made_then(
    provider, make_mailing, run, in_pairs
):
    together = Barrier(2)
    provider.on_call = lambda copies: together.wait(10)
    provider.schedule = ["", 429]
    mailing = make_mailing("abcd")
    courier = at_once(2)(mailing)

    run(mailing, courier)

    mailing.refresh_from_db()
    assert sorted(states(mailing)) == [QUEUED] * 2 + [SENT] * 2
    assert mailing.retry_at is not None
    assert courier.scaler.wanted == 1


@of("Mailgun")
def test_a_silence_in_one_call_makes_that_one_uncertain_and_the_other_is_heard(provider, make_mailing, run, in_pairs):
    together = Barrier(2)
    provider.on_call = lambda copies: together.wait(10)
    provider.schedule = ["", "silent"]
    mailing = make_mailing("abcd")

    run(mailing, at_once(2)(mailing))

    assert sorted(states(mailing)) == sorted([SENT] * 2 + [UNCERTAIN] * 2)


def test_stopped_all_calls_under_way_are_uncertain_and_nothing_else(provider, make_mailing, run, in_pairs, stopping):
    over, together = Event(), Barrier(2, action=stopping.set)
    provider.on_call = lambda copies: together.wait(10) is not None and over.wait(20)
    mailing = make_mailing("abcdef")

    run(mailing, at_once(2)(mailing), is_stopping=stopping.is_set)
    over.set()

    assert sorted(states(mailing)) == sorted([UNCERTAIN] * 4 + [QUEUED] * 2)


@pytest.mark.parametrize(
    ("query", "load"),
    [
        ("", ConnectionLimits(4, first=1)),
        ("?lines=9", ConnectionLimits(9)),
        ("?rate=20", ConnectionLimits(4, rate=20.0)),
    ],
)
def test_how_many_calls_there_may_be_is_what_the_address_says(settings, tmp_path, query, load):
    settings.MAILERS = {"bulk": mailer_from_url(f"brevo://key@{query}", outbox=tmp_path)}

    assert api_limits("bulk") == load
