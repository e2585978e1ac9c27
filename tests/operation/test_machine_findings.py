"""What the doctor says of machines that differ."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from newsletter.background.models import RunningProgram
from newsletter.operation import diagnosis, machine_findings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


def make_program(program: str, host: str, **fields) -> RunningProgram:
    given = {"version": "0.2.0 (a1)", "beat_at": timezone.now(), "clock_ahead": timedelta()} | fields
    prints = {"SITE_URL": [given.pop("site", "one")], "SECRET_KEY": ["k"], "MAIL_URL": ["m"], "BULK_MAIL_URL": []}
    return RunningProgram.objects.create(
        machine=host, program=program, host=host, folder="/data", fingerprints=prints, **given
    )


def said() -> list[tuple[str, str]]:
    checks = ("differing_machine_findings", "version_findings", "clock_findings")
    found = [one for check in checks for one in getattr(machine_findings, check)(timezone.now())]
    return [(one.id, one.message) for one in found]


def test_machines_that_agree_are_not_spoken_of():
    make_program("web", "alpha")
    make_program("worker", "beta", clock_ahead=timedelta(seconds=-4))

    assert said() == []


def test_a_worker_that_sends_nothing_is_named_with_its_variable_as_long_as_it_runs():
    make_program("web", "alpha")
    worker = make_program("worker", "beta", site="other")
    message = "Worker on beta:/data: the web server has another SITE_URL. It sends nothing."

    assert said() == [("machines.differ", message)]

    worker.beat_at -= timedelta(minutes=5)
    worker.save(update_fields=["beat_at"])
    assert said() == []


def test_web_servers_that_differ_are_both_named():
    make_program("web", "alpha")
    make_program("web", "beta", site="other")

    assert [message for _id, message in said()] == [
        f"Web server on {host}:/data: another web server has another SITE_URL. Nothing is sent."
        for host in ("alpha", "beta")
    ]


def test_two_versions_at_once_are_named():
    make_program("web", "alpha", version="0.2.0 (b2)")
    make_program("worker", "beta")

    running = "Web server, alpha:/data: 0.2.0 (b2); Worker, beta:/data: 0.2.0 (a1)"
    assert said() == [("machines.versions", f"Not every machine runs the same version. {running}")]


def test_a_wrong_clock_is_named_once_for_a_machine_whichever_looks():
    for program in ("worker", "clock"):
        make_program(program, "beta", clock_ahead=timedelta(seconds=-61))

    assert said() == [("clock.differs", "The clock of beta differs from the database’s by -61 seconds.")]


@pytest.mark.servers
def test_a_clock_that_is_not_that_of_redis_is_named(settings, redis_url):
    settings.REDIS_URL = redis_url
    found = []
    for ahead in (-61, 4, 61):
        with time_machine.travel(timezone.now() + timedelta(seconds=ahead), tick=False):
            found += [one.message for one in machine_findings.queue_clock_findings(timezone.now())]

    assert machine_findings.queue_clock_findings in diagnosis.ALL_CHECKS
    assert found == [
        f"The clock of this machine differs from that of Redis by {one} seconds." for one in ("-61", "+61")
    ]
