"""The hourly check: mails what has become wrong since the last one, and what is well again.

`manage.py doctor --mail` runs it, started hourly by a task. An error is reported at the first check that finds it, a
warning or a fault of the network at the second, because it may be temporary. What the very first check finds is how the
newsletter was set up, and not reported. Findings with an immediate mail of their own are left out. The log gets one
line when a problem begins and one when it ends; /metrics shows current ones.
"""

import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.core import mail
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.background.models import RunningProgram
from newsletter.delivery.author.alerts import recipient_addresses
from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail
from newsletter.operation import diagnosis, doctor_checks
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.liveness import build_author_mail
from newsletter.operation.models import NAME_MAX, Look, Trouble
from newsletter.publication.models import Publication

PASSING = ("site.", "check.")  # a fault of the network or of a check may have gone at the next look
# Mailed by alerts, report_silence and the backup itself.
MAILED_AT_ONCE = ("mailing.", "dispatcher.", "confirmations.", "clock.silent", "worker.", "backup.failed")
log = logging.getLogger(__name__)
LOG_LEVELS = {ERROR: logging.ERROR, WARNING: logging.WARNING}


@dataclass(frozen=True)
class HealthChanges:
    wrong: Sequence[Finding]
    well: Sequence[str]  # the former message

    def __bool__(self) -> bool:
        return bool(self.wrong or self.well)


def check_and_mail(now: datetime) -> HealthChanges:
    """Run all checks, store the problems, and mail changes; a failed mail is retried by the next check."""
    publication = Publication.objects.current()
    with translation.override(publication.language):
        found = [one for one in diagnosis.run_checks(now) if one.level != INFO]
    with transaction.atomic():
        is_first = Look.note(now)
        doctor_checks.remember_keys()
        _update_problems(found, now, is_first=is_first)
    try:
        with transaction.atomic():
            return _mail_changes(now)
    except mailer_errors() as error:
        log.warning("the mail about what has changed could not be sent: %s", error)
        return HealthChanges([], [])


def _update_problems(found: Sequence[Finding], now: datetime, *, is_first: bool) -> None:
    """Update stored problems and the log. A solved one stays, without level, until that was mailed."""
    known = {trouble.name: trouble for trouble in Trouble.objects.all() if _is_judged_here(trouble)}
    for name, finding in _by_name(found).items():
        trouble = known.pop(name, None) or Trouble(name=name, since=now)
        if not trouble.level:
            log.log(LOG_LEVELS[finding.level], "trouble %s: %s %s", name, finding.message, finding.hint)
        trouble.level, trouble.message, trouble.hint = finding.level, finding.message, finding.hint
        trouble.looks += 1
        if trouble.told_at is None and is_first and finding.level != ERROR:
            trouble.told_at = now  # not reported: initial setup
        trouble.save()
    if diagnosis.are_complete(found):
        for trouble in filter(lambda one: one.level, known.values()):
            log.warning("well again: %s", trouble.name)
            if trouble.by_mail:
                trouble.level = ""
                trouble.save()
            else:
                trouble.delete()


# Of a machine's own disk, programs and network: another machine neither finds them nor says that they are over.
OF_ONE_MACHINE = (
    *("data_dir.", "locks.", "media.", "outbox.", "backups.", "static.", "site."),
    *("backup.pg_dump", "clock.redis", "mail.away"),
)


def _this_machine() -> str:
    return "" if connection.vendor == "sqlite" else socket.gethostname()


def _is_judged_here(trouble: Trouble) -> bool:
    """Also one of a machine that does not report any more."""
    if trouble.machine in {"", _this_machine()}:
        return True
    return not RunningProgram.objects.filter(host=trouble.machine).exists()


def _by_name(found: Sequence[Finding]) -> dict[str, Finding]:
    """One finding per problem: two domains may lack the same record."""
    named: dict[str, Finding] = {}
    for finding in found:
        name, message = _identity(finding)
        before = named.get(name)
        named[name] = replace(finding, message=f"{before.message} {message}" if before else message)
    return named


def _identity(finding: Finding) -> tuple[str, str]:
    """Name of its trouble, and message; both with the machine, if it is one's own."""
    name = f"{finding.id}:{finding.about}" if finding.about else finding.id
    machine = _this_machine() if finding.id.startswith(OF_ONE_MACHINE) else ""
    return (f"{name}@{machine}"[:NAME_MAX], f"{machine}: {finding.message}") if machine else (name, finding.message)


def _mail_changes(now: datetime) -> HealthChanges:
    """Mail changes and mark them as reported. Raises the mail server's errors."""
    wrong, well = [], []
    for trouble in Trouble.objects.all():
        if not trouble.level:
            well.append(trouble.message)
            trouble.delete()
        elif trouble.told_at is None and trouble.looks >= _looks_before_report(trouble):
            trouble.told_at, trouble.by_mail = now, not trouble.finding.startswith(MAILED_AT_ONCE)
            trouble.save()
            if trouble.by_mail:
                wrong.append(trouble.as_finding())
    changes = HealthChanges(wrong, well)
    addresses = recipient_addresses()
    if changes and addresses:
        mail.mailers["default"].send_messages([build_health_mail(changes, addresses, now)])
    return changes


def _looks_before_report(trouble: Trouble) -> int:
    return 1 if trouble.level == ERROR and not trouble.name.startswith(PASSING) else 2


def build_health_mail(changes: HealthChanges, addresses: list[str], now: datetime) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language):
        words = _("%s needs attention") if changes.wrong else _("%s: all is well again")
        return build_author_mail("troubles", words % publication.name, {"news": changes}, addresses, now)
