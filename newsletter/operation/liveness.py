"""Silent components: findings of the doctor, readiness, and the mail to the author."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import mail
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.delivery.author.alerts import recipient_addresses
from newsletter.delivery.ledger import recovery
from newsletter.mail import letters
from newsletter.mail.message import Mail, build_automatic_mail
from newsletter.operation.findings import ERROR, Finding
from newsletter.publication.heartbeats import ALWAYS_BEATING, Component, silent_seconds
from newsletter.publication.models import Publication

ALARM_SECONDS = 300.0  # until the author gets a mail
SILENCE_EFFECTS = {
    Component.DISPATCHER: gettext_lazy("Mailings are neither begun nor looked after"),
    Component.CONFIRMATIONS: gettext_lazy("No confirmations are sent"),
    Component.CLOCK: gettext_lazy("The clock starts no tasks"),
}


def component_readiness() -> dict[str, str]:
    """ "ok", or how long it has been silent, for each component that must beat even without work."""
    ages = {part.value: silent_seconds(part) for part in ALWAYS_BEATING}
    return {name: f"silent for {seconds:.0f} s" if seconds else "ok" for name, seconds in ages.items()}


def silence_findings(now: datetime) -> Iterator[Finding]:
    for part in ALWAYS_BEATING:
        if seconds := silent_seconds(part):
            since = timezone.localtime(now - timedelta(seconds=seconds), Publication.objects.current().zone)
            facts = {"what": SILENCE_EFFECTS[part], "since": f"{since:%Y-%m-%d %H:%M:%S}"}
            hint = _("manage.py up starts the part again by itself. Without it, start the worker and beat again.")
            yield Finding(ERROR, f"{part}.silent", _("%(what)s, since %(since)s.") % facts, hint)


def stalled_mailing_findings(now: datetime) -> Iterator[Finding]:
    if silent_seconds(Component.LANES, allowed=recovery.STALLED_AFTER.total_seconds(), unknown_is_silent=True) == 0:
        return
    for mailing in recovery.stalled_mailings(now).select_related("issue"):
        text = _("The mailing of %s has made no progress for 90 seconds, though it could.") % mailing.issue
        hint = _("Start manage.py up or the worker again: nothing is sent twice. Its log may say why.")
        yield Finding(ERROR, "mailing.stands_still", text, hint, mailing.pk)


def is_alarm_due() -> bool:
    return any(silent_seconds(part) >= ALARM_SECONDS for part in ALWAYS_BEATING)


def mail_author(now: datetime) -> int:
    """Mail silent components to those who may send issues; return the number of addresses."""
    addresses = recipient_addresses()
    with translation.override(Publication.objects.current().language):
        findings = list(silence_findings(now))
    if not (addresses and findings):
        return 0
    mail.mailers["default"].send_messages([build_silence_mail(findings, addresses, now)])
    return len(addresses)


def build_silence_mail(findings: Sequence[Finding], addresses: list[str], now: datetime) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language):
        subject = _("%s does not work as it should") % publication.name
        return build_author_mail("silence", subject, {"findings": findings}, addresses, now)


def build_author_mail(name: str, subject: str, context: dict[str, Any], addresses: list[str], now: datetime) -> Mail:
    """In the active language. name: of the template, and in the Message-ID."""
    publication = Publication.objects.current()
    context |= {"publication": publication, "url": settings.SITE_URL + reverse("admin:index")}
    letter = letters.render(name, subject, context, base_url=settings.SITE_URL)
    return build_automatic_mail(letter, name, int(now.timestamp()), sender=publication.sender, addresses=addresses)
