"""Database triggers record events in the same transaction, however rows are written."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_migrate, pre_migrate
from django.utils import timezone

from newsletter.api.hooks import triggers
from newsletter.api.hooks.models import Call, Hook, HookEventType
from newsletter.delivery.models import Mailing, ResultLetter
from newsletter.delivery.models.mailing import MailingStep
from subscribers import author_actions
from subscribers.author_actions import ActionContext
from subscribers.importers.merging import record_imported
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import Consent
from tests.factories import make_issue, make_post, make_subscriber

pytestmark = pytest.mark.django_db


def written():
    return list(Call.objects.order_by("pk").values_list("event", "about", "detail"))


def make_mailing(**fields):
    now = timezone.now()
    frozen = {"subject": "題", "html": "", "text": "", "content_hash": "", "approved_at": now, "send_at": now}
    return Mailing.objects.create(issue=make_issue(make_post()), **(frozen | fields))


def test_without_a_hook_nothing_is_written():
    make_subscriber().unsubscribe(timezone.now())

    assert written() == []


def test_a_reader_confirms_leaves_comes_back_and_is_suppressed(make_hook):
    hook, now = make_hook(), timezone.now()
    reader = make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)

    reader.confirm(now)
    reader.unsubscribe(now)
    reader.undo(now)
    reader.suppress(Suppression.Reason.COMPLAINED)

    assert written() == [
        ("reader.confirmed", reader.pk, ""),
        ("reader.left", reader.pk, ""),
        ("reader.confirmed", reader.pk, ""),
        ("reader.suppressed", reader.pk, "complained"),
    ]
    calls = list(Call.objects.all())
    assert {call.hook_id for call in calls} == {hook.pk}
    assert {call.state for call in calls} == {Call.State.WAITING}
    assert calls[0].at == now
    assert len({call.message_id for call in calls}) == 4
    assert all(len(call.message_id) == len("msg_") + 32 for call in calls)


def test_what_is_rolled_back_is_not_told(make_hook):
    make_hook()
    reader = make_subscriber()

    with transaction.atomic():
        reader.unsubscribe(timezone.now())
        transaction.set_rollback(True)

    assert written() == []


def test_many_readers_who_leave_in_one_statement_are_all_told_of(make_hook):
    make_hook()
    readers = [make_subscriber() for _ in range(5)]

    author_actions.unsubscribe([reader.pk for reader in readers], ActionContext(timezone.now(), by="gipi", reason=""))

    assert written() == [("reader.left", reader.pk, "") for reader in readers]


def test_an_import_that_ends_readers_is_told(make_hook):
    make_hook()
    now = timezone.now()
    reader = make_subscriber(state=Subscriber.State.UNSUBSCRIBED, unsubscribed_at=now)

    record_imported([reader.address_hash], Consent.Kind.WITHDREW, "list.csv", "unsubscribed_at")
    record_imported([reader.address_hash], Consent.Kind.IMPORTED, "list.csv", "confirmed_at")

    assert written() == [("reader.left", reader.pk, "")]


def test_what_happened_before_anybody_asked_is_no_news_however_late_it_is_written(make_hook):
    make_hook()
    long_ago = timezone.now() - timedelta(days=400)
    reader = make_subscriber(state=Subscriber.State.UNSUBSCRIBED, unsubscribed_at=long_ago)

    record_imported([reader.address_hash], Consent.Kind.WITHDREW, "list.csv", "unsubscribed_at")

    assert written() == []


def test_an_address_that_is_no_readers_is_barred_without_a_call(make_hook):
    make_hook()

    Suppression.objects.create(address_hash="0" * 32, reason=Suppression.Reason.BOUNCED)

    assert written() == []


def test_an_erased_reader_is_told_of_once_by_their_number(make_hook):
    make_hook()
    reader = make_subscriber()
    number = reader.pk
    reader.unsubscribe(timezone.now())
    reader.suppress(Suppression.Reason.BOUNCED)

    reader.erase()

    waiting = Call.objects.waiting().values_list("event", "about", "detail")
    assert list(waiting) == [("reader.suppressed", number, "erased")]
    assert not Call.objects.exclude(state=Call.State.WAITING).exclude(about=None).exists()


def test_the_steps_of_a_mailing_that_matter_are_told(make_hook):
    make_hook()
    mailing = make_mailing()

    for what in MailingStep.Kind.values:
        mailing.record(what)

    steps = {step.what: step.pk for step in MailingStep.objects.all()}
    assert written() == [
        ("issue.scheduled", steps["approved"], ""),
        ("issue.scheduled", steps["moved"], ""),
        ("issue.begun", steps["begun"], ""),
        ("issue.paused", steps["paused"], ""),
        ("issue.sent", steps["finished"], ""),
    ]


def test_a_result_is_told_when_it_is_there(make_hook):
    make_hook()
    mailing = make_mailing()

    ResultLetter.objects.bulk_create([ResultLetter(issue=mailing.issue, mailing=mailing, at=timezone.now())])

    assert written() == [("issue.result_ready", mailing.issue_id, "")]


def test_each_hook_is_told_of_what_it_asked_for_while_it_is_on(make_hook):
    everything, of_leavings = make_hook(), make_hook("https://other.example.org/", HookEventType.LEFT)
    make_hook("https://off.example.org/", off=Hook.Off.AUTHOR)
    reader = make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)

    reader.confirm(timezone.now())
    reader.unsubscribe(timezone.now())

    assert list(Call.objects.values_list("hook", "event")) == [
        (everything.pk, "reader.confirmed"),
        (everything.pk, "reader.left"),
        (of_leavings.pk, "reader.left"),
    ]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone loses triggers")
def test_triggers_are_put_in_place_anew_and_go_before_a_migration():
    from django.apps import apps

    def there():
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_told'")
            return {name for (name,) in cursor.fetchall()}

    whole = there()
    config = apps.get_app_config("hooks")
    assert whole == {source.trigger for source in triggers.fact_tables("sqlite")}

    pre_migrate.send(sender=config, app_config=config, using="default", plan=[], verbosity=0, interactive=False)
    assert there() == whole
    pre_migrate.send(sender=config, app_config=config, using="default", plan=["one"], verbosity=0, interactive=False)
    assert there() == set()
    post_migrate.send(sender=config, app_config=config, using="default", plan=[], verbosity=0, interactive=False)
    assert there() == whole
