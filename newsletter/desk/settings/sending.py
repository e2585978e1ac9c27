"""Whether mail can leave and be believed: what the DNS says of the sender's domain, and a mail to oneself."""

import secrets
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

from newsletter.delivery.provider.outcomes import Answer, Outcome, ProviderAway, ProviderRefuses
from newsletter.delivery.provider.transports import transport_for
from newsletter.mail import headers, letters, outbox, signatures
from newsletter.mail.authentication import Resolver
from newsletter.mail.mailers import way
from newsletter.mail.message import Mail, automatic
from newsletter.operation import receivers, senders
from newsletter.operation.findings import ERROR, INFO, WARNING
from newsletter.operation.receivers import State
from newsletter.operation.senders import Record
from newsletter.publication.models import Publication

ANSWERS = {
    Answer.SENT: (messages.SUCCESS, gettext_lazy("%(way)s has taken the mail to %(address)s. It answered: %(answer)s")),
    Answer.FAILED: (messages.ERROR, gettext_lazy("%(way)s refused the mail to %(address)s: %(answer)s")),
    Answer.DEFERRED: (messages.WARNING, gettext_lazy("%(way)s does not take it now: %(answer)s")),
    Answer.UNCERTAIN: (
        messages.WARNING,
        gettext_lazy("%(way)s was handed the mail, but no answer came back. It may or may not arrive. %(answer)s"),
    ),
}


def send_now(mail: Mail, alias: str) -> tuple[int, str]:
    """Hand one mail to the mailer `alias`; return the level and the words of a message about what came of it."""
    facts = {"address": mail.to[0], "way": way(settings.MAILERS[alias])}
    try:
        outcome = _sent(mail, alias)
    except (ProviderAway, ProviderRefuses) as problem:
        text = _("%(way)s does not take it, nothing was sent: %(answer)s")
        return messages.ERROR, text % (facts | {"answer": str(problem)})
    if settings.MAILERS[alias]["BACKEND"] == outbox.BACKEND:
        text = _("No mail server is set, so nothing has left: the mail to %(address)s lies in the outbox here.")
        return messages.WARNING, text % facts
    level, words = ANSWERS[outcome.answer]
    return level, str(words) % (facts | {"answer": outcome.reply or outcome.provider_id or "OK"})


def _sent(mail: Mail, alias: str) -> Outcome:
    transport = transport_for(alias)
    try:
        return transport.send(mail)
    finally:
        transport.close()


ORDER = {INFO: 1, WARNING: 2, ERROR: 3}
DOTS = {State.HOLDS: "good", State.MISSING: "warn", State.UNKNOWN: ""}
STATES: dict[State, Promise] = {
    State.HOLDS: pgettext_lazy("rule", "holds"),
    State.MISSING: pgettext_lazy("rule", "not met"),
    State.UNKNOWN: pgettext_lazy("rule", "not to be seen from here"),
}


class TestMailForm(forms.Form):
    address = forms.EmailField(label=gettext_lazy("Your address"), max_length=254)


@dataclass(frozen=True)
class Row:
    record: Record
    dot: str
    state: Promise | str


@dataclass(frozen=True)
class Rule:
    asked: receivers.Answered
    dot: str
    state: Promise


@require_safe
def records(request: HttpRequest) -> HttpResponse:
    """Ask the DNS now. A page of its own, of which the page of the sender shows the part that matters."""
    now = timezone.now()
    name = senders.sender_domain()
    context: dict[str, Any] = {
        "title": _("DNS records of %s") % name,
        "domain": name,
        "read_at": now,
        "is_asked": name not in senders.MADE_UP_DOMAINS,
        "findings": list(senders.sender(now)),
    }
    if context["is_asked"]:
        context |= _asked()
    return render(request, "desk/settings/dns.html", admin.site.each_context(request) | context)


def _asked() -> dict[str, Any]:
    try:
        facts = senders.gather(Resolver())
    except signatures.KeyUnusable as error:
        return {"findings": [senders.unusable(error)]}
    return {
        "rows": [_row(record) for record in senders.records(facts)],
        "service": facts.way.service,
        "rules": [_rule(one) for one in receivers.answered(facts)],
        "sources": receivers.SOURCES,
        "registrations": receivers.registrations(facts),
    }


def _rule(asked: receivers.Answered) -> Rule:
    return Rule(asked, DOTS[asked.verdict.state], STATES[asked.verdict.state])


def _row(record: Record) -> Row:
    worst = max((one.level for one in record.findings), key=lambda level: ORDER[level], default="")
    if worst == ERROR:
        return Row(record, "bad", pgettext_lazy("record", "wrong"))
    if worst == WARNING:
        missing = pgettext_lazy("record", "look at it") if record.found else pgettext_lazy("record", "missing")
        return Row(record, "warn", missing)
    if record.is_unknown:
        return Row(record, "", pgettext_lazy("record", "not known"))
    if record.found:
        return Row(record, "good", pgettext_lazy("record", "in order"))
    return Row(record, "", pgettext_lazy("record", "the provider's"))


# --- A mail to oneself ---


@require_POST
def send_test_mail(request: HttpRequest) -> HttpResponse:
    form = TestMailForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing was sent: this is not a mail address."))
        return redirect("admin:settings_sender")
    address = form.cleaned_data["address"]
    for alias in _mailers():
        messages.add_message(request, *send_now(test_mail(address, alias), alias))
    return redirect("admin:settings_sender")


def _mailers() -> list[str]:
    """Return the mailers that differ: usually confirmations and issues leave the same way."""
    is_one = settings.MAILERS["bulk"] == settings.MAILERS["default"]
    return ["bulk"] if is_one else ["default", "bulk"]


def test_mail(address: str, alias: str) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        context = {"publication": publication, "at": timezone.now(), "is_bulk": alias == "bulk"}
        subject = _("Test: mails of %s arrive") % publication.name
        letter = letters.render("settings_test", subject, context, base_url=settings.SITE_URL)
    sender_domain = publication.sender_email.rpartition("@")[2]
    message_id = headers.message_id("settings-test", secrets.randbits(60), domain=sender_domain)
    return automatic(letter, sender=publication.sender, addresses=[address], message_id=message_id)
