"""Requirements of Gmail, Yahoo and Microsoft for bulk senders, and which of them are met.

Looked up on 2026-11-28. Gmail's limit is 5,000 mails on any day to its mailboxes; Microsoft's 5,000 a day to
outlook.com, hotmail.com and live.com; Yahoo names no number.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.operation.findings import ERROR, WARNING, Finding
from newsletter.operation.senders import DNS_AWAY, EXAMPLE_DOMAINS, FREEMAIL, SenderFacts, dns_rows, encryption_findings

SOURCES = {
    "Gmail": "https://support.google.com/a/answer/81126",
    "Yahoo": "https://senders.yahooinc.com/best-practices/",
    "Microsoft": "https://substrate.office.com/ip-domain-management-snds/postmaster/Policies",
}
GMAIL, YAHOO, MICROSOFT = SOURCES
EVERYBODY = (GMAIL, YAHOO, MICROSOFT)


class RequirementState(Enum):
    """UNKNOWN: cannot be seen from here, or not now."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    HOLDS = "holds"


@dataclass(frozen=True)
class Assessment:
    """words: the situation, or how to fix it."""

    state: RequirementState
    words: str = ""


@dataclass(frozen=True)
class Requirement:
    """A requirement, the receivers that have it, and whether it is met."""

    what: str
    by: tuple[str, ...]
    verdict: Assessment


def requirements(facts: SenderFacts) -> list[Requirement]:
    """All requirements, unmet ones first."""
    found = [Requirement(str(what), by, judge(facts)) for what, by, judge in TABLE]
    return sorted(found, key=lambda one: list(RequirementState).index(one.verdict.state))


def _of(found: Iterable[Finding]) -> Assessment:
    """MISSING for the first warning, UNKNOWN if the DNS did not answer, else HOLDS."""
    findings = list(found)
    for one in findings:
        if one.level in {ERROR, WARNING}:
            return Assessment(RequirementState.MISSING, f"{one.message} {one.hint}")
    unknown = next((one for one in findings if one.id in {DNS_AWAY, "mail.dkim"}), None)
    return Assessment(RequirementState.UNKNOWN, unknown.message) if unknown else Assessment(RequirementState.HOLDS)


def _of_rows(facts: SenderFacts, *kinds: str) -> Assessment:
    return _of(finding for row in dns_rows(facts) if row.kind in kinds for finding in row.findings)


def _spf(facts: SenderFacts) -> Assessment:
    if facts.bounces is None:
        return Assessment(
            RequirementState.UNKNOWN, _("The mail service looks after it, for its own domain of bounces.")
        )
    rows = [row for row in dns_rows(facts) if row.where == facts.bounces.domain and row.kind in {"SPF", _("Bounces")}]
    return _of(one for row in rows for one in row.findings if one.id == DNS_AWAY or one.id.startswith("spf."))


def _dkim(facts: SenderFacts) -> Assessment:
    if not facts.keys and not facts.dkim and facts.way.service:
        return Assessment(
            RequirementState.UNKNOWN, _("See that its page calls the domain verified: %s") % facts.way.service.page
        )
    return _of_rows(facts, "DKIM")


def _alignment(facts: SenderFacts) -> Assessment:
    policy, signed = _of_rows(facts, "DMARC"), _dkim(facts)
    if policy.state is not RequirementState.HOLDS:
        return policy
    if signed.state is RequirementState.HOLDS:
        return Assessment(RequirementState.HOLDS, _("DKIM signs for the sender's domain."))
    if facts.bounces and facts.bounces.is_aligned is True and _spf(facts).state is RequirementState.HOLDS:
        return Assessment(RequirementState.HOLDS, _("Bounces go to the sender's domain."))
    if facts.bounces and facts.bounces.is_aligned is False and signed.state is RequirementState.MISSING:
        return Assessment(
            RequirementState.MISSING, _("Neither DKIM nor the domain of bounces stands for the sender's domain.")
        )
    return Assessment(
        RequirementState.UNKNOWN, _("Send a test mail to yourself, and look for dmarc=pass in its headers.")
    )


def _reverse_names(facts: SenderFacts) -> Assessment:
    if not facts.way.is_own_server:
        return Assessment(RequirementState.UNKNOWN, _("The mail service looks after its servers."))
    if facts.reverse is None:
        return Assessment(
            RequirementState.UNKNOWN,
            _("The mail server is not below the sender's domain; whoever runs it looks after it."),
        )
    if facts.reverse == {}:
        return Assessment(RequirementState.MISSING, _("%s has no address in the DNS.") % facts.way.host)
    return _of_rows(facts, "PTR")


def _encryption(facts: SenderFacts) -> Assessment:
    verdict = _of(encryption_findings(facts))
    if verdict.state is RequirementState.HOLDS and facts.way.is_own_server:
        return Assessment(
            RequirementState.UNKNOWN,
            _("The way to the mail server is safe; whether it sends on with TLS, only its log tells."),
        )
    return verdict


def _one_click(facts: SenderFacts) -> Assessment:
    if facts.site_is_https:
        return Assessment(
            RequirementState.HOLDS, _("Each letter has List-Unsubscribe and List-Unsubscribe-Post (RFC 8058).")
        )
    return Assessment(
        RequirementState.MISSING, _("It needs https: put a proxy with TLS in front and set SITE_URL=https://…")
    )


def _dead_addresses(facts: SenderFacts) -> Assessment:
    if facts.reads_returns or facts.has_provider_reports:
        return Assessment(RequirementState.HOLDS, _("What comes back is read, and dead addresses are mailed no more."))
    words = _(
        "Refusals during the sending are read, later bounces are not. "
        "Set MAILBOX_URL or WEBHOOK_SECRET: docs/deploy.md."
    )
    return Assessment(RequirementState.MISSING, words)


def _takes_replies(facts: SenderFacts) -> Assessment:
    if facts.domain in FREEMAIL or facts.domain in EXAMPLE_DOMAINS:
        return Assessment(
            RequirementState.MISSING, _("Set the sender address in Settings, Sender; it needs a domain of your own.")
        )
    return _of_rows(facts, "MX")


def _always(state: RequirementState, words: Promise) -> Callable[[SenderFacts], Assessment]:
    return lambda _facts: Assessment(state, str(words))


TABLE: tuple[tuple[Promise, tuple[str, ...], Callable[[SenderFacts], Assessment]], ...] = (
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
        _always(RequirementState.HOLDS, gettext_lazy("It stands in every letter, and takes effect at once.")),
    ),
    (gettext_lazy("A sender that takes replies"), (MICROSOFT,), _takes_replies),
    (gettext_lazy("Dead addresses are taken off"), (YAHOO, MICROSOFT), _dead_addresses),
    (
        gettext_lazy("Fewer than 0.3 % complaints, better 0.1 %"),
        (GMAIL, YAHOO),
        _always(
            RequirementState.UNKNOWN,
            gettext_lazy("Only they know: register below. What is known here stands under Readers → List health."),
        ),
    ),
    (
        gettext_lazy("Mails as RFC 5322 wants them"),
        (GMAIL, YAHOO),
        _always(RequirementState.HOLDS, gettext_lazy("Built and checked before they leave: see the rehearsal.")),
    ),
)


@dataclass(frozen=True)
class Registration:
    """A receiver's service that shows senders their reputation."""

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


def registrations(facts: SenderFacts) -> list[Registration]:
    """Services open to this sender: some need an own IP address."""
    return [one for one in REGISTRATIONS if not one.is_for_own_server or facts.way.is_own_server]
