"""Matches a report to its delivery and reader: by signed tokens first, by address last.

Anybody can write a mail, but tokens and Message-IDs are signed: only those who received the message know them. A bounce
with one counts within REPORTED_WITHIN. Reports without one are matched by address if we mailed it within MAILED_WITHIN;
they have no effect unless the author accepts them as proven. A wrong signature means forged: the report is ignored.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from django.db.models import Q

from newsletter.delivery.events.parsed import DeliveryReference, EventKind, ReportedEvent
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.deliveries import SEQ_BITS
from newsletter.mail import tokens
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash

MAILED_WITHIN = timedelta(days=14)  # mail servers retry for five days (RFC 5321 section 4.5.4.1); some report late
REPORTED_WITHIN = timedelta(days=30)  # of sending: anyone with a forwarded letter could write a report years later
OUR_MESSAGE_ID = re.compile(r"<?(issue\.(\d{1,18})\.(\d{1,9}))\.([0-9a-f]{16})@", re.IGNORECASE)
HANDED_OVER_STATES = [Delivery.State.SENT, Delivery.State.UNCERTAIN]


@dataclass(frozen=True)
class CopyMatch:
    """mailing_id, seq: of the delivery, None if there is none. reader: None also if the reader was erased.

    address_hash: of the address that the report is about; "" if unknown, such as after a change of address.
    is_proven: by a signature of ours, by the provider or by the author.
    """

    mailing_id: int | None = None
    seq: int | None = None
    reader: Subscriber | None = None
    address_hash: str = ""
    domain: str = ""
    is_forged: bool = False
    is_too_late: bool = False
    is_proven: bool = True


NO_MATCH, FORGED_MATCH, LATE_MATCH = CopyMatch(), CopyMatch(is_forged=True), CopyMatch(is_too_late=True)
# For these the reader is not looked up: a mailing has millions of them.
COPY_EVENTS = frozenset(
    {EventKind.SENT, EventKind.DELIVERED, EventKind.DEFERRED, EventKind.OPENED, EventKind.CLICKED}
    | {EventKind.AUTORESPONDED}
)


class CopyMatcher:
    """Matches reports to deliveries; caches what is the same for a whole mailing."""

    def __init__(self) -> None:
        self.mailings: dict[int, tuple[str, datetime | None] | None] = {}
        self.salt = Publication.objects.current().salt

    def find(self, reported: ReportedEvent) -> CopyMatch:
        copy = self.copy_of(reported.reference)
        if copy is not None and reported.kind in COPY_EVENTS:
            recipient = reported.reference.recipient
            return CopyMatch(*copy, address_hash=address_hash(recipient, self.salt) if recipient else "")
        if copy is not None:
            return self._match_copy(*copy, reported)
        if reader := unsubscribing_reader(reported.reference):
            return CopyMatch(None, None, reader, reader.address_hash, domain_of(reader.email))
        if is_forged(reported.reference):
            return FORGED_MATCH
        return _match_address(reported.reference.recipient, reported.at, is_authenticated=reported.is_authenticated)

    def copy_of(self, reference: DeliveryReference) -> tuple[int, int] | None:
        """(mailing_id, seq) by the first token or Message-ID with a valid signature; None without one."""
        copies = chain(self._by_tokens(reference.tokens), _by_message_ids(reference.message_ids))
        return next((copy for copy in copies if self._mailing(copy[0])), None)

    def _by_tokens(self, candidates: Iterable[str]) -> Iterator[tuple[int, int]]:
        for token in candidates:
            mailing_id, seq = divmod(tokens.unverified_id(token) or 0, 1 << SEQ_BITS)
            mailing = self._mailing(mailing_id)
            if mailing is not None and tokens.is_valid(token, "bounce", mailing[0]):
                yield mailing_id, seq

    def _mailing(self, mailing_id: int) -> tuple[str, datetime | None] | None:
        """(token_salt, planned_at) of a mailing; None if it does not exist."""
        if mailing_id not in self.mailings:
            rows = Mailing.objects.filter(pk=mailing_id).values_list("token_salt", "planned_at")
            self.mailings[mailing_id] = rows.first()
        return self.mailings[mailing_id]

    def _match_copy(self, mailing_id: int, seq: int, reported: ReportedEvent) -> CopyMatch:
        reader_id, sent_at = _reader_and_time(mailing_id, seq)
        _salt, planned_at = self._mailing(mailing_id) or ("", None)
        if (
            reported.kind == EventKind.BOUNCED
            and not reported.is_authenticated
            and (handed_over_at := sent_at or planned_at)
            and handed_over_at < reported.at - REPORTED_WITHIN
        ):
            return LATE_MATCH
        reader = Subscriber.objects.filter(pk=reader_id or 0).first()
        has_moved = Q(confirmed_at__gt=planned_at) | Q(undone_at__gt=planned_at)  # the report is about the old address
        if reader is None or planned_at is None or reader.address_changes.filter(has_moved).exists():
            return CopyMatch(mailing_id, seq, domain=domain_of(reported.reference.recipient))
        return CopyMatch(mailing_id, seq, reader, reader.address_hash, domain_of(reader.email))


def reader_of_copy(mailing_id: int, seq: int) -> Subscriber | None:
    """The reader of a delivery, whatever their address is now; None if the reader was erased."""
    return Subscriber.objects.filter(pk=_reader_and_time(mailing_id, seq)[0] or 0).first()


def unsubscribing_reader(reference: DeliveryReference) -> Subscriber | None:
    for token in filter(tokens.unverified_id, reference.tokens):
        if reader := Subscriber.objects.for_token(token, "unsubscribe"):
            return reader
    return None


def is_forged(reference: DeliveryReference) -> bool:
    """Whether a report without a valid signature contains what looks like one of ours."""
    return any(map(tokens.unverified_id, reference.tokens)) or any(map(OUR_MESSAGE_ID.match, reference.message_ids))


def _by_message_ids(candidates: Iterable[str]) -> Iterator[tuple[int, int]]:
    for message_id in candidates:
        if match := OUR_MESSAGE_ID.match(message_id):
            name, given = match[1].lower(), match[4].lower()
            if any(hmac.compare_digest(digest[:16], given) for digest in tokens.digests("message-id", name)):
                yield int(match[2]), int(match[3])


def _reader_and_time(mailing_id: int, seq: int) -> tuple[int | None, datetime | None]:
    """Reader and sending time of a delivery, each None if unknown."""
    rows = Delivery.objects.filter(mailing_id=mailing_id, seq=seq).values_list("subscriber_id", "sent_at")
    return rows.first() or (None, None)


def _match_address(recipient: str, at: datetime, *, is_authenticated: bool) -> CopyMatch:
    reader = Subscriber.objects.filter(address_hash=address_hash(recipient)).first() if "@" in recipient else None
    if reader is None:
        return NO_MATCH
    recent = Delivery.objects.filter(subscriber=reader, state__in=HANDED_OVER_STATES, sent_at__gte=at - MAILED_WITHIN)
    copy = recent.order_by("-mailing_id").values_list("mailing_id", "seq").first()
    if copy is None and not is_authenticated:
        return NO_MATCH
    mailing_id, seq = copy or (None, None)
    return CopyMatch(mailing_id, seq, reader, reader.address_hash, domain_of(reader.email), is_proven=is_authenticated)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()[:100] if "@" in address else ""
