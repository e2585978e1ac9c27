"""Rows that were written by a version before are what they were, and mails that were due then are sent.

The way to the tables of before and back takes eight seconds of a processor: one test goes it, and looks at all.
"""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from newsletter.delivery.author import alerts, reminders
from newsletter.delivery.models import Happening, Mailing, Reminder
from newsletter.delivery.readers.single_mails import send_due
from newsletter.delivery.readers.welcome import WelcomeMail
from newsletter.issues.models import Shift
from subscribers.mails import changing, freshening, sending
from subscribers.models import AddressChange, FreshLink, Subscriber, address_hash
from tests.factories import make_publication

NOW = datetime(2026, 11, 3, 0, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=5)
SLOT = NOW + timedelta(days=14)

# The first has the other rooms as old as any of them: from each to the next, steps lead in one direction only.
BEFORE_COLUMNS = [("delivery", "0011_restorations"), ("subscribers", "0017_forgotten"), ("issues", "0004_send_issue")]
BEFORE_DUE_MAIL = [("delivery", "0017_packs"), ("subscribers", "0017_forgotten")]
DUE_MAIL = [("delivery", "0018_due_mail")]
BEFORE_SHIFTS = [("delivery", "0019_proposals"), ("issues", "0004_send_issue")]


@pytest.fixture
def way(transactional_db):
    """Return what takes the tables to a state and gives the models of it; in the end they are here again."""
    yield _taken_to
    _to_the_end()


def _taken_to(state):
    MigrationExecutor(connection).migrate(state)
    return MigrationExecutor(connection).loader.project_state(state).apps


def _to_the_end():
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        executor.migrate(executor.loader.graph.leaf_nodes())


def test_rows_of_before_are_what_they_were_and_mails_that_were_due_are_sent_once(way):
    write_who_had_paused(way(BEFORE_COLUMNS))
    write_due_mails(way(BEFORE_DUE_MAIL))
    way(DUE_MAIL)
    before = way(BEFORE_DUE_MAIL)
    after_a_way_back_every_mail_that_was_sent_is_marked_as_sent(before)
    write_answers(way(BEFORE_SHIFTS))
    _to_the_end()

    a_sentence_that_told_who_had_paused_is_a_column()
    what_a_letter_moved_or_skipped_ahead_is_a_shift()
    mails_that_were_due_are_sent_once_and_those_that_were_sent_are_not()


# --- Who had paused ---


def write_who_had_paused(apps):
    issues, mailings = (apps.get_model(*one).objects for one in (("issues", "Issue"), ("delivery", "Mailing")))
    steps = apps.get_model("delivery", "Step").objects

    def make(number, reason, **fields):
        issue = issues.create(number=number, subject="題")
        fields = {"approved_at": NOW, "send_at": NOW, "state": "paused"} | fields
        mailing = mailings.create(issue=issue, reason=reason, **fields)
        steps.create(mailing=mailing, at=NOW, what="paused", detail=reason)

    make(1, "由作者暫停。", planned_at=NOW)
    make(2, "Paused by the author.")
    make(3, "535 authentication failed", planned_at=NOW)
    make(4, "It was due at 2026-11-03 08:00, but nothing was running then.")
    make(5, "", state="sent", planned_at=NOW)


def a_sentence_that_told_who_had_paused_is_a_column():
    mailings = Mailing.objects.filter(issue__number__lte=5)
    rows = mailings.order_by("issue__number").values_list("paused_by", "reason")
    assert [(paused_by, reason[:6]) for paused_by, reason in rows] == [
        ("author", ""),
        ("author", ""),
        ("provider", "535 au"),
        ("late", "It was"),
        ("", ""),
    ]
    assert [step.via for mailing in mailings.order_by("pk") for step in mailing.steps.all()] == [
        *("desk", "desk", "", "", "desk")
    ]


# --- Mails that are due ---


def write_due_mails(apps):
    """Write a mail of each kind that waits, and one of each that was sent, as the version before kept them."""

    def rows(app, name):
        return apps.get_model(app, name).objects

    def reader(name, **fields):
        email, confirmed = f"{name}@example.org", {"state": "active", "confirmed_at": EARLIER, "welcomed_at": EARLIER}
        own = {"email": email, "address_hash": address_hash(email)}
        return rows("subscribers", "Subscriber").create(**(own | confirmed | fields))

    pending = {"state": "pending", "confirmed_at": None, "welcomed_at": None, "asked_at": EARLIER}
    reader("asked", confirmation_due_at=EARLIER, confirmation_tries=2, **pending)
    reader("answered", confirmation_sent_at=EARLIER, **pending)
    reader("new", welcomed_at=None)
    changes, changed = rows("subscribers", "AddressChange"), {"asked_at": EARLIER, "email": "moved@example.org"}
    changes.create(subscriber=reader("moving"), due_at=EARLIER, tries=1, **changed)
    changes.create(subscriber=reader("told"), due_at=None, **changed)
    rows("subscribers", "FreshLink").create(subscriber=reader("link"), asked_at=EARLIER, due_at=EARLIER, tries=1)

    issue = rows("issues", "Issue").create(number=7, subject="題")
    mailing = rows("delivery", "Mailing").create(issue=issue, state="sending", approved_at=EARLIER, send_at=EARLIER)
    happened, reminded = rows("delivery", "Happening"), rows("delivery", "Reminder")
    happened.create(mailing=mailing, kind="uncertain", at=EARLIER, try_at=EARLIER, tries=3)
    happened.create(mailing=mailing, kind="failing", at=EARLIER, try_at=EARLIER, notified_at=EARLIER, tries=1)
    reminded.create(kind="draft", slot_at=SLOT, at=EARLIER, try_at=EARLIER, tries=4)
    reminded.create(kind="draft", slot_at=NOW, at=EARLIER, try_at=EARLIER, notified_at=EARLIER, tries=1)


def after_a_way_back_every_mail_that_was_sent_is_marked_as_sent(apps):
    assert not apps.get_model("delivery", "Happening").objects.filter(try_at=None).exists()
    assert apps.get_model("delivery", "Reminder").objects.filter(notified_at=None, try_at=EARLIER).count() == 1


def mails_that_were_due_are_sent_once_and_those_that_were_sent_are_not():
    make_publication(sender_email="news@news.example.org", cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0))
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")

    tries = [
        *Subscriber.objects.filter(confirmation_due_at=EARLIER).values_list("confirmation_tries", flat=True),
        *(
            row.tries
            for model in (AddressChange, FreshLink, Happening, Reminder)
            for row in model.objects.filter(due_at=EARLIER)
        ),
    ]
    kinds = [sending.MAIL, changing.MAIL, freshening.MAIL, alerts.MAIL, reminders.MAIL]
    sent = [kind.send_due(NOW) for kind in kinds] + [send_due(WelcomeMail, NOW)]
    again = [kind.send_due(SLOT - timedelta(days=1)) for kind in kinds] + [send_due(WelcomeMail, NOW)]

    assert tries == [2, 1, 1, 3, 4]
    assert (sent, again) == ([1] * 6, [0] * 6)
    assert [to for letter in mail.outbox for to in letter.to] == [
        *("asked@example.org", "moved@example.org", "link@example.org", "gipi@example.org", "gipi@example.org"),
        "new@example.org",
    ]


# --- Slots that a letter's answer took elsewhere ---


def write_answers(apps):
    make_publication(time_zone="Asia/Taipei")
    issue = apps.get_model("issues", "Issue").objects.create(number=11, subject="題")
    ahead = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=30)
    week = timedelta(days=7)
    for slot_at, answer, moved_to in [
        (ahead, "moved", ahead + week),
        (ahead + week, "moved", ahead + 2 * week),
        (ahead + 4 * week, "skipped", None),
        (ahead - 20 * week, "skipped", None),
        (ahead - 10 * week, "moved", ahead - 9 * week),
    ]:
        columns = {"kind": "letter", "slot_at": slot_at, "answer": answer, "moved_to": moved_to, "at": NOW}
        apps.get_model("delivery", "Reminder").objects.create(issue=issue, answered_at=NOW, **columns)


def what_a_letter_moved_or_skipped_ahead_is_a_shift():
    day = timezone.now().date() + timedelta(days=30)
    rows = Shift.objects.order_by("slot_on").values_list("kind", "slot_on", "to_on", "to_at")
    assert list(rows) == [
        ("moved", day, day + timedelta(days=14), time(8, 0)),
        ("skipped", day + timedelta(days=28), None, None),
    ]
