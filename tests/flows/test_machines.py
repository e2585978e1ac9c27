"""Several machines send together: each looks for its own work, nobody who signs up waits, all have one environment."""

import json
from collections import Counter

import pytest

from newsletter.delivery.ledger import flight_recorder
from newsletter.delivery.ledger.flight_recorder import RowMark
from tests.flows.seeds import compose_issue_1, speak_english
from tests.support.processes import end
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300), pytest.mark.exhaustive]
READERS = 800
REPLY_SECONDS = 0.1  # four connections of each machine: forty messages a second
SIGN_UP = """
from django.utils import timezone
from newsletter.publication.task_queue import enqueue
from subscribers import tasks
from subscribers import signup
from subscribers.models.consents import ConsentDetails

signup.sign_up("newcomer@example.com", ConsentDetails("test"), timezone.now())
enqueue(tasks.send_confirmations)
"""
PROGRAMS = """
from newsletter.background.models import RunningProgram
answer = [[one.folder, one.program] for one in RunningProgram.objects.shown() if one.is_alive]
"""
DESK = """
from django.contrib.auth.models import User
from django.test import Client

client = Client(HTTP_HOST="127.0.0.1")
client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
answer = {path: client.get(path, headers={"Accept-Language": "en"}).content.decode() for path in %r}
"""


@pytest.fixture
def slow(tmp_path):
    folder = tmp_path / "slow"
    folder.mkdir()
    server = Smtp(folder, reply_seconds=REPLY_SECONDS)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def machines(make_product, smtp, slow, migrated_postgres_url, redis_url):
    """Two installations with one hand each, which share everything but their folders."""
    made = [make_product(mail_url=smtp.url, database_url=migrated_postgres_url, redis_url=redis_url) for _ in range(2)]
    for one in made:
        one.env |= {"SITE_URL": made[0].url, "SECRET_KEY": "machines" * 8, "BULK_MAIL_URL": f"{slow.url}?lines=4"}
    return made


def sent(product):
    """Return the readers whose copies left from this machine, as its recorders know."""
    records = flight_recorder.all_records(product.data / "locks")
    return {seq for record in records for seq, mark in record.rows() if mark == RowMark.SENT}


def test_two_machines_share_a_mailing_and_nobody_waits_for_a_confirmation(machines, smtp, slow):
    first, second = machines
    compose_issue_1(first, {f"reader{number}@example.org" for number in range(READERS)})
    first.start_beat()
    for one in machines:
        one.start_worker()
    for one in machines:
        wait_until((one.data / "locks" / "slot-0").exists, 60, what=one.log_tails)

    slow.hold_at(READERS - 100)  # so that it is not over, on a busy machine too, before the newcomer has signed up
    first.command("send_issue", "1", "--no-hold")
    wait_until(slow.received, 60, what=first.log_tails)
    first.shell(SIGN_UP)
    smtp.wait_for("newcomer@example.com")
    on_the_way = len(slow.received())
    slow.let_go()
    wait_until(
        lambda: len(slow.received()) == READERS, 240, what=lambda: first.log_tails() + second.log_tails(), every=0.5
    )

    assert on_the_way < READERS
    assert set(slow.copies().values()) == {1}
    shares = Counter({name: len(sent(one)) for name, one in [("first", first), ("second", second)]})
    assert min(shares.values()) > READERS // 4


# --- Machines with another environment ---


@pytest.fixture
def uneven(make_product, smtp, migrated_postgres_url, redis_url):
    """Three installations, of which one lacks MAIL_URL, and one SITE_URL and SECRET_KEY."""
    urls = {"database_url": migrated_postgres_url, "redis_url": redis_url}
    whole, mute, lost = (make_product(mail_url=url, **urls) for url in (smtp.url, "", smtp.url))
    for one in (whole, mute):
        one.env |= {"SITE_URL": whole.url, "SECRET_KEY": "machines" * 8}
    lost.env["SITE_URL"] = ""
    return whole, mute, lost


def test_a_machine_with_another_environment_sends_nothing_and_is_named_with_the_variable(uneven, smtp):
    whole, mute, lost = uneven
    readers = {f"reader{number}@example.org" for number in range(300)}
    compose_issue_1(whole, readers)
    speak_english(whole)
    whole.start_web()
    whole.start_beat()
    for one in uneven:
        one.start_worker()
    everywhere = [[str(one.data), "worker"] for one in uneven]
    logs = lambda: "".join(one.log_tails() for one in uneven)  # noqa: E731
    wait_until(lambda: all(one in whole.shell(PROGRAMS) for one in everywhere), 60, what=logs)

    whole.command("send_issue", "1", "--no-hold", "--wait")
    whole.shell(SIGN_UP)
    smtp.wait_for("newcomer@example.com")
    findings = json.loads(whole.command("doctor", "--json", check=False).stdout)
    pages = whole.shell(DESK % ["/admin/", "/admin/settings/machines/"])

    assert whole.status(1)["sent"] == len(readers)
    assert smtp.copies() == Counter([*readers, "newcomer@example.com"])
    assert {f"http://127.0.0.1:{whole.port}/" in copy.text for copy in smtp.received()} == {True}
    assert not (mute.data / "outbox").exists()
    named = {one["message"] for one in findings if one["id"] == "machines.differ"}
    messages = [(mute, "MAIL_URL"), (lost, "SECRET_KEY, SITE_URL")]
    for machine, variables in messages:
        assert any(f":{machine.data}: " in message and variables in message for message in named), named
        assert all(str(machine.data) in page and variables in page for page in pages.values())
        assert f"{machine.data} sends nothing" in machine.output("worker")
    assert len(named) == len(messages)

    serve_as("http://127.0.0.1:1", whole)
    wait_until(lambda: "worker died (exit status 0)" in whole.output("worker"), 60, what=whole.log_tails)
    serve_as(whole.url, whole)
    wait_until(lambda: "sends again" in whole.output("worker"), 60, what=whole.log_tails)


def serve_as(site_url, machine):
    """Restart the web server with another SITE_URL."""
    end(machine.running.pop("web"))
    machine.env["SITE_URL"] = site_url
    machine.serve_web()
