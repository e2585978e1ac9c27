"""The programs whose exports are known by their heading, and what is peculiar to the columns of each. Pure.

What all of them share is in columns.py. Written after real exports of beehiiv, Ghost, Mailchimp, Substack and
TinyNews, as TryGhost/migrate and Ghost keep them. Of listmonk, Keila, Kit, Buttondown and MailerLite no export was at
hand: their headings are those of their manuals and interfaces for programs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

LEFT_OUT: Final = ""  # a column that is known, and that a newsletter of ours has no place for


@dataclass(frozen=True, eq=False)
class Program:
    """A program's export. signs: columns that only it has, one set of them suffices; all names as `plain` writes them.

    fields: what a column is that means something else elsewhere. words: states in words of its own.
    floor: the state of every row that says no graver one; a list of who has left says so by being that list.
    endings: of the names of columns that the author of the export has made up.
    proofs: columns one of which has a time in the row of everybody who asked for mail; nobody else is active.
    """

    name: str
    signs: tuple[frozenset[str], ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    floor: str = "active"
    endings: tuple[str, ...] = ()
    proofs: frozenset[str] = frozenset()

    def meaning(self, name: str) -> str | None:
        """Return the field of a column, LEFT_OUT for one without a use; None if this program says nothing of it."""
        if name in self.fields:
            return self.fields[name]
        return LEFT_OUT if self.endings and name.endswith(self.endings) else None


def _signs(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(names.split()) for names in alternatives)


def _nothing(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), LEFT_OUT)


_REGION = _nothing("state country city region zip")  # where somebody lives, and not whether they read
NONE: Final = Program("", ())
# The first that fits counts: the more peculiar ones come first.
PROGRAMS: Final = (
    Program("Mailchimp (cleaned)", _signs("leid cleantime"), floor="bounced"),
    Program("Mailchimp (unsubscribed)", _signs("leid unsubtime"), floor="unsubscribed"),
    # Whoever bought something and never asked for mail is in a file of the same heading (nonsubscribed_…).
    Program("Mailchimp", _signs("leid euid", "memberrating optintime"), proofs=frozenset({"optintime", "confirmtime"})),
    Program(
        "TinyNews",
        _signs("channelid engagementoptin"),
        _nothing("channelid tiertitle engagementoptin updatedat userid"),
        {"1": "active", "2": "active", "0": "unsubscribed", "3": "unsubscribed", "4": "unsubscribed"},
    ),
    Program(
        "Substack",
        _signs(
            "emaildisabled preferdigests",
            "useremailaddress subscriptiontype",
            "emaildisabled activesubscription",
            "email startdate emailsreceived6mo",
        ),
        {
            "useremailaddress": "email",
            "username": "name",
            "subscriptioncreatedat": "consent_at",
            "subscriptiontype": "state",
            **_REGION,
            **_nothing("stripeconnectedcustomerid subscriptionexpiresat lastsubscribedat subscriptioninterval"),
            # The dashboard's own file. “Cancel date” is in no table: it may be the end of what was paid, or of all.
            "startdate": "consent_at",
            **_nothing("paidupgradedate firstpaiddate expirationdate bestseller bestsellertier revenue"),
            **_nothing("lastemailopen linksclicked postviews uniquepostsseen comments shares activity sections bundle"),
            **_nothing("subscriptionsourcefree subscriptionsourcepaid subscriptionsgifted stateprovince bundleorigin"),
            **_nothing("canseepaidcontent numemailsopened"),
        },
        dict.fromkeys(("monthly", "yearly", "annual", "lifetime", "subscriber", "founding member"), "active"),
        endings=("6mo", "30d", "7d"),
    ),
    Program(
        "beehiiv",
        _signs("status tier freetier", "subscriptiontier utmsource", "status tier stripecustomerid"),
        _nothing("tier stripecustomerid acquisitionsource referralcode"),
        endings=("tier",),
    ),
    Program("Ghost", _signs("subscribedtoemails"), _nothing("tiers products complimentaryplan giftid")),
    Program(
        "listmonk",
        _signs("uuid attributes status", "email name attributes"),
        {"attributes": "kept", **_nothing("uuid updatedat lists")},
    ),
    Program(
        "Keila",
        _signs("email firstname lastname data", "email externalid data"),
        {"data": "kept", **_nothing("externalid insertedat updatedat doubleoptinat")},
        {"unreachable": "bounced"},
    ),
    Program(
        "Buttondown",
        _signs("subscribertype", "creationdate metadata", "emailaddress metadata secondaryid"),
        {"metadata": "kept", **_nothing("secondaryid referrerurl source undeliverabilityreason unsubscriptionreason")},
        {
            **dict.fromkeys(("paused", "churned", "churning", "past due"), "active"),  # all of what is paid
            "unpaid": "pending",
            "spammy": "manual",
        },
    ),
    Program(
        "MailerLite",
        _signs("subscriber subscribed", "opened clicked sent", "subscribed opens clicks sent"),
        {
            "subscriber": "email",
            "groups": "tags",
            **_REGION,
            **_nothing("sent opened clicked opens clicks openrate clickrate location ip optinip optintimestamp phone"),
            "optintimestamp": "consent_at",
        },
        {"junk": "complained"},
    ),
    Program(
        "Kit",
        _signs("emailaddress firstname state createdat", "email firstname state createdat"),
        _nothing("referrer"),
        {"inactive": "pending", "cold": "active"},  # who has not confirmed; who has not opened for long
    ),
    Program("Google Forms", _signs("timestamp", "時間戳記", "タイムスタンプ", "zeitstempel", "时间戳记")),
)


def recognised(names: Iterable[str]) -> Program:
    """Return the program whose export has these columns; NONE for a table by hand, or of one that is not known."""
    there = frozenset(names)
    return next((one for one in PROGRAMS if any(signs <= there for signs in one.signs)), NONE)
