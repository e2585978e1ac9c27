"""DNS records of the sender's domain, and a test mail to oneself."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from newsletter.delivery.provider.outcomes import ProviderRejection, ProviderUnavailable, SendOutcome, SendStatus
from newsletter.delivery.provider.transports import transport_for
from newsletter.mail import dkim_signing, letters, outbox
from newsletter.mail.email_authentication import Resolver
from newsletter.mail.mailers import provider_host
from newsletter.mail.message import Mail, build_automatic_mail
from newsletter.operation import senders
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.senders import DnsRecord
from newsletter.publication.models import Publication

OUTCOME_MESSAGES = {
    SendStatus.SENT: (
        messages.SUCCESS,
        gettext_lazy("%(way)s has taken the mail to %(address)s. It answered: %(answer)s"),
    ),
    SendStatus.FAILED: (messages.ERROR, gettext_lazy("%(way)s refused the mail to %(address)s: %(answer)s")),
    SendStatus.DEFERRED: (messages.WARNING, gettext_lazy("%(way)s does not take it now: %(answer)s")),
    SendStatus.UNCERTAIN: (
        messages.WARNING,
        gettext_lazy("%(way)s was handed the mail, but no answer came back. It may or may not arrive. %(answer)s"),
    ),
}


def send_by(entry: Mapping[str, Any], mail: Mail) -> tuple[int, str]:
    """Send one mail; return level and text of a message about the outcome. entry: of a mailer, as in MAILERS."""
    facts = {"address": mail.to[0], "way": provider_host(entry)}
    try:
        outcome = _sent(mail, entry)
    except (ProviderUnavailable, ProviderRejection) as problem:
        text = _("%(way)s does not take it, nothing was sent: %(answer)s")
        return messages.ERROR, text % (facts | {"answer": str(problem)})
    if entry["BACKEND"] == outbox.BACKEND:
        text = _("No mail server is set, so nothing has left: the mail to %(address)s lies in the outbox here.")
        return messages.WARNING, text % facts
    level, words = OUTCOME_MESSAGES[outcome.status]
    return level, str(words) % (facts | {"answer": outcome.reply or outcome.provider_id or "OK"})


def _sent(mail: Mail, entry: Mapping[str, Any]) -> SendOutcome:
    transport = transport_for("trial", entry)
    try:
        return transport.send(mail)
    finally:
        transport.close()


LEVEL_ORDER = {INFO: 1, WARNING: 2, ERROR: 3}


class TestMailForm(forms.Form):
    address = forms.EmailField(label=gettext_lazy("Your address"), max_length=254)


@dataclass(frozen=True)
class RecordRow:
    record: DnsRecord
    dot: str
    state: Promise | str


@require_safe
def dns_page(request: HttpRequest) -> HttpResponse:
    """Query the DNS now. The sender's page embeds a part of this one."""
    now = timezone.now()
    name = senders.sender_domain()
    context: dict[str, Any] = {
        "title": _("DNS records of %s") % name,
        "domain": name,
        "read_at": now,
        "is_asked": name not in senders.EXAMPLE_DOMAINS,
        "findings": list(senders.sender_findings(now)),
    }
    if context["is_asked"]:
        context |= _dns_context(context["findings"])
    return render(request, "desk/settings/dns.html", admin.site.each_context(request) | context)


def _dns_context(found: list[Finding]) -> dict[str, Any]:
    try:
        facts = senders.gather_facts(Resolver())
    except dkim_signing.InvalidKey as error:
        return {"findings": [senders.bad_key_finding(error)]}
    rows = [_row(record) for record in senders.dns_rows(facts)]
    return {
        "findings": [*found, *(one for one in senders.route_findings(facts) if one.level != INFO)],
        "rows": rows,
        "is_open": any(row.dot in {"bad", "warn"} for row in rows),
        "service": facts.way.service,
        "is_own_server": facts.way.is_own_server,
    }


def _row(record: DnsRecord) -> RecordRow:
    worst = max((one.level for one in record.findings), key=lambda level: LEVEL_ORDER[level], default="")
    if worst == ERROR:
        return RecordRow(record, "bad", pgettext_lazy("record", "wrong"))
    if worst == WARNING:
        missing = pgettext_lazy("record", "look at it") if record.found else pgettext_lazy("record", "missing")
        return RecordRow(record, "warn", missing)
    if record.is_unknown:
        return RecordRow(record, "", pgettext_lazy("record", "not known"))
    if record.found:
        return RecordRow(record, "good", pgettext_lazy("record", "in order"))
    return RecordRow(record, "", pgettext_lazy("record", "the provider's"))


@require_POST
def send_test_mail(request: HttpRequest) -> HttpResponse:
    form = TestMailForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing was sent: this is not a mail address."))
        return redirect("admin:settings_sender")
    address = form.cleaned_data["address"]
    for alias in _mailers():
        messages.add_message(request, *send_by(settings.MAILERS[alias], test_mail(address, alias)))
    return redirect("admin:settings_sender")


def _mailers() -> list[str]:
    """One alias if both mailers are the same, as usual."""
    is_one = settings.MAILERS["bulk"] == settings.MAILERS["default"]
    return ["bulk"] if is_one else ["default", "bulk"]


def test_mail(address: str, alias: str) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        context = {"publication": publication, "at": timezone.now(), "is_bulk": alias == "bulk"}
        subject = _("Test: mails of %s arrive") % publication.name
        letter = letters.render("settings_test", subject, context, base_url=settings.SITE_URL)
    once = secrets.randbits(60)
    return build_automatic_mail(letter, "settings-test", once, sender=publication.sender, addresses=[address])
