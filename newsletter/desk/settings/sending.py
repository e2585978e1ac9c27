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

from newsletter.desk.settings.at_once import send_now
from newsletter.mail import domain as dns
from newsletter.mail import headers, letters, signatures
from newsletter.mail.message import Mail, automatic
from newsletter.operation import senders
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.publication.models import Publication

ORDER = {INFO: 1, WARNING: 2, ERROR: 3}


class TestMailForm(forms.Form):
    address = forms.EmailField(label=gettext_lazy("Your address"), max_length=254)


@dataclass(frozen=True)
class Row:
    """A kind of record, with one of the dots of the desk (good, warn, bad, or none) and its state in words."""

    record: senders.Record
    dot: str
    state: Promise | str


@require_safe
def records(request: HttpRequest) -> HttpResponse:
    """Ask the DNS now. A page of its own, of which the page of the sender shows the part that matters."""
    name = senders.sender_domain()
    context: dict[str, Any] = {
        "title": _("DNS records of %s") % name,
        "domain": name,
        "rows": [],
        "findings": [],
        "read_at": timezone.now(),
        "is_asked": name not in senders.MADE_UP_DOMAINS,
    }
    if not context["is_asked"]:
        context["findings"] = list(senders.sender(timezone.now()))
    else:
        context["rows"], context["findings"] = _asked(name)
    return render(request, "desk/settings/dns.html", admin.site.each_context(request) | context)


def _asked(name: str) -> tuple[list[Row], list[Finding]]:
    try:
        return [_row(record) for record in senders.records(name)], []
    except signatures.KeyUnusable as error:
        return [], [senders.unusable(error)]
    except dns.DnsAway as error:
        return [], [senders.away(error)]


def _row(record: senders.Record) -> Row:
    worst = max((one.level for one in record.findings), key=lambda level: ORDER[level], default="")
    if worst == ERROR:
        return Row(record, "bad", pgettext_lazy("record", "wrong"))
    if worst == WARNING:
        missing = pgettext_lazy("record", "look at it") if record.found else pgettext_lazy("record", "missing")
        return Row(record, "warn", missing)
    if record.found:
        return Row(record, "good", pgettext_lazy("record", "in order"))
    return Row(record, "", pgettext_lazy("record", "the provider's"))


# --- A mail to oneself ---


@require_POST
def send_test_mail(request: HttpRequest) -> HttpResponse:
    """Send a mail through each mailer, and say what the provider answered."""
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
    """Build the mail that tells its reader that the settings work."""
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        context = {"publication": publication, "at": timezone.now(), "is_bulk": alias == "bulk"}
        subject = _("Test: mails of %s arrive") % publication.name
        letter = letters.render("settings_test", subject, context, base_url=settings.SITE_URL)
    sender_domain = publication.sender_email.rpartition("@")[2]
    message_id = headers.message_id("settings-test", secrets.randbits(60), domain=sender_domain)
    return automatic(letter, sender=publication.sender, addresses=[address], message_id=message_id)
