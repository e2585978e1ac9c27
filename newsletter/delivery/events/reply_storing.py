"""Stores a person's mail as a reply: finds its reader, its issue and its conversation.

The reader is certain if the mail answers one of their deliveries, whose Message-ID only its recipient knows, and comes
from their address. One of the two alone is a guess. A mail by the author, sent with our mailbox in Cc, is stored as an
answer to the reply that it references.
"""

from dataclasses import asdict, dataclass
from hashlib import sha256

from newsletter.delivery.events.matching import CopyMatcher, reader_of_copy
from newsletter.delivery.events.parsed import DeliveryReference, PersonalMail
from newsletter.delivery.models import Answer, InboundMessage, Mailing, Reply, ReplyMail
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash


@dataclass(frozen=True)
class ReplyContext:
    """before: a reply of the same conversation."""

    reader: Subscriber | None
    is_certain: bool = False
    issue_id: int | None = None
    before: Reply | None = None


def store_reply(inbound: InboundMessage, letter: PersonalMail) -> Reply | None:
    """Store a mail as a reply, once, and move its raw body there.

    Returns None for an answer by the author, which is stored as one.
    """
    if not inbound.body:  # stored before
        return None
    if _is_by_author(letter) and (about := _answered_reply(letter)):
        _store_author_answer(about, letter, inbound)
        InboundMessage.objects.filter(pk=inbound.pk).update(body=b"")
        return None
    place = _reply_context(letter)
    row = {
        "subscriber": place.reader,
        "is_certain": place.is_certain,
        "issue_id": place.issue_id,
        "thread_id": (place.before.thread_id or place.before.pk) if place.before else None,
        "message_id": letter.message_id,
        "sender": letter.sender,
        "sender_name": letter.sender_name,
        "subject": letter.subject,
        "text": letter.text,
        "quoted": letter.quoted,
        "files": [asdict(one) for one in letter.files],
        "more_files": letter.more,
        "received_at": inbound.received_at,
    }
    reply, is_new = Reply.objects.get_or_create(key=letter.key, defaults=row)
    if is_new and letter.files:
        ReplyMail.objects.create(reply=reply, body=bytes(inbound.body))
    InboundMessage.objects.filter(pk=inbound.pk).update(body=b"")
    return reply


# --- Whose it is ---


def _reply_context(letter: PersonalMail) -> ReplyContext:
    writer = _reader_at(letter.sender)
    before = _previous_reply(letter)
    if before and before.subscriber_id == (writer.pk if writer else None):
        return ReplyContext(writer, writer is not None, before.issue_id, before)
    copy = CopyMatcher().copy_of(DeliveryReference(message_ids=letter.answers))
    if copy is None:
        return ReplyContext(writer)
    owner = reader_of_copy(*copy)
    issue_id = Mailing.objects.filter(pk=copy[0]).values_list("issue_id", flat=True).first()
    is_certain = owner is not None and writer is not None and owner.pk == writer.pk
    return ReplyContext(writer or owner, is_certain, issue_id)


def _reader_at(address: str) -> Subscriber | None:
    return Subscriber.objects.filter(address_hash=address_hash(address)).first() if "@" in address else None


def _previous_reply(letter: PersonalMail) -> Reply | None:
    answer = Answer.objects.filter(message_id__in=letter.answers).select_related("reply").order_by("-pk").first()
    return answer.reply if answer else None


# --- Answers of the author's own ---


def _is_by_author(letter: PersonalMail) -> bool:
    publication = Publication.objects.current()
    own = {publication.sender_email.lower(), publication.reply_to.lower()} - {""}
    return letter.sender.lower() in own


def _answered_reply(letter: PersonalMail) -> Reply | None:
    return Reply.objects.filter(message_id__in=letter.answers).order_by("-pk").first() if letter.answers else None


def _store_author_answer(reply: Reply, letter: PersonalMail, inbound: InboundMessage) -> None:
    digest = sha256(letter.key.encode()).hexdigest()[:32]
    at = inbound.received_at
    row = {"text": letter.text, "message_id": letter.message_id, "written_at": at, "sent_at": at}
    _answer, is_new = Answer.objects.get_or_create(reply=reply, digest=digest, defaults=row)
    if is_new:
        Reply.objects.thread(reply).filter(answered_at=None, received_at__lte=at).update(answered_at=at)
