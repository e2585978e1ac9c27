"""A problem is reported once, and its end once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from newsletter.background.models import RunningProgram
from newsletter.operation import diagnosis, hourly_check, tasks
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.models import Look, Trouble
from tests.factories import make_publication

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

SPF = Finding(WARNING, "spf.missing", "There is no SPF record.", "Add one.")
QUEUE = Finding(ERROR, "queue.unreachable", "The queue cannot be used.", "Look at REDIS_URL.")
STYLES = Finding(ERROR, "static.missing", "The style sheets have not been collected.", "Collect them.")


@pytest.fixture(autouse=True)
def _author():
    make_publication(language="en")
    User.objects.create_superuser("gipi", email="gipi@example.org", password="leverage-2026-x")


@pytest.fixture
def examined(monkeypatch):
    """Run the check once per list of findings, an hour apart; return the reports."""

    def examined(*looks):
        told = []
        for number, found in enumerate(looks):
            monkeypatch.setattr(diagnosis, "run_checks", lambda now, found=found: list(found))
            news = hourly_check.check_and_mail(NOW + number * HOUR)
            told.append(([one.id for one in news.wrong], list(news.well)))
        return told

    return examined


NOTHING = ([], [])


def test_what_was_so_from_the_beginning_is_no_news(examined, mailoutbox):
    assert examined([SPF], [SPF], [SPF]) == [NOTHING] * 3
    assert not mailoutbox


def test_an_error_is_told_at_once_even_at_the_first_look_and_only_then(examined, mailoutbox):
    assert examined([STYLES], [STYLES], [STYLES]) == [(["static.missing"], []), NOTHING, NOTHING]
    assert len(mailoutbox) == 1


def test_a_warning_is_told_when_it_stays(examined, mailoutbox):
    assert examined([], [SPF], [SPF], [SPF]) == [NOTHING, NOTHING, (["spf.missing"], []), NOTHING]
    (sent,) = mailoutbox
    assert sent.to == ["gipi@example.org"]
    assert sent.subject == "Gipi電子報 needs attention"
    assert SPF.message in sent.body
    assert SPF.hint in sent.body


def test_a_name_server_that_did_not_answer_once_is_no_news(examined):
    assert examined([], [SPF], [], [SPF], []) == [NOTHING] * 5


def test_what_is_wrong_on_one_machine_is_well_again_by_its_own_word(examined, monkeypatch, mailoutbox):
    def at(machine, *found):
        monkeypatch.setattr(hourly_check, "_this_machine", lambda: machine)
        return examined(found)[0]

    RunningProgram.objects.create(
        machine="1", program="worker", host="web-1", fingerprints={}, beat_at=NOW, clock_ahead=timedelta()
    )
    assert at("web-1", STYLES) == (["static.missing"], [])
    assert [at("web-2"), at("web-1", STYLES), at("web-2"), at("web-1", STYLES)] == [NOTHING] * 4
    assert len(mailoutbox) == 1

    assert at("web-1") == ([], [f"web-1: {STYLES.message}"])


def test_what_is_wrong_on_a_machine_that_has_gone_is_over(examined, monkeypatch):
    for machine, found, told in (("web-1", [STYLES], ["static.missing"]), ("web-2", [], [])):
        monkeypatch.setattr(hourly_check, "_this_machine", lambda machine=machine: machine)
        assert examined(found)[0][0] == told

    assert not Trouble.objects.exists()


def test_a_fault_of_the_network_is_told_when_it_stays(examined):
    away = Finding(ERROR, "site.failing", "It answers with 502.", "Look.")

    assert examined([], [away], [], [away], [away]) == [*[NOTHING] * 4, (["site.failing"], [])]


def test_what_was_told_is_told_to_be_well_again_once(examined, mailoutbox):
    assert examined([STYLES], [], []) == [(["static.missing"], []), ([], [STYLES.message]), NOTHING]
    assert mailoutbox[-1].subject == "Gipi電子報: all is well again"
    assert STYLES.message in mailoutbox[-1].body


def test_what_was_never_told_is_not_told_to_be_well(examined):
    assert examined([SPF], [SPF], []) == [NOTHING] * 3


def test_what_comes_back_is_told_anew(examined):
    assert [bool(wrong) for wrong, _well in examined([STYLES], [], [STYLES])] == [True, False, True]


def test_two_changes_are_one_mail(examined, mailoutbox):
    examined([], [STYLES, SPF], [SPF])

    assert len(mailoutbox) == 2
    assert all(words in mailoutbox[1].body for words in (SPF.message, STYLES.message))


def test_what_was_not_asked_for_is_not_well_again(examined):
    """Without a queue the doctor asks for nothing else."""
    assert examined([], [STYLES], [QUEUE], [STYLES])[2:] == [(["queue.unreachable"], []), ([], [QUEUE.message])]


def test_all_that_ends_the_questions_is_known(settings, tmp_path):
    settings.QUEUE_DIR = tmp_path / "gone" / "queue"

    found = {finding.id for finding in diagnosis.run_checks(NOW) if finding.level == ERROR}

    assert found <= diagnosis.BLOCKING_IDS


@pytest.mark.parametrize(
    "finding",
    [
        Finding(INFO, "secret.generated", "The secret key is kept.", "Back it up."),
        Finding(ERROR, "mailing.late", "Issue 42 should be on its way.", "Start it.", 7),
        Finding(ERROR, "clock.silent", "The clock starts no tasks.", "Start it."),
        Finding(ERROR, "backup.failed", "Last night's backup was not made.", "Look."),
    ],
)
def test_what_has_a_mail_of_its_own_or_needs_nobody_is_not_told(examined, finding):
    assert examined([], [finding], [finding], []) == [NOTHING] * 4


def test_the_same_finding_about_two_things_is_two(examined):
    one, two = (Finding(ERROR, "returns.unread", f"Box {number}.", "Look.", number) for number in (1, 2))

    assert examined([one], [one, two], [two])[1:] == [(["returns.unread"], []), ([], ["Box 1."])]


def refuse(self, messages):
    raise ConnectionRefusedError("no")


def test_the_same_finding_about_two_domains_is_one_trouble(examined, mailoutbox):
    examined([STYLES, replace(STYLES, message="Nor have the scripts.")])

    assert [trouble.name for trouble in Trouble.objects.all()] == ["static.missing"]
    assert f"{STYLES.message} Nor have the scripts." in mailoutbox[0].body


def test_a_mail_that_cannot_be_sent_is_tried_at_the_next_look(examined, monkeypatch, mailoutbox, caplog):
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        assert examined([STYLES, SPF]) == [NOTHING]
    assert caplog.messages[-1] == "the mail about what has changed could not be sent: no"
    assert Trouble.objects.get(name="static.missing").told_at is None

    assert examined([STYLES, SPF], [STYLES, SPF]) == [(["static.missing"], []), NOTHING]
    assert len(mailoutbox) == 1


def test_that_it_is_well_again_is_told_once_the_mail_server_is_back(examined, monkeypatch, mailoutbox):
    examined([STYLES])
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        assert examined([], []) == [NOTHING] * 2

    assert examined([], []) == [([], [STYLES.message]), NOTHING]
    assert not Trouble.objects.exists()


def test_the_log_has_one_line_for_the_beginning_and_one_for_the_end(examined, caplog):
    examined([STYLES], [STYLES, SPF], [STYLES, SPF], [SPF], [])

    assert caplog.messages == [
        f"trouble static.missing: {STYLES.message} {STYLES.hint}",
        f"trouble spf.missing: {SPF.message} {SPF.hint}",
        "well again: static.missing",
        "well again: spf.missing",
    ]


def test_without_anybody_to_tell_it_is_remembered_and_nothing_is_sent(examined, mailoutbox):
    User.objects.all().delete()

    assert examined([STYLES], [])[1] == ([], [STYLES.message])
    assert not mailoutbox


# --- When ---


def test_it_is_due_once_an_hour():
    assert Look.is_due(NOW)
    Look.note(NOW)

    assert not Look.is_due(NOW + HOUR - timedelta(seconds=1))
    assert Look.is_due(NOW + HOUR)
    assert Look.is_due(NOW - timedelta(days=3)), "the clock was ahead"


def test_the_task_starts_one_look_in_a_process_of_its_own(monkeypatch):
    started = []

    class Begun:
        def __init__(self, words, **options):
            started.append(words[-2:])

        def poll(self):
            return None

    monkeypatch.setattr(tasks, "_processes", {})
    monkeypatch.setattr(tasks.subprocess, "Popen", Begun)

    tasks.examine()
    tasks.examine()

    assert started == [["doctor", "--mail"]]


def test_the_command_says_how_much_is_new(monkeypatch):
    monkeypatch.setattr(diagnosis, "run_checks", lambda now: [STYLES])
    out = StringIO()

    call_command("doctor", "--mail", stdout=out)

    assert out.getvalue() == "1 new, 0 well again.\n"
