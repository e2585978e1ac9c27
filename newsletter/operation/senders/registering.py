"""Where large receivers tell senders how they see them. Looked up on 2026-11-28."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from newsletter.operation.senders.facts import Facts


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
