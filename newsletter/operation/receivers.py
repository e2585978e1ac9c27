"""What Gmail, Yahoo and Microsoft ask of those who send much, which of it holds here, and where they can be asked.

Looked up on 2026-11-28. Gmail counts 5,000 mails a day to its mailboxes, once and for all; Microsoft 5,000 a day to
outlook.com, hotmail.com and live.com; Yahoo names no number.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.operation.findings import ERROR, WARNING, Finding
from newsletter.operation.senders import AWAY, MADE_UP_DOMAINS, MAILBOXES, Facts, of_encryption, records

SOURCES = {
    "Gmail": "https://support.google.com/a/answer/81126",
    "Yahoo": "https://senders.yahooinc.com/best-practices/",
    "Microsoft": "https://substrate.office.com/ip-domain-management-snds/postmaster/Policies",
}
GMAIL, YAHOO, MICROSOFT = SOURCES
EVERYBODY = (GMAIL, YAHOO, MICROSOFT)


class State(Enum):
    """Whether something that is asked for holds. UNKNOWN: it cannot be seen from here, or not now."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    HOLDS = "holds"


@dataclass(frozen=True)
class Verdict:
    """Whether something holds, and a sentence: what is so, or what mends it."""

    state: State
    words: str = ""


@dataclass(frozen=True)
class Answered:
    """One thing that receivers ask for, by whom, and whether it holds."""

    what: str
    by: tuple[str, ...]
    verdict: Verdict


def answered(facts: Facts) -> list[Answered]:
    """Return everything that is asked for, with the verdicts: what is missing comes first."""
    found = [Answered(str(what), by, judge(facts)) for what, by, judge in TABLE]
    return sorted(found, key=lambda one: list(State).index(one.verdict.state))


def _of(found: Iterable[Finding]) -> Verdict:
    """Return what findings say: the first that warns mends it, and one that is not known leaves it open."""
    told = list(found)
    for one in told:
        if one.level in {ERROR, WARNING}:
            return Verdict(State.MISSING, f"{one.message} {one.hint}")
    unknown = next((one for one in told if one.id in {AWAY, "mail.dkim"}), None)
    return Verdict(State.UNKNOWN, unknown.message) if unknown else Verdict(State.HOLDS)


def _of_rows(facts: Facts, *kinds: str) -> Verdict:
    return _of(finding for row in records(facts) if row.kind in kinds for finding in row.findings)


def _spf(facts: Facts) -> Verdict:
    if facts.bounces is None:
        return Verdict(State.UNKNOWN, _("The mail service looks after it, for its own domain of bounces."))
    rows = [row for row in records(facts) if row.where == facts.bounces.domain and row.kind in {"SPF", _("Bounces")}]
    return _of(one for row in rows for one in row.findings if one.id == AWAY or one.id.startswith("spf."))


def _dkim(facts: Facts) -> Verdict:
    if not facts.keys and not facts.dkim and facts.way.service:
        return Verdict(State.UNKNOWN, _("See that its page calls the domain verified: %s") % facts.way.service.page)
    return _of_rows(facts, "DKIM")


def _alignment(facts: Facts) -> Verdict:
    policy, signed = _of_rows(facts, "DMARC"), _dkim(facts)
    if policy.state is not State.HOLDS:
        return policy
    if signed.state is State.HOLDS:
        return Verdict(State.HOLDS, _("DKIM signs for the sender's domain."))
    if facts.bounces and facts.bounces.is_aligned is True and _spf(facts).state is State.HOLDS:
        return Verdict(State.HOLDS, _("Bounces go to the sender's domain."))
    if facts.bounces and facts.bounces.is_aligned is False and signed.state is State.MISSING:
        return Verdict(State.MISSING, _("Neither DKIM nor the domain of bounces stands for the sender's domain."))
    return Verdict(State.UNKNOWN, _("Send a test mail to yourself, and look for dmarc=pass in its headers."))


def _reverse_names(facts: Facts) -> Verdict:
    if not facts.way.is_own_server:
        return Verdict(State.UNKNOWN, _("The mail service looks after its servers."))
    if facts.reverse is None:
        return Verdict(
            State.UNKNOWN, _("The mail server is not below the sender's domain; whoever runs it looks after it.")
        )
    if facts.reverse == {}:
        return Verdict(State.MISSING, _("%s has no address in the DNS.") % facts.way.host)
    return _of_rows(facts, "PTR")


def _encryption(facts: Facts) -> Verdict:
    verdict = _of(of_encryption(facts))
    if verdict.state is State.HOLDS and facts.way.is_own_server:
        return Verdict(
            State.UNKNOWN, _("The way to the mail server is safe; whether it sends on with TLS, only its log tells.")
        )
    return verdict


def _one_click(facts: Facts) -> Verdict:
    if facts.site_is_https:
        return Verdict(State.HOLDS, _("Each letter has List-Unsubscribe and List-Unsubscribe-Post (RFC 8058)."))
    return Verdict(State.MISSING, _("It needs https: put a proxy with TLS in front and set SITE_URL=https://…"))


def _dead_addresses(facts: Facts) -> Verdict:
    if facts.reads_returns or facts.hears_provider:
        return Verdict(State.HOLDS, _("What comes back is read, and dead addresses are mailed no more."))
    words = _(
        "Refusals during the sending are read, later bounces are not. "
        "Set MAILBOX_URL or WEBHOOK_SECRET: docs/deploy.md."
    )
    return Verdict(State.MISSING, words)


def _takes_replies(facts: Facts) -> Verdict:
    if facts.domain in MAILBOXES or facts.domain in MADE_UP_DOMAINS:
        return Verdict(State.MISSING, _("Set the sender address under Publication; it needs a domain of your own."))
    return _of_rows(facts, "MX")


def _always(state: State, words: Promise) -> Callable[[Facts], Verdict]:
    return lambda _facts: Verdict(state, str(words))


TABLE: tuple[tuple[Promise, tuple[str, ...], Callable[[Facts], Verdict]], ...] = (
    (gettext_lazy("SPF that passes"), EVERYBODY, _spf),
    (gettext_lazy("DKIM, with a key of 1024 bits or better 2048"), EVERYBODY, _dkim),
    (gettext_lazy("A DMARC record, p=none at the least"), EVERYBODY, lambda facts: _of_rows(facts, "DMARC")),
    (gettext_lazy("SPF or DKIM for the domain of the sender"), EVERYBODY, _alignment),
    (gettext_lazy("A server with a reverse name that leads back to it"), (GMAIL, YAHOO), _reverse_names),
    (gettext_lazy("TLS"), (GMAIL,), _encryption),
    (gettext_lazy("Leaving with one click"), (GMAIL, YAHOO), _one_click),
    (
        gettext_lazy("A link to leave in the letter, heeded within two days"),
        EVERYBODY,
        _always(State.HOLDS, gettext_lazy("It stands in every letter, and takes effect at once.")),
    ),
    (gettext_lazy("A sender that takes replies"), (MICROSOFT,), _takes_replies),
    (gettext_lazy("Dead addresses are taken off"), (YAHOO, MICROSOFT), _dead_addresses),
    (
        gettext_lazy("Fewer than 0.3 % complaints, better 0.1 %"),
        (GMAIL, YAHOO),
        _always(
            State.UNKNOWN,
            gettext_lazy("Only they know: register below. What is known here stands under Readers → List health."),
        ),
    ),
    (
        gettext_lazy("Mails as RFC 5322 wants them"),
        (GMAIL, YAHOO),
        _always(State.HOLDS, gettext_lazy("Built and checked before they leave: see the rehearsal.")),
    ),
)


@dataclass(frozen=True)
class Registration:
    """Where a receiver tells senders how it sees them."""

    name: str
    url: str
    what: Promise
    is_for_own_server: bool = False


REGISTRATIONS = (
    Registration(
        "Google Postmaster Tools",
        "https://postmaster.google.com/",
        gettext_lazy("How many at Gmail call it spam, and which of its rules hold. Ask for the sender's domain."),
    ),
    Registration(
        "Yahoo Complaint Feedback Loop",
        "https://senders.yahooinc.com/complaint-feedback-loop",
        gettext_lazy("A mail for each complaint at Yahoo or AOL, by the domain that DKIM signs for."),
    ),
    Registration(
        "Microsoft SNDS, JMRP",
        "https://substrate.office.com/ip-domain-management-snds/snds",
        gettext_lazy(
            "How outlook.com sees an IP address, and a mail for each complaint. Only for an address of your own."
        ),
        is_for_own_server=True,
    ),
)


def registrations(facts: Facts) -> list[Registration]:
    """Return where this sender can register: by IP address only who has one."""
    return [one for one in REGISTRATIONS if not one.is_for_own_server or facts.way.is_own_server]
