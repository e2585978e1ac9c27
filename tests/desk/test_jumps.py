"""A clock that was ahead for a moment: what it wrote is pulled back to now."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.db import models
from django.utils import timezone

from newsletter.delivery.models import Answer, Batch, Mailing, OnceMore, Quote, Reply
from newsletter.delivery.models.mailing import Happening
from newsletter.delivery.models.reminders import Reminder
from newsletter.desk import jumps, tasks
from newsletter.desk.models import FailureCount
from subscribers.models import Subscriber
from subscribers.models.fresh_links import FreshLink
from subscribers.models.mail_budget import MailBudget, take
from tests.factories import make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 2, tzinfo=UTC)
AHEAD = [timedelta(hours=26), timedelta(days=3)]
OURS = {"api", "hooks", "operation", "desk", "delivery", "subscribers", "issues", "posts", "publication", "mail"}

# Columns that nothing waits for: what happened, and when; and times that a person has chosen.
FACTS = {
    "delivery.Arrival.begun_at",  # one of a clock ahead counts as abandoned
    *("api.Token.made_at", "api.Token.used_at", "api.Token.ends_at"),
    "api.KeptAnswer.claimed_at",  # a claim of a clock ahead ends after a minute of any clock
    *(
        "hooks.Call.at",
        "hooks.Call.settled_at",
        "hooks.Call.tried_at",
        "hooks.Hook.created_at",
        "hooks.Hook.restored_at",
    ),
    *("operation.NightlyBackup.begun_at", "operation.NightlyBackup.made_at", "operation.NightlyBackup.tried_at"),
    *("operation.NightlyExport.begun_at", "operation.NightlyExport.made_at"),
    *("operation.Look.at", "operation.Trouble.since", "operation.Trouble.told_at"),
    *("delivery.Restoration.made_at", "delivery.Restoration.noticed_at", "delivery.Restoration.decided_at"),
    *("desk.PostImport.begun_at", "desk.PostImport.created_at", "desk.PostImport.ended_at"),
    "desk.PostImportEntry.mailed_at",
    *("desk.Errand.begun_at", "desk.Errand.created_at", "desk.Errand.ended_at"),
    "issues.Correction.made_at",
    "issues.Issue.created_at",
    "issues.Issue.imported_at",
    "issues.Issue.sent_at",
    "issues.Issue.updated_at",
    "issues.HolidayAnswer.answered_at",
    "issues.Shift.made_at",
    "posts.Image.created_at",
    "posts.Image.finished_at",
    "posts.Post.created_at",
    "posts.Post.preview_until",
    "posts.Post.published_at",
    "posts.Post.updated_at",
    "posts.Rendering.made_at",
    "posts.Revision.mailed_at",
    "posts.Revision.published_at",
    "posts.Revision.saved_at",
    "posts.SearchDocument.published_at",
    "posts.WorkingCopy.updated_at",
    "publication.Publication.updated_at",
    *("delivery.Arrival.received_at", "delivery.Arrival.applied_at", "delivery.Event.at", "delivery.Event.created_at"),
    *("delivery.MailFetch.looked_at", "delivery.MailFetch.failing_since"),
    "delivery.Visit.at",
    "delivery.Batch.lease_until",  # by the database's clock: pulled back apart
    *("delivery.CourseCopy.begun_at", "delivery.CourseCopy.planned_for"),
    *("delivery.CourseCopy.sent_at", "delivery.CourseCopy.stopped_at"),
    "delivery.Answer.sent_at",
    "delivery.Answer.written_at",
    "delivery.Delivery.sent_at",
    "delivery.Feedback.given_at",
    "delivery.Happening.at",
    *("delivery.ResultLetter.at", "delivery.ResultLetter.notified_at"),
    "delivery.Happening.ended_at",
    "delivery.Happening.notified_at",
    "delivery.Mailing.approved_at",  # pulled back apart, with send_at
    "delivery.Mailing.counted_at",
    "delivery.Mailing.finished_at",
    *("delivery.Mailing.copies_deleted_at", "delivery.Mailing.thinned_at"),
    "delivery.Mailing.planned_at",
    "delivery.Mailing.send_at",
    "delivery.Quote.answered_at",
    "delivery.Quote.asked_at",
    "delivery.Quote.placed_at",
    "delivery.Quote.sent_at",
    "delivery.Refusal.at",
    "delivery.Rehearsal.begun_at",
    "delivery.Rehearsal.finished_at",
    "delivery.Rehearsal.started_at",
    "delivery.Rehearsal.told_at",
    "delivery.OnceMore.asked_at",
    "delivery.OnceMore.sent_at",
    "delivery.Reply.answered_at",
    "delivery.Reply.received_at",
    "delivery.Reminder.answered_at",
    "delivery.Reminder.at",
    "delivery.Reminder.moved_to",
    "delivery.Reminder.notified_at",
    "delivery.Reminder.slot_at",
    "delivery.Step.at",
    "delivery.Step.send_at",
    "publication.Change.at",
    "subscribers.Act.at",
    "subscribers.AddressChange.asked_at",
    "subscribers.AddressChange.confirmed_at",
    "subscribers.AddressChange.undone_at",
    "subscribers.Consent.at",
    "subscribers.Note.at",
    "subscribers.ConfirmationReminder.made_at",
    "subscribers.ConfirmationReminder.sent_at",
    "subscribers.Pause.began_at",
    "subscribers.Pause.settled_at",
    "subscribers.Pause.until",
    "subscribers.FreshLink.asked_at",
    "subscribers.LinkWish.asked_at",
    "subscribers.Sentence.answered_at",
    "subscribers.Sentence.at",
    "subscribers.Subscriber.confirmation_sent_at",
    "subscribers.Subscriber.confirmed_at",
    "subscribers.Subscriber.created_at",
    "subscribers.Subscriber.paused_until",
    "subscribers.Subscriber.unsubscribed_at",
    "subscribers.Subscriber.welcomed_at",
    *("subscribers.Suppression.created_at", "subscribers.Suppression.reopened_at"),
    "subscribers.Unsent.at",
}


@pytest.fixture(autouse=True)
def _publication():
    make_publication(hold_minutes=10)


def make_mailing(**fields):
    frozen = {"subject": "管理槓桿", "html": "", "text": "", "content_hash": "", "approved_at": NOW, "send_at": NOW}
    issue = make_issue(make_post(), subject="管理槓桿", number=7)
    return Mailing.objects.create(issue=issue, **(frozen | {"state": Mailing.State.SENDING} | fields))


def make_batch(**fields):
    return Batch.objects.create(mailing=make_mailing(), no=1, lo=1, hi=3, cursor=1, **fields)


def reread(row, field):
    row.refresh_from_db()
    return getattr(row, field)


def test_every_column_of_time_is_known_here():
    """A new one either says until when something waits, and for how long at most, or that something happened."""
    columns = {
        f"{model._meta.app_label}.{model.__name__}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for field in model._meta.local_fields
        if isinstance(field, models.DateTimeField)
    }
    waits = {f"{wait.model._meta.app_label}.{wait.model.__name__}.{wait.field}" for wait in jumps.all_waits()}

    assert waits & FACTS == set()
    assert columns == waits | FACTS


# --- Each wait ---


def _retry_after_failures(at):
    return make_mailing(retry_at=at, provider_failures=3), "retry_at"


def _retry_tomorrow(at):
    return make_mailing(retry_at=at), "retry_at"


def _next_pass(at):
    return make_batch(not_before=at), "not_before"


def _notice(at):
    return Happening.objects.create(mailing=make_mailing(), kind=Happening.Kind.FINISHED, at=NOW, due_at=at), "due_at"


def _reminder(at):
    slot = NOW + timedelta(days=9)
    return Reminder.objects.create(kind=Reminder.Kind.DRAFT, slot_at=slot, at=NOW, due_at=at), "due_at"


def _confirmation(at):
    return make_subscriber(state=Subscriber.State.PENDING, confirmation_due_at=at), "confirmation_due_at"


def _welcome(at):
    return make_subscriber(state=Subscriber.State.ACTIVE, welcome_due_at=at), "welcome_due_at"


def _cool_down(at):
    return make_subscriber(state=Subscriber.State.PENDING, asked_at=at), "asked_at"


def _change(at):
    reader = make_subscriber(state=Subscriber.State.ACTIVE)
    return reader.address_changes.create(email="new@example.org", asked_at=NOW, due_at=at), "due_at"


def _link(at):
    reader = make_subscriber(state=Subscriber.State.ACTIVE)
    return FreshLink.objects.create(subscriber=reader, asked_at=NOW, due_at=at), "due_at"


def _once_more(at):
    row = {"mailing": make_mailing(), "subscriber": make_subscriber(), "asked_at": NOW, "due_at": at}
    return OnceMore.objects.create(issue=row["mailing"].issue, **row), "due_at"


def _answer(at):
    reply = Reply.objects.create(key="k", sender="a@example.org", received_at=NOW)
    return Answer.objects.create(reply=reply, digest="d", written_at=NOW, due_at=at), "due_at"


def _quote(at):
    return Quote.objects.create(subscriber=make_subscriber(), digest="d", asked_at=NOW, due_at=at), "due_at"


def _failures(at):
    return FailureCount.objects.create(who="x", failures=10, closes_at=at), "closes_at"


CASES = [
    (_retry_after_failures, timedelta(minutes=5)),
    (_retry_tomorrow, timedelta(hours=25)),
    (_next_pass, timedelta(hours=24)),
    (_notice, timedelta(hours=1)),
    (_reminder, timedelta(hours=1)),
    (_confirmation, timedelta(hours=2, minutes=8)),
    (_welcome, timedelta(minutes=10)),
    (_cool_down, timedelta()),
    (_change, timedelta(hours=2, minutes=8)),
    (_link, timedelta(hours=2, minutes=8)),
    (_once_more, timedelta(hours=4)),
    (_answer, timedelta(hours=4)),
    (_quote, timedelta(hours=4)),
    (_failures, timedelta(minutes=10)),
]


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.parametrize(("make", "rightful"), CASES)
def test_a_wait_that_is_longer_than_it_can_be_ends_now(make, rightful, ahead):
    row, field = make(NOW + rightful + ahead)

    assert jumps.pull_back(NOW) == 1

    assert reread(row, field) == NOW
    assert jumps.pull_back(NOW) == 0


@pytest.mark.parametrize(("make", "rightful"), CASES)
def test_a_wait_that_is_as_long_as_it_may_be_stays(make, rightful):
    row, field = make(NOW + rightful)

    assert jumps.pull_back(NOW) == 0

    assert reread(row, field) == NOW + rightful


def test_a_mailbox_is_not_closed_for_days_because_of_mails_of_the_future():
    for _mail in range(3):
        take("ada@example.org", NOW + timedelta(days=3))

    jumps.pull_back(NOW)

    row = MailBudget.objects.get()
    assert (row.latest, row.second, row.third) == (NOW, NOW, NOW)
    assert not take("ada@example.org", NOW + timedelta(hours=23))
    assert take("ada@example.org", NOW + timedelta(hours=24))


# --- Leases and holds ---


def test_a_lease_of_the_future_ends_in_time_and_a_rightful_one_stays():
    now = timezone.now()
    ahead = make_batch(state=Batch.State.LEASED, lease_until=now + timedelta(days=3))
    other = Batch.objects.create(
        mailing=ahead.mailing, no=2, lo=3, hi=5, cursor=3, state=Batch.State.LEASED, lease_until=now + jumps.LEASE
    )

    assert jumps.pull_back(now) == 1

    assert now < reread(ahead, "lease_until") <= now + timedelta(minutes=2)
    assert reread(other, "lease_until") == now + jumps.LEASE


def test_an_issue_approved_for_now_while_the_clock_was_ahead_begins_after_its_hold():
    then = NOW + timedelta(days=3)
    mailing = make_mailing(state=Mailing.State.SCHEDULED, approved_at=then, send_at=then + timedelta(minutes=10))

    jumps.pull_back(NOW)

    assert reread(mailing, "send_at") == NOW + timedelta(minutes=10)
    assert mailing.approved_at == NOW


def test_a_slot_that_the_author_chose_stays_whatever_the_clock_said():
    then = NOW + timedelta(days=3)
    mailing = make_mailing(state=Mailing.State.SCHEDULED, approved_at=then, send_at=then + timedelta(days=9))

    jumps.pull_back(NOW)

    assert reread(mailing, "send_at") == then + timedelta(days=9)


def test_the_clock_asks_for_it_every_minute_at_least(settings, time_machine):
    time_machine.move_to(NOW)
    row, field = _next_pass(NOW + timedelta(days=3))

    tasks.pull_back_waits()

    assert reread(row, field) <= NOW + timedelta(seconds=1)
    entries = settings.CELERY_BEAT_SCHEDULE.values()
    assert [one["schedule"] <= 60 for one in entries if one["task"] == tasks.pull_back_waits.name] == [True]
