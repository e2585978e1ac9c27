"""What arrives by mail ends in the right states, once, whatever dies, and forged mails change nothing."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import IntegrityError, OperationalError

from newsletter.delivery.events import applying, rules
from newsletter.delivery.events.parsing import inbound_mail
from newsletter.delivery.models import Delivery, Event, InboundMessage, Mailing, Reply
from newsletter.delivery.models.events import PARSED_WITHIN
from newsletter.mail import tokens
from subscribers import departures
from subscribers.models import Consent, Subscriber, Suppression, address_hash
from tests.delivery.conftest import NOW, begin_mailing, make_seventh_issue
from tests.delivery.events.conftest import seq_of, suppressed
from tests.delivery.events.mails import (
    BLOCKED,
    FULL,
    GONE,
    complaint,
    dsn,
    message_id,
    plain,
    returned,
    verp,
)
from tests.factories import make_publication

DAY = timedelta(days=1)
TOLD_AT = NOW + DAY
LATER = PARSED_WITHIN + timedelta(seconds=1)  # whoever was reading has died
State, What = InboundMessage.State, InboundMessage.Kind

pytestmark = pytest.mark.django_db


def write():
    """A mailing to a@, b@ and c@example.org, all of whose copies were handed over."""
    make_publication(sender_email="news@news.example.org", bounces_to="bounces@news.example.org")
    mailing = begin_mailing(make_seventh_issue(), "abc")
    Subscriber.objects.update(created_at=NOW - 90 * DAY)
    mailing.deliveries.update(state=Delivery.State.SENT, sent_at=NOW, attempts=1)
    mailing.batches.update(sent=3, state="done")
    return mailing


def receive(*mails, at=TOLD_AT, to=()):
    """Let mails arrive and be applied; return the arrivals."""
    for body in mails:
        InboundMessage.objects.store(InboundMessage.MAIL, body, at, about={"to": list(to)})
    applying.apply_waiting(at, 1)
    return list(InboundMessage.objects.order_by("pk"))


def nothing_changed():
    states = set(Subscriber.objects.values_list("state", flat=True))
    return not suppressed() and states == {"active"} and not Consent.objects.filter(kind="withdrew").exists()


# --- Returned mail ---


def test_an_address_that_does_not_exist_is_suppressed_with_the_words(mailing):
    (arrival,) = receive(dsn(verp(mailing, seq_of(mailing))))

    found = Suppression.objects.get()
    assert (found.email, found.reason) == ("a@example.org", "bounced")
    assert found.note == "550 5.1.1 <a@example.org>: Recipient address rejected: User unknown"
    assert Subscriber.objects.get(email="a@example.org").address_hash in {
        line.who for line in departures.read_departures()
    }
    event = Event.objects.get()
    assert (event.kind, event.verdict, event.mailing_id, event.seq) == ("bounced", "hard", mailing.pk, seq_of(mailing))
    assert (event.words, event.domain) == (
        "550 5.1.1 <•••@•••>: Recipient address rejected: User unknown",
        "example.org",
    )
    assert (arrival.state, arrival.what, arrival.seq) == (State.APPLIED, What.BOUNCE, seq_of(mailing))


def test_the_signed_address_tells_whose_copy_it_was_though_mail_was_forwarded(mailing):
    receive(dsn(verp(mailing, seq_of(mailing, "b")), recipient="other@elsewhere.example"))

    assert suppressed() == {("b@example.org", "bounced")}


def test_the_signed_address_may_stand_in_the_envelope_alone(mailing):
    receive(dsn("undisclosed"), to=[verp(mailing, seq_of(mailing, "b"))])

    assert suppressed() == {("b@example.org", "bounced")}


def test_a_signed_message_id_is_as_good_where_the_case_of_the_address_was_lost(mailing):
    to = verp(mailing, seq_of(mailing, "c")).lower()

    receive(dsn(to, recipient="x@y.example", about=returned(message_id(mailing, seq_of(mailing, "c")).upper())))

    assert suppressed() == {("c@example.org", "bounced")}


# What a stranger can write who knows that somebody reads us: no token, no Message-ID of ours.
UNPROVEN = {
    "a report": dsn(recipient="A@Example.org"),
    "a report of a full mailbox": dsn(words=FULL, status="5.2.2"),
    "a report of policy": dsn(words=BLOCKED, status="5.7.1"),
    "a bounce without a report": plain(
        f"<a@example.org>: host mx said: {GONE}", sender="MAILER-DAEMON@mx.example.org", subject="Undelivered Mail"
    ),
    "a complaint": complaint(returned()),
}


@pytest.mark.parametrize("body", UNPROVEN.values(), ids=UNPROVEN)
def test_a_mail_that_proves_nothing_counts_nowhere_and_is_shown_to_the_author(mailing, body):
    mailing.deliveries.update(state=Delivery.State.UNCERTAIN)

    (arrival,) = receive(body)

    assert nothing_changed()
    assert not Event.objects.exists()
    assert set(mailing.deliveries.values_list("state", flat=True)) == {Delivery.State.UNCERTAIN}
    assert (arrival.state, arrival.note, arrival.seq) == (State.UNPROVEN, "a@example.org", seq_of(mailing))


@pytest.mark.parametrize("action", ["delayed", "delivered"])
def test_what_a_stranger_says_of_a_copy_that_is_on_its_way_counts_nowhere_either(mailing, action):
    (arrival,) = receive(dsn(action=action, words=BLOCKED, status="4.7.1"))

    assert not Event.objects.exists()
    assert (arrival.state, arrival.what) == (State.APPLIED, What.NOTICE)


def test_the_author_may_take_such_a_mail_as_proven(mailing):
    receive(UNPROVEN["a report"], UNPROVEN["a report of policy"].replace(b"<1@", b"<2@"))

    assert InboundMessage.objects.filter(pk=InboundMessage.objects.earliest("pk").pk).accept_unproven() == 1
    applying.apply_waiting(TOLD_AT, 1)

    assert suppressed() == {("a@example.org", "bounced")}
    assert [one.state for one in InboundMessage.objects.order_by("pk")] == [State.APPLIED, State.UNPROVEN]


def test_a_mail_that_was_dismissed_bars_nobody_and_cannot_be_taken_as_proven_later(mailing):
    receive(UNPROVEN["a complaint"])

    assert InboundMessage.objects.dismiss() == 1
    assert InboundMessage.objects.accept_unproven() == 0
    applying.apply_waiting(TOLD_AT, 1)

    assert nothing_changed()
    assert InboundMessage.objects.get().state == State.APPLIED


def test_without_a_signature_what_was_sent_weeks_ago_says_nothing(mailing):
    mailing.deliveries.update(sent_at=NOW - 20 * DAY)

    (arrival,) = receive(dsn(recipient="a@example.org"))

    assert nothing_changed()
    assert arrival.note == "about nobody to whom anything was sent lately"


def forged_token(mailing):
    return dsn(f"bounces+{tokens.sign('bounce', (mailing.pk << 24) + seq_of(mailing), 'guess')}@news.example.org")


def forged_message_id(mailing):
    real = message_id(mailing, seq_of(mailing))
    return dsn(about=returned(real.replace(real[-25:-20], "00000")))


def forged_complaint(mailing):
    return complaint(returned(extra=f"List-Unsubscribe: <https://x.example/unsubscribe/{'x' * 20}/>"))


def forged_leaving(mailing):
    return plain("unsubscribe", to=f"bounces+{tokens.sign('unsubscribe', 1, 'guess')}@news.example.org")


def token_of_another_purpose(mailing):
    reader = Subscriber.objects.get(email="a@example.org")
    return plain("unsubscribe", to=f"bounces+{reader.token('preferences')}@news.example.org")


@pytest.mark.parametrize(
    "forged", [forged_token, forged_message_id, forged_complaint, forged_leaving, token_of_another_purpose]
)
def test_what_is_forged_changes_nothing(mailing, forged):
    (arrival,) = receive(forged(mailing))

    assert nothing_changed()
    assert not Event.objects.exists()
    assert arrival.state == State.APPLIED
    if arrival.what in {What.BOUNCE, What.COMPLAINT}:
        assert arrival.note == "forged: it carries a signature that is not ours"


def test_a_token_of_a_restored_mailing_opens_no_other(mailing):
    lost = verp(mailing, seq_of(mailing))
    Mailing.objects.update(token_salt=tokens.new_salt())

    receive(dsn(lost))

    assert nothing_changed()


def test_news_of_an_address_that_the_reader_has_left_suppresses_nobody(mailing):
    reader = Subscriber.objects.get(email="a@example.org")
    reader.address_changes.create(email="new@example.org", asked_at=NOW, confirmed_at=NOW + DAY / 2)
    Subscriber.objects.filter(pk=reader.pk).update(
        email="new@example.org", address_hash=address_hash("new@example.org")
    )

    receive(dsn(verp(mailing, mailing.deliveries.get(subscriber=reader).seq)))

    assert nothing_changed()
    assert Event.objects.get().address_hash == ""


def test_old_news_bars_nobody_who_has_come_back_since(mailing):
    reader = Subscriber.objects.get(email="a@example.org")
    Consent.objects.create(subscriber=reader, kind="came back", at=TOLD_AT + DAY / 2, address_hash=reader.address_hash)

    receive(dsn(verp(mailing, seq_of(mailing))), at=TOLD_AT + DAY)

    assert nothing_changed()


def test_a_receiver_that_refuses_us_blames_no_reader(mailing):
    receive(dsn(verp(mailing, seq_of(mailing)), words=BLOCKED, status="5.7.1"))

    assert nothing_changed()
    assert Event.objects.get().verdict == "policy"


# --- Once ---


def test_the_same_mail_by_the_pipe_and_by_the_mailbox_is_one_event(mailing):
    body = dsn(verp(mailing, seq_of(mailing)))

    receive(body, body, b"Received: by another.example\n" + body)

    assert Event.objects.count() == 1
    assert InboundMessage.objects.count() == 2


def test_a_worker_that_dies_while_it_applies_has_done_nothing_and_the_next_does_all(mailing, monkeypatch):
    def die(news):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(rules, "apply_new_events", die)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            receive(dsn(verp(mailing, seq_of(mailing))))
        InboundMessage.objects.store(InboundMessage.MAIL, dsn(verp(mailing, seq_of(mailing))), TOLD_AT)
        with pytest.raises(KeyboardInterrupt):
            applying.apply_waiting(TOLD_AT, 1)
    assert nothing_changed()
    assert not Event.objects.exists()
    assert InboundMessage.objects.waiting().count() == 1

    applying.apply_waiting(TOLD_AT + LATER, 1)

    assert suppressed() == {("a@example.org", "bounced")}
    assert not InboundMessage.objects.waiting().exists()


def test_a_mail_that_another_worker_is_reading_is_not_read(mailing, monkeypatch):
    read = []

    def reading(arrival):
        read.append(arrival.pk)
        applying.apply_waiting(TOLD_AT, 1)
        return inbound_mail.parse_stored_mail(arrival)

    monkeypatch.setitem(applying.PARSERS, "mail", reading)
    receive(dsn(verp(mailing, seq_of(mailing))))

    assert len(read) == 1
    assert suppressed() == {("a@example.org", "bounced")}


def test_a_mail_that_ends_its_reader_twice_is_set_aside_and_takes_no_other_with_it(mailing, monkeypatch):
    def die_of_the_first(arrival):
        if b"killer" in bytes(arrival.body):
            raise SystemExit
        return inbound_mail.parse_stored_mail(arrival)

    monkeypatch.setitem(applying.PARSERS, "mail", die_of_the_first)
    with pytest.raises(SystemExit):
        receive(plain("killer"), *[dsn(verp(mailing, seq_of(mailing, name)), name=f"<{name}@x>") for name in "ab"])
    with pytest.raises(SystemExit):
        applying.apply_waiting(TOLD_AT + LATER, 1)
    applying.apply_waiting(TOLD_AT + 2 * LATER, 1)

    killer, *others = InboundMessage.objects.order_by("pk")
    assert (killer.state, killer.what) == (State.UNREADABLE, What.UNKNOWN)
    assert (killer.note, bytes(killer.body)) == ("its reading was begun twice and never ended", plain("killer"))
    assert [one.state for one in others] == [State.APPLIED] * 2
    assert suppressed() == {("a@example.org", "bounced"), ("b@example.org", "bounced")}


def test_a_database_that_is_away_ends_no_reading(mailing, monkeypatch):
    def away(news):
        raise OperationalError("the server is gone")

    with monkeypatch.context() as broken:
        broken.setattr(rules, "apply_new_events", away)
        for _times in range(3):
            with pytest.raises(OperationalError):
                receive(dsn(verp(mailing, seq_of(mailing))))

    applying.apply_waiting(TOLD_AT, 1)

    assert suppressed() == {("a@example.org", "bounced")}


def test_what_another_worker_has_applied_meanwhile_is_left_alone(mailing, monkeypatch):
    def overtaken(arrival):
        InboundMessage.objects.update(state=State.APPLIED, what=What.NOTICE)
        return inbound_mail.parse_stored_mail(arrival)

    monkeypatch.setitem(applying.PARSERS, "mail", overtaken)
    InboundMessage.objects.store(InboundMessage.MAIL, dsn(verp(mailing, seq_of(mailing))), TOLD_AT)

    assert applying.apply_waiting(TOLD_AT, 1) == 0

    assert nothing_changed()
    assert InboundMessage.objects.get().what == What.NOTICE


def test_one_that_cannot_be_read_is_kept_and_holds_up_no_other(mailing):
    InboundMessage.objects.store("carrier-pigeon", b"{}", TOLD_AT)

    odd, good = receive(dsn(verp(mailing, seq_of(mailing))))

    assert (odd.state, odd.note) == (State.UNREADABLE, "carrier-pigeon has no parser")
    assert bytes(odd.body) == b"{}"
    assert good.state == State.APPLIED


def test_one_that_cannot_be_applied_is_kept_and_holds_up_no_other(mailing, monkeypatch):
    apply = rules.apply_new_events

    def break_at_b(news):
        if any(one.match.seq == seq_of(mailing, "b") for one in news):
            raise LookupError("a rule has a fault")
        apply(news)

    monkeypatch.setattr(rules, "apply_new_events", break_at_b)

    receive(*[dsn(verp(mailing, seq_of(mailing, name)), name=f"<{name}@x.example>") for name in "abc"])

    assert [one.state for one in InboundMessage.objects.order_by("pk")] == ["applied", "unreadable", "applied"]
    assert suppressed() == {("a@example.org", "bounced"), ("c@example.org", "bounced")}


def test_events_only_grow(mailing):
    receive(dsn(verp(mailing, seq_of(mailing))))

    with pytest.raises(IntegrityError, match="events only grow"), transaction.atomic():
        Event.objects.update(verdict="soft")


def test_hundreds_are_applied_with_few_questions(mailing, django_assert_max_num_queries):
    body = plain("I am away.", extra="Auto-Submitted: auto-replied\n")
    InboundMessage.objects.bulk_create(
        [InboundMessage(source="mail", key=str(number), body=body, received_at=NOW) for number in range(90)]
    )

    with django_assert_max_num_queries(14):
        assert applying.apply_waiting(TOLD_AT, 5) == 90


# --- Soft bounces ---


def soft(mailing, before, at, **values):
    """Let a copy of the mailing that was so many before come back as soft."""
    Event.objects.create(
        **{
            "source": "mail",
            "source_id": f"soft {before} {at}",
            "kind": "bounced",
            "verdict": "soft",
            "mailing_id": mailing.pk - before,
            "address_hash": address_hash("a@example.org"),
            "at": at,
        }
        | values
    )


def third(mailing):
    receive(dsn(verp(mailing, seq_of(mailing)), words=FULL, status="5.2.2"))
    return suppressed()


@pytest.mark.parametrize("verdict", ["soft", "hard"])
def test_a_full_mailbox_bars_its_address_the_third_time_in_a_row(mailing, verdict):
    soft(mailing, 1, NOW - 14 * DAY)
    soft(mailing, 2, NOW - 28 * DAY, verdict=verdict)

    assert third(mailing) == {("a@example.org", "bounced")}


@pytest.mark.parametrize(
    "second", [{"at": NOW - 91 * DAY}, {"before": 1}, {"address_hash": "another"}, {"verdict": "policy"}]
)
def test_twice_within_ninety_days_bars_nobody(mailing, second):
    soft(mailing, 1, NOW - 14 * DAY)
    soft(mailing, **({"before": 2, "at": NOW - 28 * DAY} | second))

    assert third(mailing) == set()


def test_a_copy_that_arrived_between_starts_the_count_anew(mailing):
    soft(mailing, 1, NOW - 7 * DAY, kind="delivered", verdict="")
    soft(mailing, 2, NOW - 14 * DAY)
    soft(mailing, 3, NOW - 28 * DAY)

    assert third(mailing) == set()


def test_a_copy_of_which_nothing_came_back_has_arrived_too(mailing):
    soft(mailing, 2, NOW - 14 * DAY)
    soft(mailing, 3, NOW - 28 * DAY)
    at = NOW - 8 * DAY
    values = {"pk": mailing.pk - 1, "issue": mailing.issue, "number": 9, "state": "sent"}
    arrived = Mailing.objects.create(**values, approved_at=at, send_at=at, planned_at=at)
    reader = Subscriber.objects.get(email="a@example.org")
    Delivery.objects.create(mailing=arrived, seq=0, subscriber=reader, state=Delivery.State.SENT, sent_at=at)

    assert third(mailing) == set()


@pytest.mark.parametrize(("words", "barred"), [(FULL, {("a@example.org", "bounced")}), (BLOCKED, set())])
def test_what_was_refused_at_once_and_what_came_back_later_are_counted_together(mailing, words, barred):
    soft(mailing, 1, NOW - 14 * DAY)
    at = NOW - 28 * DAY
    values = {"pk": mailing.pk - 2, "issue": mailing.issue, "number": 9, "state": "sent"}
    refused = Mailing.objects.create(**values, approved_at=at, send_at=at, planned_at=at)
    reader = Subscriber.objects.get(email="a@example.org")
    state, reply = Delivery.State.FAILED, words.removeprefix("smtp; ")
    Delivery.objects.create(mailing=refused, seq=0, subscriber=reader, state=state, reply=reply)

    assert third(mailing) == barred


# --- Complaints, leavings, answers ---


def test_a_complaint_suppresses_at_once(mailing):
    receive(complaint(returned(message_id(mailing, seq_of(mailing, "b"))), recipient=""))

    assert suppressed() == {("b@example.org", "complained")}
    assert Event.objects.get().kind == "complained"


def test_a_complaint_whose_receiver_hides_the_address_is_known_by_the_link_to_leave(mailing):
    reader = Subscriber.objects.get(email="c@example.org")
    link = f"List-Unsubscribe: <https://news.example.org/unsubscribe/{reader.token('unsubscribe')}/>"

    receive(complaint(returned(extra=link), recipient=""))

    assert suppressed() == {("c@example.org", "complained")}


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "dkim"])
def test_a_report_that_is_no_complaint_suppresses_nobody(mailing, kind):
    receive(complaint(returned(message_id(mailing, seq_of(mailing))), kind=kind))

    assert nothing_changed()


# What mail clients send when somebody presses their button: Apple Mail, Gmail, Outlook, Thunderbird with a form.
LEAVING = {
    "empty": plain("", to="TO", subject="unsubscribe"),
    "no subject": plain("", to="TO", subject=""),
    "of a machine": plain("", to="TO", subject="unsubscribe", extra="Auto-Submitted: auto-generated\n"),
    "apple": plain(
        "Apple Mail sent this email to unsubscribe from the message “Issue 7”.", to="TO", subject="Unsubscribe"
    ),
    "gmail": plain("This message was automatically generated by Gmail.", to="<TO>", subject="Unsubscribe"),
    "a name": plain("", to='"Gipi 電子報" <TO>', subject="=?utf-8?b?6YCA6KiC?="),
    "a reply": plain("", to="TO", subject="Re: Undelivered Mail Returned to Sender", extra="Return-Path: <>\n"),
    "html": plain("", to="TO").replace(b"text/plain", b"text/html").replace(b"\n\n", b"\n\n<html></html>", 1),
    "parts": plain("", to="TO").replace(b"text/plain; charset=utf-8", b'multipart/alternative; boundary="b"')
    + b"--b\nContent-Type: text/plain\n\n\n--b\nContent-Type: text/html\n\n<p></p>\n--b--\n",
    "fields alone": plain("", to="TO").rstrip(b"\n"),
}


@pytest.mark.parametrize("body", LEAVING.values(), ids=LEAVING)
def test_a_mail_to_the_address_for_leaving_ends_the_subscription(mailing, body):
    reader = Subscriber.objects.get(email="a@example.org")

    (arrival,) = receive(body.replace(b"TO", f"bounces+{reader.token('unsubscribe')}@news.example.org".encode()))

    reader.refresh_from_db()
    assert reader.state == "unsubscribed"
    line = reader.consents.get(kind="withdrew")
    assert (line.source, line.at) == ("mail", TOLD_AT)
    assert arrival.what == What.LEAVING
    assert not suppressed()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (plain("I am away.", extra="Auto-Submitted: auto-replied\n"), What.AUTO_REPLY),
        (plain("我休假到週一。", subject="自動回覆: 第七期"), What.AUTO_REPLY),
    ],
)
def test_what_is_no_bounce_changes_nothing_and_is_kept(mailing, body, what):
    (arrival,) = receive(body)

    assert nothing_changed()
    assert (arrival.state, arrival.what, bytes(arrival.body)) == (State.APPLIED, what, body)


@pytest.mark.parametrize("body", [plain("Thank you for this issue."), b"\xff\xfe no mail at all \x00"])
def test_what_a_person_wrote_changes_nothing_and_is_on_the_desk(mailing, body):
    (arrival,) = receive(body)

    assert nothing_changed()
    assert (arrival.state, arrival.what, bytes(arrival.body)) == (State.APPLIED, What.REPLY, b"")
    assert Reply.objects.count() == 1


def test_a_reply_belongs_to_the_copy_that_it_answers(mailing):
    body = plain("Thank you.", extra=f"In-Reply-To: {message_id(mailing, seq_of(mailing, 'b'))}\n")

    (arrival,) = receive(body)

    assert (arrival.what, arrival.mailing_id, arrival.seq) == (What.REPLY, mailing.pk, seq_of(mailing, "b"))


# --- Uncertain copies ---


def test_an_automatic_answer_proves_that_an_uncertain_copy_arrived(mailing):
    seq = seq_of(mailing)
    mailing.deliveries.filter(seq=seq).update(state=Delivery.State.UNCERTAIN)
    mailing.batches.update(sent=2, uncertain=1)
    answer = f"In-Reply-To: {message_id(mailing, seq)}\nAuto-Submitted: auto-replied\n"

    receive(plain("I am away.", extra=answer), plain("Away.", extra="Auto-Submitted: auto-replied\n"))

    assert mailing.deliveries.get(seq=seq).state == Delivery.State.SENT
    assert nothing_changed()


@pytest.mark.parametrize(
    ("words", "status", "action", "state"),
    [
        (GONE, "5.1.1", "failed", Delivery.State.FAILED),
        (BLOCKED, "5.7.1", "failed", Delivery.State.FAILED),
        ("smtp; 250 2.0.0 ok", "2.0.0", "delivered", Delivery.State.SENT),
        ("smtp; 451 4.7.1 later", "4.7.1", "delayed", Delivery.State.SENT),
    ],
)
def test_a_report_settles_an_uncertain_copy(mailing, words, status, action, state):
    seq = seq_of(mailing)
    mailing.deliveries.filter(seq=seq).update(state=Delivery.State.UNCERTAIN)
    mailing.batches.update(sent=2, uncertain=1)

    receive(dsn(verp(mailing, seq), words=words, status=status, action=action))

    assert mailing.deliveries.get(seq=seq).state == state
    counts = mailing.counts()
    assert (counts.uncertain, counts.total) == (0, 3)


def test_news_of_an_address_that_the_reader_has_gone_back_from_suppresses_nobody(mailing):
    reader = Subscriber.objects.get(email="a@example.org")
    asked, confirmed, undone = NOW - 2 * DAY, NOW - DAY, NOW + DAY / 2
    reader.address_changes.create(
        email="new@example.org", former=reader.email, asked_at=asked, confirmed_at=confirmed, undone_at=undone
    )

    receive(dsn(verp(mailing, seq_of(mailing)), recipient="new@example.org"))

    assert nothing_changed()
