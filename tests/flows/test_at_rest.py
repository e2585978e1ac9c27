"""What the tasks of an installation do while nothing happens: they read a little, and write and lock nothing.

Each statement costs a processor that would else sleep; a write wakes the clock, which then asks for all tasks again.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from newsletter.celery import app
from newsletter.delivery import lanes
from newsletter.delivery import tasks as delivery
from newsletter.delivery.models import Arrival, Mailing
from newsletter.delivery.planning.approving import approve
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation.models import Look
from newsletter.operation.resting import HEARTBEAT_SECONDS, HEARTBEATS, LONG_SECONDS, REST_SECONDS
from tests.factories import make_issue, make_post, make_publication, make_subscriber

DAILY = "subscribers.tasks.forget_unconfirmed"  # it deletes what is old, whatever there is
A_MINUTE = 130  # statements, of all tasks together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.exhaustive,
]  # in a test's own transaction none is opened


@pytest.fixture
def settled(settings, tmp_path, monkeypatch):
    """An installation whose issue of four days ago is sent, counted and told of; each task has had its turn twice."""
    settings.LOCK_DIR, settings.DATA_DIR = tmp_path / "locks", tmp_path
    settings.MAILERS = {name: mailer_from_url("", outbox=tmp_path / name) for name in settings.MAILERS}
    monkeypatch.setattr(delivery.dispatch, "apply_async", lambda *_args, **_options: None)
    then = timezone.now() - timedelta(days=4)
    make_publication(sender_email="news@news.example.org")
    make_subscriber("a@example.org", confirmed_at=then, welcomed_at=then)
    approve(make_issue(make_post(), number=7), send_at=None, now=timezone.now(), hold=timedelta())
    delivery.dispatch()
    lanes.run(0)
    delivery.dispatch()
    Mailing.objects.update(finished_at=then)
    Arrival.objects.store("mail", b"Subject: hello", then)
    Look.note(timezone.now())
    for _turn in range(2):
        for task in tasks():
            app.tasks[task]()
    assert Mailing.objects.get().state == Mailing.State.SENT


def tasks():
    app.loader.import_default_modules()
    return [entry["task"] for entry in app.conf.beat_schedule.values()]


def statements(task):
    with CaptureQueriesContext(connection) as asked:
        app.tasks[task]()
    return [one["sql"].strip() for one in asked]


@pytest.mark.usefixtures("settled")
def test_no_task_writes_or_locks_anything_where_there_is_nothing_to_do():
    written = {task: [one for one in statements(task) if not one.startswith("SELECT")] for task in tasks()}

    assert {task: found for task, found in written.items() if found and task != DAILY} == {}


@pytest.mark.usefixtures("settled")
def test_in_a_minute_at_rest_few_questions_are_asked(settings):
    def seconds(task, period):
        return HEARTBEAT_SECONDS if task in HEARTBEATS else period if period >= LONG_SECONDS else REST_SECONDS

    rhythms = {entry["task"]: seconds(entry["task"], entry["schedule"]) for entry in app.conf.beat_schedule.values()}
    asked = {task: len(statements(task)) * 60 / rhythm for task, rhythm in rhythms.items()}

    assert sum(asked.values()) <= A_MINUTE, asked
