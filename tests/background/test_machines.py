"""Programs report themselves, and one whose environment is not the web server's sends nothing."""

from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db.models import F

from newsletter.background import machines
from newsletter.background.models import KEPT_FOR, RunningProgram

pytestmark = pytest.mark.django_db
MAIL = "smtp://user:secret@mail.example.org:587"
GONE = timedelta(minutes=5)  # longer than a program counts as running


@pytest.fixture(autouse=True)
def _here(settings, tmp_path):
    settings.LOCK_DIR, settings.DATA_DIR = tmp_path / "locks", tmp_path
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "key-of-all-machines", []
    settings.SITE_URL, settings.MAIL_URL, settings.BULK_MAIL_URL = "https://news.example.org", MAIL, MAIL


def report_web(machine: str = "", **ago):
    """Have a web server report itself, as it is set up now; with `machine` another one than this."""
    machines.report(machines.WEB)
    row = RunningProgram.objects.filter(machine=machines.machine_id())
    if machine or ago:
        row.update(machine=machine or machines.machine_id(), beat_at=F("beat_at") - timedelta(**ago))


def may_send() -> bool:
    """The answer of a process that has not asked before."""
    caches["pages"].delete("machines:differing")
    return machines.may_send()


def test_before_any_web_server_has_reported_a_worker_sends():
    assert may_send()


def test_the_database_has_no_value_and_each_program_of_a_machine_once():
    for _time in range(2):
        for program in ("web", "worker"):
            machines.report(program)

    assert sorted(RunningProgram.objects.values_list("program", flat=True)) == ["web", "worker"]
    row = RunningProgram.objects.shown().first()
    assert row.is_alive
    assert abs(row.clock_ahead) < timedelta(seconds=5)
    assert all(value not in str(row.fingerprints) for value in ("key-of-all", "news.example.org", "secret", "mail."))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"SITE_URL": "http://127.0.0.1:8000"}, "SITE_URL"),
        ({"SECRET_KEY": "another"}, "SECRET_KEY"),
        ({"SECRET_KEY": "another", "SITE_URL": "http://127.0.0.1:8000"}, "SECRET_KEY, SITE_URL"),
        ({"SECRET_KEY": "another", "MAIL_URL": "", "BULK_MAIL_URL": ""}, "SECRET_KEY, MAIL_URL"),
        ({"MAIL_URL": "", "BULK_MAIL_URL": ""}, "MAIL_URL"),
        ({"BULK_MAIL_URL": "smtp://other.example.org"}, "BULK_MAIL_URL"),
        ({"MAIL_URL": MAIL.replace("secret", "other"), "BULK_MAIL_URL": MAIL.replace("secret", "other")}, "MAIL_URL"),
    ],
)
def test_a_worker_with_another_environment_sends_nothing_and_the_log_names_variable_and_machine(
    settings, caplog, tmp_path, changes, names
):
    report_web(machine="the-web")
    for name, value in changes.items():
        setattr(settings, name, value)

    assert not may_send()
    assert not may_send()

    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith(f":{tmp_path} sends nothing: not as on the web server: {names}")


@pytest.mark.parametrize(
    "changes",
    [
        {"MAIL_URL": f"{MAIL}?rate=5", "BULK_MAIL_URL": f"{MAIL}?rate=5"},
        {"BULK_MAIL_URL": f"{MAIL}?lines=2", "MAIL_URL": MAIL},
        {"SECRET_KEY_FALLBACKS": ["of-before"]},
    ],
)
def test_what_leads_to_the_same_place_is_no_difference(settings, changes):
    settings.BULK_MAIL_URL = MAIL + "?rate=9" if "lines" in str(changes) else MAIL
    report_web(machine="the-web")
    for name, value in changes.items():
        setattr(settings, name, value)

    assert may_send()


def test_while_keys_are_rotated_a_worker_with_the_former_one_goes_on_and_one_ahead_of_the_web_server_waits(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["former"]
    report_web(machine="the-web")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "former", []
    assert may_send()

    report_web(machine="the-web-of-before")
    RunningProgram.objects.exclude(machine="the-web-of-before").delete()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["former"]
    assert not may_send()


def test_a_restart_of_the_web_server_with_another_address_stops_the_workers_until_they_have_it(settings, caplog):
    report_web()
    assert may_send()
    settings.SITE_URL = "https://letters.example.org"
    report_web()
    settings.SITE_URL = "https://news.example.org"
    assert not may_send()
    settings.SITE_URL = "https://letters.example.org"

    assert may_send()
    assert caplog.messages[-1].endswith("sends again: it agrees with the web server")


def test_while_two_web_servers_differ_nobody_sends_and_one_that_is_gone_does_not_count(settings):
    report_web(machine="first")
    settings.SITE_URL = "https://letters.example.org"
    report_web(machine="second")
    assert not may_send()
    assert [state.differing for state in machines.program_states()] == [("SITE_URL",)] * 2

    RunningProgram.objects.filter(machine="first").update(beat_at=F("beat_at") - GONE)

    assert may_send()


def test_without_a_web_server_that_runs_the_last_one_is_the_measure(settings):
    report_web(machine="older", days=1)
    settings.SITE_URL = "https://letters.example.org"
    report_web(machine="last", minutes=5)

    assert may_send()
    settings.SITE_URL = "https://news.example.org"
    assert not may_send()


def test_a_machine_that_is_gone_for_days_is_forgotten():
    report_web(machine="old", seconds=KEPT_FOR.total_seconds() + 1)

    assert machines.program_states() == []
    RunningProgram.objects.forget_old()
    assert not RunningProgram.objects.exists()


def test_a_version_that_knows_other_variables_is_compared_by_those_that_both_know(settings):
    report_web(machine="the-web")
    row = RunningProgram.objects.get()
    row.fingerprints = {"SITE_URL": row.fingerprints["SITE_URL"], "LATER": ["x"]}
    row.save(update_fields=["fingerprints"])
    settings.SECRET_KEY = "another"

    assert may_send()


def test_asking_often_costs_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert [machines.may_send() for _time in range(10)] == [True] * 10
