"""Which copy a fact is about, and whose it is: signatures first, the address last.

A mail can be written by anybody. A token of ours in an address, or a Message-ID of ours, cannot: only who has
received the copy knows them; a bounce of it counts within REPORTED_WITHIN. What has neither proves nothing: if we
mailed its address within LATELY the author sees it, and nothing else follows, unless the author takes it as proven.
What has one that we did not sign is forged, and about nobody.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from django.db.models import Q

from newsletter.delivery.events.facts import Fact, Kind, Names
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.deliveries import SEQ_BITS
from newsletter.mail import tokens
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash

LATELY = timedelta(days=14)  # mail servers try for five days (RFC 5321 section 4.5.4.1), and some report late
REPORTED_WITHIN = timedelta(days=30)  # of a copy; who has a forwarded letter can write a report of it years later
OURS = re.compile(r"<?(issue\.(\d{1,18})\.(\d{1,9}))\.([0-9a-f]{16})@", re.IGNORECASE)
WAS_HANDED_OVER = [Delivery.State.SENT, Delivery.State.UNCERTAIN]


@dataclass(frozen=True)
class Found:
    """mailing and seq: of the copy, None where there is none. reader: None of a copy whose reader was erased.

    address_hash: of the address that the fact is about; "" where nobody knows, such as after a move.
    is_proven: whether a signature of ours, its provider's or the author says so.
    """

    mailing_id: int | None = None
    seq: int | None = None
    reader: Subscriber | None = None
    address_hash: str = ""
    domain: str = ""
    is_forged: bool = False
    is_too_late: bool = False
    is_proven: bool = True


NOBODY, FORGED, TOO_LATE = Found(), Found(is_forged=True), Found(is_too_late=True)
# Of these only the copy matters: no reader is looked up, for a mailing has millions of them.
ABOUT_THE_COPY = frozenset({Kind.SENT, Kind.DELIVERED, Kind.DEFERRED, Kind.OPENED, Kind.CLICKED, Kind.AUTORESPONDED})


class Finder:
    """Finds what some facts are about; what is the same for a whole mailing is asked once."""

    def __init__(self) -> None:
        self.mailings: dict[int, tuple[str, datetime | None] | None] = {}
        self.salt = Publication.objects.current().salt

    def find(self, fact: Fact) -> Found:
        copy = self.copy_of(fact.names)
        if copy is not None and fact.kind in ABOUT_THE_COPY:
            recipient = fact.names.recipient
            return Found(*copy, address_hash=address_hash(recipient, self.salt) if recipient else "")
        if copy is not None:
            return self._of_copy(*copy, fact)
        if reader := leaver(fact.names):
            return Found(None, None, reader, reader.address_hash, domain_of(reader.email))
        if is_forged(fact.names):
            return FORGED
        return _by_address(fact.names.recipient, fact.at, is_vouched=fact.is_vouched)

    def copy_of(self, names: Names) -> tuple[int, int] | None:
        """Return mailing and seq of the first token or Message-ID that we signed; None if there is none."""
        found = chain(self._by_tokens(names.tokens), _by_message_ids(names.message_ids))
        return next((copy for copy in found if self._mailing(copy[0])), None)

    def _by_tokens(self, found: Iterable[str]) -> Iterator[tuple[int, int]]:
        for token in found:
            mailing_id, seq = divmod(tokens.number_of(token) or 0, 1 << SEQ_BITS)
            mailing = self._mailing(mailing_id)
            if mailing is not None and tokens.opens(token, "bounce", mailing[0]):
                yield mailing_id, seq

    def _mailing(self, mailing_id: int) -> tuple[str, datetime | None] | None:
        """Return what the tokens of a mailing are bound to and when its audience was fixed; None if there is none."""
        if mailing_id not in self.mailings:
            rows = Mailing.objects.filter(pk=mailing_id).values_list("token_salt", "planned_at")
            self.mailings[mailing_id] = rows.first()
        return self.mailings[mailing_id]

    def _of_copy(self, mailing_id: int, seq: int, fact: Fact) -> Found:
        reader_id, sent_at = _reader_and_time(mailing_id, seq)
        _salt, planned_at = self._mailing(mailing_id) or ("", None)
        if fact.kind == Kind.BOUNCED and not fact.is_vouched and _is_over(sent_at or planned_at, fact.at):
            return TOO_LATE
        recipient, reader = fact.names.recipient, Subscriber.objects.filter(pk=reader_id or 0).first()
        if reader is None or planned_at is None or _has_moved_since(reader, planned_at):
            return Found(mailing_id, seq, domain=domain_of(recipient))
        return Found(mailing_id, seq, reader, reader.address_hash, domain_of(reader.email))


def receiver(mailing_id: int, seq: int) -> Subscriber | None:
    """Return whose copy that is, whatever their address is now; None of a reader who was erased."""
    return Subscriber.objects.filter(pk=_reader_and_time(mailing_id, seq)[0] or 0).first()


def _is_over(sent_at: datetime | None, at: datetime) -> bool:
    return sent_at is not None and sent_at < at - REPORTED_WITHIN


def leaver(names: Names) -> Subscriber | None:
    """Return the reader whose token for leaving is among those that a mail was sent to, or quotes."""
    for token in filter(tokens.number_of, names.tokens):
        if reader := Subscriber.objects.opened_by(token, "unsubscribe"):
            return reader
    return None


def is_forged(names: Names) -> bool:
    """Return whether a report that no signature proves has something like one."""
    return any(map(tokens.number_of, names.tokens)) or any(map(OURS.match, names.message_ids))


def _by_message_ids(found: Iterable[str]) -> Iterator[tuple[int, int]]:
    for message_id in found:
        match = OURS.match(message_id)
        if match is None:
            continue
        name, given = match[1].lower(), match[4].lower()
        if any(hmac.compare_digest(digest[:16], given) for digest in tokens.digests("message-id", name)):
            yield int(match[2]), int(match[3])


def _reader_and_time(mailing_id: int, seq: int) -> tuple[int | None, datetime | None]:
    """Return whose copy that is and when it was sent, each None where nobody knows."""
    found = Delivery.objects.filter(mailing_id=mailing_id, seq=seq).values_list("subscriber_id", "sent_at")
    return found.first() or (None, None)


def _has_moved_since(reader: Subscriber, at: datetime) -> bool:
    """Return whether what was said of a copy that was planned at `at` is about an address that the reader has left."""
    return reader.address_changes.filter(Q(confirmed_at__gt=at) | Q(undone_at__gt=at)).exists()


def _by_address(recipient: str, at: datetime, *, is_vouched: bool) -> Found:
    if "@" not in recipient:
        return NOBODY
    reader = Subscriber.objects.filter(address_hash=address_hash(recipient)).first()
    if reader is None:
        return NOBODY
    lately = Delivery.objects.filter(subscriber=reader, state__in=WAS_HANDED_OVER, sent_at__gte=at - LATELY)
    copy = lately.order_by("-mailing_id").values_list("mailing_id", "seq").first()
    if copy is None and not is_vouched:
        return NOBODY
    mailing_id, seq = copy or (None, None)
    return Found(mailing_id, seq, reader, reader.address_hash, domain_of(reader.email), is_proven=is_vouched)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()[:100] if "@" in address else ""
