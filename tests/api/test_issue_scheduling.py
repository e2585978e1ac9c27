"""An issue is rehearsed and scheduled by a program: with a hold, a mail that cancels, and nothing skipped."""

from collections.abc import Iterator
from copy import copy
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.mailing import Alert
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.desk import auto_rehearsal, tasks
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation.accounts.roles import EDITOR
from tests.api.conftest import Program
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("clock")


def ask_nobody(patch: pytest.MonkeyPatch) -> None:
    """Do not check external links."""
    written = auto_rehearsal.rehearse
    patch.setattr(auto_rehearsal, "rehearse", lambda *args: written(*args)._replace(links=[]))


@pytest.fixture(autouse=True)
def _asks_nobody(monkeypatch):
    ask_nobody(monkeypatch)


@pytest.fixture(scope="module")
def made(shared_rows) -> Iterator[Program]:
    """The program of an editor who may schedule, whose account has an address, and issue 7, which it has rehearsed.

    A rehearsal takes a quarter of a second: the tests of this module share one.
    """
    with shared_rows(_made) as program:
        yield program


def _made() -> Program:
    with time_machine.travel(NOW, tick=False), pytest.MonkeyPatch.context() as patch:
        ask_nobody(patch)
        make_publication(
            sender_email="news@news.example.org",
            cadence_anchor_on=date(2026, 11, 3),
            cadence_at=time(8, 0),
            hold_minutes=3,
        )
        make_subscriber()
        make_issue(make_post("管理槓桿"), number=7, subject="第七期")
        program = Program(make_helper(EDITOR, name="edith", email="edith@example.org"))
        assert rehearse(program)["standing"] == "valid"
        return program


@pytest.fixture
def program(made, db, settings, tmp_path) -> Program:
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=tmp_path / "box")}
    return copy(made)  # it counts its requests


@pytest.fixture
def unrehearsed(program) -> Program:
    """The same, before issue 7 was rehearsed."""
    Rehearsal.objects.all().delete()
    return program


def rehearse(program, number=7, **body):
    answer = program.post(f"/issues/{number}/rehearsal", body)
    assert answer.status_code == 202, answer.text
    tasks.look_outside(Rehearsal.objects.latest("pk").pk)
    return program.get(f"/issues/{number}/rehearsal").json()


def schedule(program, number=7, *, match="", **body):
    etag = match or program.get(f"/issues/{number}").headers["ETag"]
    return program.post(f"/issues/{number}/schedule", {"at": "next-slot"} | body, match=etag)


def detail(answer, status=409):
    assert answer.status_code == status, answer.text
    assert not Mailing.objects.exists()
    return answer.json()["detail"]


# --- Rehearsed ---


def test_a_rehearsal_is_begun_and_its_findings_are_read(unrehearsed):
    before = unrehearsed.get("/issues/7/rehearsal").json()
    begun = unrehearsed.post("/issues/7/rehearsal", {})
    running = unrehearsed.get("/issues/7/rehearsal").json()
    tasks.look_outside(Rehearsal.objects.get().pk)
    over = unrehearsed.get("/issues/7/rehearsal").json()

    assert (before["standing"], before["remarks"], before["started_at"]) == ("none", [], None)
    assert begun.status_code == 202
    assert (begun.json()["standing"], running["standing"], over["standing"]) == ("running", "running", "valid")
    assert {"topic": "audience", "level": "ok", "text": "1 reader gets it.", "hint": "", "url": ""} in over["remarks"]
    assert over["finished_at"] == "2026-11-24T10:39:00+08:00"


def test_one_that_runs_is_not_begun_again_and_an_edit_voids_one(unrehearsed):
    unrehearsed.post("/issues/7/rehearsal", {})
    unrehearsed.post("/issues/7/rehearsal", {})
    assert Rehearsal.objects.count() == 1

    unrehearsed.patch("/issues/7", {"subject": "新主旨"}, match="*")

    assert unrehearsed.get("/issues/7/rehearsal").json()["standing"] == "outdated"


def test_a_rehearsal_is_for_one_audience(unrehearsed):
    make_subscriber(tags="taipei")

    found = rehearse(unrehearsed, segment="+taipei")

    assert found["standing"] == "none"
    told = unrehearsed.get("/issues/7/rehearsal?segment=%2Btaipei").json()
    assert told["standing"] == "valid"
    assert "1 reader gets it." in {one["text"] for one in told["remarks"]}
    assert unrehearsed.post("/issues/7/rehearsal", {"segment": "+nobody"}).json()["errors"] == [
        {"detail": "There is no such tag.", "pointer": "/segment"}
    ]


# --- Scheduled ---


def test_an_issue_is_scheduled_for_the_next_slot(program):
    answer = schedule(program)

    mailing = Mailing.objects.get()
    assert answer.status_code == 200, answer.text
    assert answer.json() == program.get("/issues/7/mailing").json()
    assert (answer.json()["status"], answer.json()["send_at"]) == ("scheduled", "2026-12-01T08:00:00+08:00")
    assert (mailing.state, mailing.send_at, mailing.subject) == ("scheduled", SLOT, "第七期")
    assert [(step.what, step.by, step.via) for step in mailing.steps.all()] == [("approved", "edith (Obsidian)", "api")]
    assert program.get("/issues/7").json()["state"] == "scheduled"


@pytest.mark.parametrize("at", ["2026-11-25T18:30:00+08:00", "2026-11-25T10:30:00Z", "2026-11-25T18:30:00"])
def test_an_issue_is_scheduled_for_a_time_of_the_publications_zone_unless_it_names_another(program, at):
    answer = schedule(program, at=at)

    assert answer.json()["send_at"] == "2026-11-25T18:30:00+08:00"


def test_the_hold_stays_and_is_a_quarter_of_an_hour_at_least(program):
    too_soon = schedule(program, at=(NOW + timedelta(minutes=14)).isoformat())
    late_enough = schedule(program, at=(NOW + timedelta(minutes=15)).isoformat())

    assert too_soon.status_code == 422
    assert too_soon.json()["errors"][0]["pointer"] == "/at"
    assert late_enough.json()["send_at"] == "2026-11-24T10:54:00+08:00"


@pytest.mark.parametrize("name", ["hold", "no_hold", "unrehearsed", "anyway", "acknowledged", "now"])
def test_there_is_no_parameter_that_skips_anything(program, name):
    answer = schedule(program, **{name: True})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    assert not Mailing.objects.exists()


def test_without_anybody_who_could_be_told_nothing_is_scheduled(program):
    User.objects.update(email="")

    assert "nobody could be notified" in detail(schedule(program))
    assert not Alert.objects.exists()


def test_an_issue_that_was_not_rehearsed_as_it_is_now_is_not_scheduled(unrehearsed):
    none = schedule(unrehearsed)
    unrehearsed.post("/issues/7/rehearsal", {})
    running = schedule(unrehearsed)
    tasks.look_outside(Rehearsal.objects.get().pk)
    unrehearsed.patch("/issues/7", {"closing": "再見。"}, match="*")
    outdated = schedule(unrehearsed)

    assert "no valid rehearsal (none)" in detail(none)
    assert detail(running) == "The rehearsal is still under way."
    assert running.headers["Retry-After"] == "5"
    assert "no valid rehearsal (outdated)" in detail(outdated)


def test_what_readers_would_not_be_shown_is_for_a_person_to_acknowledge(program):
    make_issue(make_post("甲", body="讀者 <b0gus>看不到</b0gus> 這個。 {{ first_name }}"), number=8, subject="第八期")
    found = rehearse(program, 8)

    assert found["standing"] == "faulty"
    assert "no valid rehearsal (faulty)" in detail(schedule(program, 8))


def test_no_second_issue_leaves_on_a_day(program):
    other = make_issue(make_post("乙"), number=8, subject="第八期")
    schedule(program)
    rehearse(program, 8)

    answer = schedule(program, 8, at="2026-12-01T12:00:00+08:00")
    free = schedule(program, 8)

    assert "Readers would get two issues." in answer.json()["errors"][0]["detail"]
    assert free.json()["send_at"] == "2026-12-15T08:00:00+08:00"
    assert other.mailings.count() == 1


def test_many_readers_are_named_by_their_number(unrehearsed):
    make_publication(number_typed_above=1)
    for _reader in range(2):
        make_subscriber()
    rehearse(unrehearsed)

    unnamed, wrong = schedule(unrehearsed), schedule(unrehearsed, readers=2)
    nothing_yet = not Mailing.objects.exists()
    named = schedule(unrehearsed, readers=3)

    said = {
        "detail": "3 readers would get it now. Send this number in “readers” if that is meant.",
        "pointer": "/readers",
    }
    assert unnamed.json()["errors"] == wrong.json()["errors"] == [said]
    assert nothing_yet
    assert named.json()["status"] == "scheduled"


def test_an_issue_is_scheduled_once(program):
    schedule(program)

    again = schedule(program)

    assert (again.status_code, again.json()["detail"]) == (409, "A mailing of this issue is under way already.")
    assert Mailing.objects.count() == 1


def test_the_same_request_twice_schedules_once(program):
    etag = program.get("/issues/7").headers["ETag"]
    first, again = (
        program.post("/issues/7/schedule", {"at": "next-slot"}, match=etag, idempotency_key="k") for _ in range(2)
    )

    assert (first.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (200, 200, "true")
    assert first.json() == again.json()
    assert Alert.objects.count() == 1


@pytest.mark.parametrize(("match", "status"), [('"old"', 412), ("*", 200)])
def test_only_what_was_seen_is_scheduled(program, match, status):
    assert schedule(program, match=match).status_code == status


@pytest.mark.parametrize(
    "at", ["tomorrow", "", None, 5.5e300, True, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_time_that_is_none_is_refused(program, at):
    answer = schedule(program, at=at)

    assert answer.status_code == 422
    assert not Mailing.objects.exists()


def test_a_token_without_the_box_schedules_nothing_whoever_it_stands_for(program):
    owner = User.objects.create_superuser("gipi", "gipi@example.org")
    every_other = [scope for scope in program.token.scopes if scope != "issues:schedule"]

    answer = schedule(Program(owner, *every_other))

    assert detail(answer, 403) == "The token lacks the scope “issues:schedule”."


def test_a_slot_that_is_near_waits_for_the_hold_of_programs(program, clock):
    clock.move_to(SLOT - timedelta(minutes=5))
    rehearse(program)

    answer = schedule(program)

    assert answer.status_code == 200, answer.text
    assert Mailing.objects.get().send_at == SLOT + timedelta(minutes=10)
