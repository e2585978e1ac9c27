"""What Gmail, Yahoo and Microsoft ask of those who send much, and which of it holds here.

Looked up on 2026-11-28. Gmail counts 5,000 mails a day to its mailboxes, once and for all; Microsoft 5,000 a day to
outlook.com, hotmail.com and live.com; Yahoo names no number.

    Gmail      https://support.google.com/a/answer/81126
    Yahoo      https://senders.yahooinc.com/best-practices/
    Microsoft  https://substrate.office.com/ip-domain-management-snds/postmaster/Policies
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.mail.authentication import LOOKUPS_MAX, DnsAway, Spf
from newsletter.operation.findings import ERROR, WARNING, Finding
from newsletter.operation.senders import policy, server, signed
from newsletter.operation.senders.address import MADE_UP_DOMAINS, MAILBOXES
from newsletter.operation.senders.facts import AWAY, Facts

SOURCES = {
    "Gmail": "https://support.google.com/a/answer/81126",
    "Yahoo": "https://senders.yahooinc.com/best-practices/",
    "Microsoft": "https://substrate.office.com/ip-domain-management-snds/postmaster/Policies",
}
GMAIL, YAHOO, MICROSOFT = SOURCES
EVERYBODY = (GMAIL, YAHOO, MICROSOFT)


class State(Enum):
    """Whether something that is asked for holds. UNKNOWN: it cannot be seen from here, or not now."""

    HOLDS = "holds"
    MISSING = "missing"
    UNKNOWN = "unknown"


ORDER = (State.MISSING, State.UNKNOWN, State.HOLDS)


@dataclass(frozen=True)
class Verdict:
    """Whether something holds, and a sentence: what is so, or what mends it."""

    state: State
    words: str = ""


@dataclass(frozen=True)
class Asked:
    """One thing that receivers ask for, by whom, and how it is judged."""

    what: Promise
    by: tuple[str, ...]
    judge: Callable[[Facts], Verdict]


@dataclass(frozen=True)
class Answered:
    what: str
    by: tuple[str, ...]
    verdict: Verdict


def answered(facts: Facts) -> list[Answered]:
    """Return everything that is asked for, with the verdicts: what is missing comes first."""
    found = [Answered(str(one.what), one.by, one.judge(facts)) for one in TABLE]
    return sorted(found, key=lambda one: ORDER.index(one.verdict.state))


# --- The judges ---


def _from_findings(found: Iterator[Finding]) -> Verdict:
    """Return what findings say: the first that warns mends it, and one that is not known leaves it open."""
    told = list(found)
    for one in told:
        if one.level in {ERROR, WARNING}:
            return Verdict(State.MISSING, f"{one.message} {one.hint}")
    unknown = next((one for one in told if one.id == AWAY), None)
    return Verdict(State.UNKNOWN, unknown.message) if unknown else Verdict(State.HOLDS)


def _spf(facts: Facts) -> Verdict:
    found = facts.bounces.spf
    if found is None:
        return Verdict(State.UNKNOWN, _("The mail service looks after it, for its own domain of bounces."))
    if isinstance(found, DnsAway):
        return Verdict(State.UNKNOWN, _("The DNS did not answer (%s).") % found)
    return _of_spf(found, facts.bounces.domain)


def _of_spf(found: Spf, domain: str) -> Verdict:
    is_sound = len(found.records) == 1 and not (found.wrong or found.broken or found.is_open)
    if not is_sound or found.lookups > LOOKUPS_MAX:
        return Verdict(State.MISSING, _("See SPF above: %s has none that receivers can use.") % domain)
    if found.unknown:
        return Verdict(State.UNKNOWN, _("The DNS did not answer (%s).") % found.unknown[0])
    return Verdict(State.HOLDS)


def _dkim(facts: Facts) -> Verdict:
    if facts.keys:
        ours = [one for key, there in zip(facts.keys, facts.dkim, strict=False) for one in signed.of_key(key, there)]
        return _from_findings(iter(ours))
    if signed.found_keys(facts):
        return _from_findings(signed.in_all(facts))
    told = next(signed.in_all(facts), None)
    if told and told.level == WARNING:
        return Verdict(State.MISSING, f"{told.message} {told.hint}")
    return Verdict(State.UNKNOWN, told.message if told else _("Mails stay in the outbox."))


def _dmarc(facts: Facts) -> Verdict:
    return _from_findings(policy.of_sender(facts))


def _alignment(facts: Facts) -> Verdict:
    if isinstance(facts.dmarc, DnsAway):
        return Verdict(State.UNKNOWN, _("The DNS did not answer (%s).") % facts.dmarc)
    if not facts.dmarc.record:
        return Verdict(State.MISSING, _("Without a DMARC record nothing is compared."))
    if _dkim(facts).state is State.HOLDS:
        return Verdict(State.HOLDS, _("DKIM signs for the sender's domain."))
    if facts.bounces.is_aligned is True and _spf(facts).state is State.HOLDS:
        return Verdict(State.HOLDS, _("Bounces go to the sender's domain."))
    if facts.bounces.is_aligned is False and _dkim(facts).state is State.MISSING:
        return Verdict(State.MISSING, _("Neither DKIM nor the domain of bounces stands for the sender's domain."))
    return Verdict(State.UNKNOWN, _("Send a test mail to yourself, and look for dmarc=pass in its headers."))


def _reverse_names(facts: Facts) -> Verdict:
    if not facts.way.is_own_server:
        return Verdict(State.UNKNOWN, _("The mail service looks after its servers."))
    if facts.server is None:
        return Verdict(
            State.UNKNOWN, _("The mail server is not below the sender's domain; whoever runs it looks after it.")
        )
    if not isinstance(facts.server, DnsAway) and not facts.server.names:
        return Verdict(State.MISSING, _("%s has no address in the DNS.") % facts.server.host)
    return _from_findings(server.of_reverse_names(facts))


def _encryption(facts: Facts) -> Verdict:
    verdict = _from_findings(server.of_encryption(facts))
    if verdict.state is State.HOLDS and facts.way.is_own_server:
        return Verdict(
            State.UNKNOWN, _("The way to the mail server is safe; whether it sends on with TLS, only its log tells.")
        )
    return verdict


def _one_click(facts: Facts) -> Verdict:
    if facts.site_is_https:
        return Verdict(State.HOLDS, _("Each letter has List-Unsubscribe and List-Unsubscribe-Post (RFC 8058)."))
    return Verdict(State.MISSING, _("It needs https: put a proxy with TLS in front and set SITE_URL=https://…"))


def _bounces(facts: Facts) -> Verdict:
    if facts.reads_returns or facts.hears_provider:
        return Verdict(State.HOLDS, _("What comes back is read, and dead addresses are mailed no more."))
    return Verdict(
        State.MISSING,
        _(
            "Refusals during the sending are read, later bounces are not. "
            "Set MAILBOX_URL or WEBHOOK_SECRET: docs/deploy.md."
        ),
    )


def _sender(facts: Facts) -> Verdict:
    if facts.domain in MAILBOXES or facts.domain in MADE_UP_DOMAINS:
        return Verdict(State.MISSING, _("Set the sender address under Publication; it needs a domain of your own."))
    if isinstance(facts.takes_mail, DnsAway):
        return Verdict(State.UNKNOWN, _("The DNS did not answer (%s).") % facts.takes_mail)
    if not facts.takes_mail:
        return Verdict(State.MISSING, _("Publish an MX record that names a mail server."))
    return Verdict(State.HOLDS)


def _always(words: Promise) -> Callable[[Facts], Verdict]:
    return lambda _facts: Verdict(State.HOLDS, str(words))


def _few_complaints(facts: Facts) -> Verdict:
    return Verdict(
        State.UNKNOWN, _("Only they know: register below. What is known here stands under Readers → List health.")
    )


TABLE = (
    Asked(gettext_lazy("SPF that passes"), EVERYBODY, _spf),
    Asked(gettext_lazy("DKIM, with a key of 1024 bits or better 2048"), EVERYBODY, _dkim),
    Asked(gettext_lazy("A DMARC record, p=none at the least"), EVERYBODY, _dmarc),
    Asked(gettext_lazy("SPF or DKIM for the domain of the sender"), EVERYBODY, _alignment),
    Asked(gettext_lazy("A server with a reverse name that leads back to it"), (GMAIL, YAHOO), _reverse_names),
    Asked(gettext_lazy("TLS"), (GMAIL,), _encryption),
    Asked(gettext_lazy("Leaving with one click"), (GMAIL, YAHOO), _one_click),
    Asked(
        gettext_lazy("A link to leave in the letter, heeded within two days"),
        EVERYBODY,
        _always(gettext_lazy("It stands in every letter, and takes effect at once.")),
    ),
    Asked(gettext_lazy("A sender that takes replies"), (MICROSOFT,), _sender),
    Asked(gettext_lazy("Dead addresses are taken off"), (YAHOO, MICROSOFT), _bounces),
    Asked(gettext_lazy("Fewer than 0.3 % complaints, better 0.1 %"), (GMAIL, YAHOO), _few_complaints),
    Asked(
        gettext_lazy("Mails as RFC 5322 wants them"),
        (GMAIL, YAHOO),
        _always(gettext_lazy("Built and checked before they leave: see the rehearsal.")),
    ),
)
