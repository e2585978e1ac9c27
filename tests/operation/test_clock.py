"""The clock of an installation with Redis: it has the work done when Redis takes no task."""

import json
from datetime import timedelta

import pytest
from celery.beat import PersistentScheduler, ScheduleEntry
from celery.schedules import schedule

from newsletter.celery import app
from newsletter.operation.clock import PATIENCE_SECONDS, Scheduler, SpareWorker, SteadyScheduler
from newsletter.operation.supervisor import Child
from newsletter.publication.wakeups import SERVER
from tests.support.waiting import wait_until

TASK = "newsletter.delivery.tasks.dispatch"
LIVES = 'echo "redis=$REDIS_URL file=$REDIS_URL_FILE" >> {told}; exec sleep 60'


@pytest.fixture
def folder(settings, tmp_path):
    """The folder of the queue of files."""
    settings.QUEUE_DIR = tmp_path / "queue"
    settings.FILES_QUEUE = settings.FILES_QUEUE | {
        "data_folder_in": str(settings.QUEUE_DIR),
        "data_folder_out": str(settings.QUEUE_DIR),
        "control_folder": str(settings.QUEUE_DIR / "control"),
    }
    return settings.QUEUE_DIR


@pytest.fixture
def spare(folder, tmp_path, monkeypatch):
    """A spare worker that only notes which Redis it is told of."""
    monkeypatch.setenv("REDIS_URL", "redis://redis.example.org/0")
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis")
    found = SpareWorker()
    found.child = Child("spare", ["/bin/sh", "-c", LIVES.format(told=tmp_path / "told")])
    yield found
    found.end()


def entry():
    return ScheduleEntry(
        name="start", task=TASK, schedule=schedule(timedelta(seconds=2)), options={"expires": 4}, app=app
    )


def tasks(folder):
    return [json.loads(file.read_text())["headers"]["task"] for file in folder.glob("*.celery.msg")]


def test_a_redis_that_is_only_started_again_brings_no_worker(spare, folder):
    spare.do(app, entry(), 100.0)
    spare.do(app, entry(), 100.0 + PATIENCE_SECONDS - 0.1)

    assert spare.child.process is None
    assert not folder.exists()


def test_after_some_seconds_the_work_is_done_through_files_by_a_worker_that_knows_no_redis(spare, folder, tmp_path):
    for seconds in (0, PATIENCE_SECONDS, PATIENCE_SECONDS + 2):
        spare.do(app, entry(), 100.0 + seconds)

    told = tmp_path / "told"
    wait_until(lambda: told.exists() and told.read_text())
    assert told.read_text() == "redis= file=\n", "one worker"
    assert tasks(folder) == [TASK, TASK]


def test_the_worker_ends_when_redis_takes_tasks_again_and_the_next_outage_begins_anew(spare, folder):
    spare.do(app, entry(), 100.0)
    spare.do(app, entry(), 100.0 + PATIENCE_SECONDS)
    process = spare.child.process

    spare.end()
    spare.do(app, entry(), 200.0)

    assert process.poll() is not None
    assert spare.child.process is None


def test_a_worker_that_dies_is_started_again_after_a_while(spare, folder):
    spare.do(app, entry(), 100.0)
    spare.do(app, entry(), 100.0 + PATIENCE_SECONDS)
    first = spare.child.process
    first.kill()
    first.wait()

    spare.do(app, entry(), 100.0 + PATIENCE_SECONDS + 1)
    at_once = spare.child.process
    spare.do(app, entry(), spare.child.due_at)

    assert at_once is None
    assert spare.child.process.pid != first.pid


@pytest.fixture
def scheduler(tmp_path):
    found = Scheduler(app=app, schedule_filename=str(tmp_path / "schedule"), lazy=True)
    found.spare = Noted()
    return found


class Noted:
    """What the scheduler asks of its spare worker, in order."""

    def __init__(self):
        self.asked = []

    def do(self, app, entry, now):
        self.asked.append("do")

    def end(self):
        self.asked.append("end")


def refused(monkeypatch):
    def refuse(*args, **options):
        raise OSError("no queue")

    monkeypatch.setattr(app.tasks[TASK], "apply_async", refuse)


def test_a_queue_that_takes_tasks_needs_no_spare_worker(scheduler):
    scheduler.apply_async(entry(), advance=False)

    assert scheduler.spare.asked == ["end"]


def test_a_task_that_is_refused_goes_to_the_spare_worker_and_the_log_hears_of_it_once(scheduler, monkeypatch, caplog):
    refused(monkeypatch)

    for _tick in range(3):
        scheduler.apply_async(entry(), advance=False)

    assert scheduler.spare.asked == ["do"] * 3
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [f"{SERVER} fails"]


def test_the_clock_leaves_no_worker_behind(scheduler):
    scheduler._store = None
    scheduler.close()

    assert scheduler.spare.asked == ["end"]


# --- A clock that jumps ---


@pytest.fixture
def steady(tmp_path, monkeypatch, settings, folder):
    """A scheduler that only notes what it would have put on the queue."""
    settings.DATA_DIR = tmp_path
    sent = []
    monkeypatch.setattr(
        PersistentScheduler, "apply_async", lambda _self, entry, *_args, **_kwargs: sent.append(entry.name)
    )
    monkeypatch.setattr(SteadyScheduler, "producer", None)
    made = SteadyScheduler(app, schedule_filename=str(tmp_path / "beat-schedule"))
    yield made, sent
    made.close()


def run(scheduler, time_machine, seconds):
    """Let beat run for so long, second by second."""
    for _second in range(seconds):
        while scheduler.tick() == 0:
            pass
        time_machine.shift(1)


@pytest.mark.parametrize("days", [1 / 24, 1, 3])
def test_a_clock_that_was_ahead_holds_up_no_task(steady, time_machine, days):
    scheduler, sent = steady
    time_machine.move_to("2026-05-01T00:00Z", tick=False)
    run(scheduler, time_machine, 5)
    time_machine.shift(timedelta(days=days))
    run(scheduler, time_machine, 12)
    time_machine.shift(-timedelta(days=days))
    sent.clear()

    run(scheduler, time_machine, 12)

    assert sent.count("start, recover and close mailings") >= 3
    assert "send confirmations that are due" in sent


@pytest.mark.parametrize("days", [1 / 24, 1, 3])
def test_a_schedule_of_the_future_is_forgotten_at_the_next_start(steady, time_machine, days, tmp_path):
    scheduler, sent = steady
    time_machine.move_to("2026-05-01T00:00Z", tick=False)
    time_machine.shift(timedelta(days=days))
    run(scheduler, time_machine, 12)
    scheduler.close()
    time_machine.shift(-timedelta(days=days))
    sent.clear()

    again = SteadyScheduler(app, schedule_filename=str(tmp_path / "beat-schedule"))
    run(again, time_machine, 12)
    again.close()

    assert sent.count("start, recover and close mailings") >= 3
    assert "send confirmations that are due" in sent
