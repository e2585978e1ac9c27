"""While mail ends in the outbox an issue is tried, not sent."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from newsletter.delivery import tasks, trials
from newsletter.delivery.author import alerts
from newsletter.delivery.models import Alert, Delivery, Mailing, Trial
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import PlanningError
from newsletter.issues.models import Issue
from newsletter.mail import outbox
from newsletter.mail.mailers import mailer_from_url
from tests.delivery.conftest import NOW, Provider, begin_mailing
from tests.factories import make_issue, make_subscriber

NOBODY = "This would reach nobody yet. All mail ends in the outbox of this site."


@pytest.fixture
def box(settings, tmp_path):
    """The folder of the outbox, in which all mail ends."""
    settings.OUTBOX_DIR = tmp_path / "outbox"
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=settings.OUTBOX_DIR)}
    return settings.OUTBOX_DIR


@pytest.fixture
def readers(db):
    return [make_subscriber(f"{name}@example.org") for name in "abc"]


def recipients(box):
    return sorted(outbox.read_summary(box, name).to for name in outbox.mail_names(box))


def send_issue(*words):
    out = StringIO()
    call_command("send_issue", *words, stdout=out, stderr=StringIO())
    return out.getvalue().splitlines()


def status(number):
    out = StringIO()
    call_command("mailing_status", str(number), "--json", stdout=out)
    return json.loads(out.getvalue())


# --- Nothing is sent ---


def test_without_a_mail_server_an_issue_cannot_be_approved(issue, readers, box):
    with pytest.raises(PlanningError, match=NOBODY):
        approving.approve(issue, send_at=NOW + timedelta(days=3), now=NOW, hold=timedelta())

    assert not Mailing.objects.exists()


def test_send_issue_makes_a_trial_and_says_so(issue, readers, box):
    number, said, *_progress, last = send_issue("7", "--wait")

    assert number == "7"
    assert said.startswith(f"A trial, nothing is sent: issue 7 goes to the outbox. {NOBODY}")
    assert last == "trial: 3 of 3 letters in the outbox"
    assert recipients(box) == ["a@example.org", "b@example.org", "c@example.org"]


def test_a_trial_marks_nobody_and_the_issue_is_sent_to_everybody_later(issue, readers, box, settings, run):
    send_issue("7")
    assert (status(7)["status"], status(7)["total"]) == ("none", 0)
    assert not Delivery.objects.exists()
    assert list(Issue.objects.unsent()) == [issue]
    courier = Provider()

    settings.MAILERS = settings.MAILERS | {"bulk": settings.MAILERS["default"]}
    run(begin_mailing(issue, ""), courier)

    assert sorted(courier.accepted) == ["a@example.org", "b@example.org", "c@example.org"]
    assert not Trial.objects.exists()  # the issue itself has taken its place
    assert recipients(box) == []


def test_a_trial_of_an_issue_that_could_not_be_sent_says_why(publication, box):
    make_issue(number=3)

    with pytest.raises(CommandError, match=r"^Issue 3 has no posts yet\.$"):
        send_issue("3")


# --- Its letters ---


def test_a_trial_that_was_interrupted_goes_on_and_writes_each_letter_once(issue, readers, box, monkeypatch):
    monkeypatch.setattr(trials, "LETTERS_PER_STEP", 1)
    trial = trials.begin(issue, NOW)
    next(trials.write(trial, NOW))
    Trial.objects.update(written=0, last_reader=0)  # a crash before its progress was stored

    tasks.take_steps(NOW)

    trial.refresh_from_db()
    assert (trial.written, trial.total, trial.finished_at) == (3, 3, NOW)
    assert recipients(box) == ["a@example.org", "b@example.org", "c@example.org"]


def test_two_writers_of_a_trial_end_with_all_letters(issue, readers, box, monkeypatch):
    monkeypatch.setattr(trials, "LETTERS_PER_STEP", 1)
    trial = trials.begin(issue, NOW)
    first = trials.write(trial, NOW)
    next(first)

    tasks.take_steps(NOW)
    list(first)

    assert (trial.written, trial.total) == (3, 3)
    assert len(recipients(box)) == 3


def test_a_trial_on_a_full_disk_waits_and_loses_no_letter(issue, readers, box):
    trials.begin(issue, NOW)
    box.write_text("not a folder")
    tasks.take_steps(NOW)
    box.unlink()

    tasks.take_steps(NOW)

    assert len(recipients(box)) == 3


def test_a_trial_that_is_thrown_away_while_it_is_written_leaves_no_letter(issue, readers, box, monkeypatch):
    monkeypatch.setattr(trials, "LETTERS_PER_STEP", 1)
    trial = trials.begin(issue, NOW)
    writer = trials.write(trial, NOW)
    next(writer)

    assert Trial.objects.throw_away(issue)
    assert list(writer) == []

    assert recipients(box) == []
    assert not list((box / ".claims").iterdir())


def test_a_trial_under_way_sends_nothing_once_a_mail_server_is_set(issue, readers, box, settings, mailoutbox):
    trials.begin(issue, NOW)
    settings.MAILERS = settings.MAILERS | {"bulk": settings.MAILERS["default"]}

    tasks.take_steps(NOW)

    assert mailoutbox == []
    with pytest.raises(PlanningError, match="There is a mail server now"):
        trials.begin(issue, NOW)


# --- Mailings of a time with a mail server ---


def test_an_issue_that_is_due_when_mail_ends_in_the_outbox_waits_with_the_reason(issue, readers, request):
    mailing = begin_mailing(issue, "", planned=False)
    request.getfixturevalue("box")

    assert beginning.begin_due(NOW) == []

    mailing.refresh_from_db()
    assert (mailing.state, mailing.paused_by) == (Mailing.State.PAUSED, Mailing.Cause.NOBODY)
    assert mailing.why_paused.startswith(NOBODY)
    assert not mailing.resume(NOW, timedelta())
    assert list(Issue.objects.unsent()) == [issue]


def test_the_author_is_mailed_why_an_issue_waits_and_no_mail_server_is_blamed(issue, readers, request):
    begin_mailing(issue, "", planned=False)
    request.getfixturevalue("box")
    beginning.begin_due(NOW)

    alerts.record_alerts(NOW)
    text = " ".join(alerts.build_alert_mail(Alert.objects.get(), ["author@example.org"]).body.split())

    assert "was stopped, because it would reach nobody." in text
    assert NOBODY in text
    assert "The mail server said" not in text
