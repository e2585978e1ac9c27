"""`manage.py doctor`."""

import json

import pytest
from django.core.management import call_command
from django.utils import timezone, translation

from newsletter.operation import diagnosis, doctor_checks, hourly_check
from newsletter.operation.diagnosis import Finding

pytestmark = pytest.mark.django_db


@pytest.fixture
def findings(monkeypatch) -> list[Finding]:
    """What the doctor will find."""
    found: list[Finding] = []
    monkeypatch.setattr(diagnosis, "run_checks", lambda now: found)
    with translation.override("en"):
        yield found


def test_a_healthy_installation_is_told_so(findings, capsys):
    call_command("doctor")

    assert capsys.readouterr().out == "Nothing to mend.\n"


def test_a_warning_is_told_and_is_no_failure(findings, capsys):
    findings.append(Finding("warning", "mail.outbox", "Mail leaves only for the outbox.", "Set MAIL_URL."))

    call_command("doctor")

    assert capsys.readouterr().out == "warning  mail.outbox\n  Mail leaves only for the outbox.\n  Set MAIL_URL.\n"


def test_a_script_may_ask_for_a_failure_on_a_warning(findings):
    findings.append(Finding("warning", "mail.outbox", "Mail leaves only for the outbox.", "Set MAIL_URL."))

    with pytest.raises(SystemExit) as exit_:
        call_command("doctor", "--fail-on", "warning")

    assert exit_.value.code == 1


def test_a_secret_key_that_is_lost_for_good_is_forgotten_on_demand(findings, settings):
    hourly_check.check_and_mail(timezone.now())
    settings.SECRET_KEY = "another one"
    hourly_check.check_and_mail(timezone.now())
    assert [one.id for one in doctor_checks.changed_key_findings(timezone.now())] == ["secret.changed"]

    call_command("doctor", "--forget-keys")

    assert list(doctor_checks.changed_key_findings(timezone.now())) == []


def test_a_former_secret_key_that_is_still_known_is_no_matter(findings, settings):
    hourly_check.check_and_mail(timezone.now())
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"

    assert list(doctor_checks.changed_key_findings(timezone.now())) == []


def test_an_error_is_a_failure(findings):
    findings.append(Finding("error", "static.missing", "The style sheets are missing.", "Run collectstatic."))

    with pytest.raises(SystemExit) as exit_:
        call_command("doctor")

    assert exit_.value.code == 1


def test_machines_get_json(findings, capsys):
    findings.append(Finding("info", "secret.generated", "密鑰在這裡。", "備份它。"))

    call_command("doctor", "--json")

    assert json.loads(capsys.readouterr().out) == [
        {"level": "info", "id": "secret.generated", "message": "密鑰在這裡。", "hint": "備份它。"}
    ]
