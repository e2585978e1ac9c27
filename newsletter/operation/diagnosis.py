"""The doctor: a table of checks that yield findings."""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.delivery.models import Batch, Mailing
from newsletter.mail import reach
from newsletter.operation import backup_findings, doctor_checks, liveness, readiness, server_checks, site_visit
from newsletter.operation.accounts import author
from newsletter.operation.backup_findings import restore_findings
from newsletter.operation.findings import ERROR, INFO, WARNING, Check, Finding
from newsletter.operation.machine_findings import (
    clock_findings,
    differing_machine_findings,
    queue_clock_findings,
    version_findings,
)
from newsletter.operation.models import Trouble
from newsletter.operation.senders import dns_findings, sender_findings
from newsletter.operation.undelivered import (
    lost_mail_findings,
    mailbox_findings,
    provider_webhook_findings,
    refused_address_findings,
    result_letter_findings,
    waiting_mail_findings,
)
from newsletter.publication.heartbeats import Component, silent_seconds
from newsletter.publication.mail_server import UNREADABLE_URL, mail_url
from newsletter.publication.models import Publication

SILENT_SECONDS = 180  # a task may take a minute
CHECK_RAISED = "check."  # prefix of the id of a finding that a check raised; the rest is the name of the check
LATE_AFTER = timedelta(minutes=5)  # beat runs every few seconds: after this no worker is there

log = logging.getLogger(__name__)


def worker_findings(now: datetime) -> Iterator[Finding]:
    """Has any worker finished a task lately? Periodic tasks are always due."""
    if silent_seconds(Component.WORKER, allowed=SILENT_SECONDS, unknown_is_silent=True) and not readiness.queue_error():
        yield _no_worker()


def waiting_task_findings(now: datetime) -> Iterator[Finding]:
    """Old tasks in the embedded queue."""
    if not settings.REDIS_URL and any(map(_is_old, settings.QUEUE_DIR.glob("*.celery.msg"))):
        yield _no_worker()


def _is_old(task: Path) -> bool:
    try:
        return time.time() - task.stat().st_mtime > SILENT_SECONDS
    except FileNotFoundError:  # a worker was faster
        return False


def _no_worker() -> Finding:
    hint = _("Start manage.py up, or the worker as docs/deploy.md says.")
    return Finding(ERROR, "worker.silent", _("No worker answers: neither issues nor confirmations are sent."), hint)


def account_findings(now: datetime) -> Iterator[Finding]:
    if author.nobody_can_log_in():
        hint = _("Run manage.py author_link and open what it prints.")
        yield Finding(WARNING, "author.missing", _("Nobody can log in to the desk yet."), hint)


def site_url_findings(now: datetime) -> Iterator[Finding]:
    if urlsplit(settings.SITE_URL).scheme == "http":
        message = _("%s is not https: mail clients show no unsubscribe button, and passwords travel in the open.")
        hint = _("Put a proxy with TLS in front and set SITE_URL=https://…")
        yield Finding(WARNING, "site_url.http", message % settings.SITE_URL, hint)


def proxy_findings(now: datetime) -> Iterator[Finding]:
    if urlsplit(settings.SITE_URL).scheme == "https" and not settings.TRUSTED_PROXIES:
        message = _("%s is https, but no proxy is trusted: every page would redirect to itself.")
        hint = _("Set TRUSTED_PROXIES=1 if one proxy ends TLS in front of the web server.")
        yield Finding(WARNING, "proxies.untrusted", message % settings.SITE_URL, hint)


def debug_findings(now: datetime) -> Iterator[Finding]:
    if settings.DEBUG:
        message = _("DEBUG is on: error pages show the program's inside to everybody.")
        yield Finding(WARNING, "debug.on", message, _("Set DEBUG=0."))


def outbox_findings(now: datetime) -> Iterator[Finding]:
    if mail_url() == UNREADABLE_URL:
        message = _("The mail server of the desk cannot be read: the secret key is another one. No mail leaves.")
        hint = _("Enter it again on the desk, under settings, sender.")
        yield Finding(ERROR, "mail.unreadable", message, hint)
    elif not mail_url():
        hint = _("Enter a mail server on the desk, under settings, sender.")
        yield Finding(WARNING, "mail.outbox", _("Mail goes only to the outbox: no reader gets any."), hint)


def address_findings(now: datetime) -> Iterator[Finding]:
    if not reach.ends_in_outbox():
        yield from (Finding(ERROR, "site_url.missing", part.problem, part.step) for part in reach.missing_parts())


def postal_address_findings(now: datetime) -> Iterator[Finding]:
    if not Publication.objects.current().postal_address:
        hint = _("Fill it in at Settings, Sender: many countries ask for it at the foot of every issue.")
        yield Finding(WARNING, "postal_address.empty", _("The postal address is empty."), hint)


def data_place_findings(now: datetime) -> Iterator[Finding]:
    if not Publication.objects.current().data_place:
        hint = _("Fill it in under The newsletter: the law of many places asks in which region data is kept.")
        yield Finding(WARNING, "data_place.empty", _("The privacy notice does not say where data is kept."), hint)


def mailing_findings(now: datetime) -> Iterator[Finding]:
    for mailing in Mailing.objects.filter(state=Mailing.State.PAUSED).select_related("issue"):
        message = _("The mailing of %(issue)s is paused. %(reason)s")
        facts = {"issue": mailing.issue, "reason": mailing.why_paused}
        yield Finding(WARNING, "mailing.paused", (message % facts).strip(), _("Resume or cancel it."), mailing.pk)
    for mailing in Mailing.objects.due(now - LATE_AFTER).select_related("issue"):
        message = _("%s should be on its way, but no worker has taken it up.") % mailing.issue
        yield Finding(ERROR, "mailing.late", message, _("Start manage.py up, or the worker and beat."), mailing.pk)


def uncertain_delivery_findings(now: datetime) -> Iterator[Finding]:
    count = Batch.objects.aggregate(total=Sum("uncertain"))["total"] or 0
    if count:
        message = ngettext(
            "%d mail may or may not have arrived: the answer of the mail server was lost.",
            "%d mails may or may not have arrived: the answer of the mail server was lost.",
            count,
        )
        hint = _(
            "They are never sent again by themselves. Decide on the page of the mailing: count as sent, or send again."
        )
        yield Finding(WARNING, "mailing.uncertain", message % count, hint)


def last_check_findings(now: datetime) -> Iterator[Finding]:
    """Errors that the last hourly check found, of checks too slow for a page."""
    for trouble in Trouble.objects.filter(level=ERROR):
        if trouble.finding.startswith(SLOW_FINDING_PREFIXES):
            yield trouble.as_finding()


SLOW_FINDING_PREFIXES = (
    *("mail.away", "mail.login", "mail.unsupported", "mail.certificate", "dkim.", "spf.", "dmarc.", "secret."),
    *("media.", "locks.", "outbox.", "backups.", "data_dir.", "static.", "site."),
)

FOUNDATION_CHECKS: tuple[Check, ...] = (
    doctor_checks.disk_findings,
    readiness.database_findings,
    readiness.queue_findings,
)  # prerequisites of all others
# Ids of foundation findings after which the other checks are not run.
BLOCKING_IDS = frozenset(
    {
        *("data_dir.read_only", "data_dir.full", "queue.unreachable"),
        *("database.unreachable", "database.migrations"),
    }
)
ALL_CHECKS: tuple[Check, ...] = (
    *(doctor_checks.folder_findings, doctor_checks.picture_bucket_findings),
    *(differing_machine_findings, version_findings, clock_findings, queue_clock_findings),
    *(doctor_checks.static_file_findings, worker_findings, liveness.silence_findings, account_findings),
    *(site_url_findings, proxy_findings, site_visit.visit_findings),
    *(doctor_checks.generated_key_findings, doctor_checks.changed_key_findings),
    *(debug_findings, outbox_findings, address_findings, doctor_checks.smtp_login_findings, sender_findings),
    *(dns_findings, postal_address_findings, data_place_findings, mailing_findings),
    *(liveness.stalled_mailing_findings, uncertain_delivery_findings, restore_findings),
    *(backup_findings.nightly_backup_findings, backup_findings.place_findings, backup_findings.no_backup_findings),
    *(refused_address_findings, mailbox_findings, provider_webhook_findings, doctor_checks.hook_findings),
    *(waiting_mail_findings, lost_mail_findings, result_letter_findings),
    *(server_checks.dump_program_findings, server_checks.scratch_database_findings, server_checks.eviction_findings),
)
# Cheap checks. MAILING_CHECKS: an editor can fix the findings; DESK_CHECKS: only an author can fix all.
MAILING_CHECKS: tuple[Check, ...] = (
    *(restore_findings, differing_machine_findings, waiting_task_findings),
    *(liveness.silence_findings, mailing_findings),
    *(liveness.stalled_mailing_findings, uncertain_delivery_findings, refused_address_findings),
)
DESK_CHECKS: tuple[Check, ...] = (
    *MAILING_CHECKS,
    *(backup_findings.nightly_backup_findings, mailbox_findings, waiting_mail_findings, lost_mail_findings),
    *(result_letter_findings, outbox_findings, sender_findings, postal_address_findings, data_place_findings),
    *(address_findings, doctor_checks.hook_findings, last_check_findings),
)


def run_checks(now: datetime) -> list[Finding]:
    """All findings, most severe first. Takes seconds if a service does not answer."""
    findings = _run_isolated(FOUNDATION_CHECKS, now)
    findings += _run_isolated(ALL_CHECKS, now) if _can_go_on(findings) else []
    return sorted(findings, key=lambda finding: [ERROR, WARNING, INFO].index(finding.level))


def are_complete(findings: Sequence[Finding]) -> bool:
    """Did all checks run to their end? Otherwise a missing finding does not mean that all is well."""
    return _can_go_on(findings) and not any(finding.id.startswith(CHECK_RAISED) for finding in findings)


def _can_go_on(findings: Sequence[Finding]) -> bool:
    return BLOCKING_IDS.isdisjoint(finding.id for finding in findings)


def _run_isolated(checks: tuple[Check, ...], now: datetime) -> list[Finding]:
    """The findings of each check; one that raises, as a wrong setting makes it, is a finding itself."""
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check(now)
        except Exception as error:
            log.exception("a check of the doctor failed")
            findings.append(_raised(check, error))
    return findings


def _raised(check: Check, error: Exception) -> Finding:
    name = check.__name__.removesuffix("_findings")
    message = _("The check “%(name)s” could not be made: %(why)s.")
    facts = {"name": name, "why": f"{type(error).__name__}: {error}".rstrip(".")}
    hint = _("Look at the setting that it is about. If all are right, report this as a fault, with what the log says.")
    return Finding(ERROR, CHECK_RAISED + name, message % facts, hint)


def author_findings(now: datetime) -> list[Finding]:
    """For the desk's first page; cheap."""
    return _run_checks(DESK_CHECKS, now)


def editor_findings(now: datetime) -> list[Finding]:
    """Those that an editor can fix."""
    return _run_checks(MAILING_CHECKS, now)


def _run_checks(checks: tuple[Check, ...], now: datetime) -> list[Finding]:
    return [finding for check in checks for finding in check(now)]
