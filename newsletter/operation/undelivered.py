"""Checks of the doctor about undelivered mail."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.delivery.author.alerts import recipient_addresses
from newsletter.delivery.events import rules, webhooks
from newsletter.delivery.events.mailbox import parse_mailbox_url
from newsletter.delivery.models import MailFetch, Mailing, Refusal, ResultLetter
from newsletter.mail.mailers import WEBHOOK_OPTIONS, provider_host
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.publication.models import Publication
from subscribers.models import AddressChange, Subscriber, Unsent

SILENT = timedelta(minutes=10)  # short outages are ignored
LATELY = timedelta(days=30)
WAITED = timedelta(hours=2)  # longer than throttled sign-ups wait


def refused_address_findings(now: datetime) -> Iterator[Finding]:
    """Mailings with so many "unknown user" replies that the author should decide."""
    waiting = Refusal.objects.waiting().dead().filter(at__gt=now - LATELY).order_by().values("mailing").distinct()
    for mailing in Mailing.objects.filter(pk__in=waiting).select_related("issue").defer("html", "text"):
        if count := rules.count_undecided_dead(mailing):
            message = _("%(issue)s: the mail server says of %(count)d addresses that they do not exist.")
            hint = _("Decide on the page of the mailing whether it is right; until then none is suppressed.")
            facts = {"issue": mailing.issue, "count": count}
            yield Finding(WARNING, "mailing.refused_addresses", message % facts, hint, mailing.pk)


def mailbox_findings(now: datetime) -> Iterator[Finding]:
    try:
        where = parse_mailbox_url(settings.MAILBOX_URL)
    except ImproperlyConfigured as problem:
        yield Finding(ERROR, "mailbox.url", str(problem), _("Until then no returned mail is read."))
        return
    if settings.MAILBOX_URL and not Publication.objects.current().bounces_to:
        hint = _("Enter the address of this mailbox in the settings, under the sender.")
        yield Finding(WARNING, "mailbox.no_address", _("Returned mail does not go to the mailbox that is read."), hint)
    row = MailFetch.objects.filter(failing_since__lt=now - SILENT).first() if where else None
    if row is not None:
        message = _("The mailbox for returned mail cannot be read: %s.") % row.problem
        hint = _("Look at MAILBOX_URL. Nothing is lost: what arrives waits in the mailbox.")
        yield Finding(WARNING, "mailbox.away", message, hint)


def provider_webhook_findings(now: datetime) -> Iterator[Finding]:
    """A provider whose webhooks are not set up, or not verified by signature."""
    provider = provider_host(settings.MAILERS["bulk"])
    if provider not in webhooks.VIEW_PATH_BY_PROVIDER:
        return
    facts = {"provider": provider, "address": f"{settings.SITE_URL}/webhooks/{provider}/tracking/"}
    wanted = WEBHOOK_OPTIONS.get(provider, ())
    if not settings.WEBHOOK_SECRET:
        message = _("Nobody hears what %(provider)s reports: addresses that are gone, complaints, who has left there.")
        hint = _(
            "Set WEBHOOK_SECRET=hook:PASSWORD, and enter %(address)s at the provider, with hook:PASSWORD@ before the "
            "host."
        )
        yield Finding(WARNING, "webhook.secret", message % facts, hint % facts)
    elif wanted and not webhooks.signing_keys(provider):
        message = _(
            "Reports of %(provider)s are believed by the secret in their address alone, without their signature."
        )
        if provider == webhooks.AMAZON:
            message = _(
                "The reports of %(provider)s cannot begin: no topic is named, so its subscription is not confirmed."
            )
        hint = _("Add ?%(option)s=… to the mail URL, with what the provider shows beside its webhooks.")
        level = WARNING if provider == webhooks.AMAZON else INFO
        yield Finding(level, "webhook.key", message % facts, hint % {"option": wanted[0]})


def waiting_mail_findings(now: datetime) -> Iterator[Finding]:
    """Sign-ups and changes of address whose mail is still being retried."""
    since = now - WAITED
    count = Subscriber.objects.filter(confirmation_due_at__isnull=False, asked_at__lt=since).count()
    count += AddressChange.objects.filter(due_at__isnull=False, asked_at__lt=since).count()
    if count:
        message = ngettext(
            "%d sign-up or change of address has waited for its mail for hours: the mail server takes nothing.",
            "%d sign-ups and changes of address have waited for their mails for hours: the mail server takes nothing.",
            count,
        )
        hint = _("Look at the mail server and at the worker's log. They are tried again for three days.")
        yield Finding(ERROR, "mail.waiting", message % count, hint)


def lost_mail_findings(now: datetime) -> Iterator[Finding]:
    """Mails to readers that were given up."""
    lost = Unsent.objects.lately(now)
    if count := lost.count():
        message = ngettext(
            "%(count)d mail to a reader was tried for days and given up. The mail server's last word: %(reason)s.",
            "%(count)d mails to readers were tried for days and given up. The mail server's last word: %(reason)s.",
            count,
        )
        hint = _("Those who signed up in that time have to do it once more. This note goes after two weeks.")
        yield Finding(WARNING, "mail.given_up", message % {"count": count, "reason": lost[0].reason}, hint)


def result_letter_findings(now: datetime) -> Iterator[Finding]:
    """Results that could not be mailed to the author; the desk shows them anyway."""
    if not Publication.objects.current().tells_results:
        return
    late = ResultLetter.objects.unsent().filter(at__lt=now - WAITED, at__gt=now - LATELY).select_related("issue")
    for letter in late.order_by("-at")[:1]:
        message = _("The letter about what %(issue)s has brought could not be sent.") % {"issue": letter.issue}
        if recipient_addresses():
            hint = _("Look at the mail server and at the worker's log. The page of its mailing shows the same.")
        else:
            hint = _("Nobody who may send issues has an address: enter one in the team.")
        yield Finding(WARNING, "result_letter.waiting", message, hint, letter.mailing_id)
