"""Stores a person's mail as a reply: finds its reader, its issue and its conversation.

The reader is certain if the mail answers one of their deliveries, whose Message-ID only its recipient knows, and comes
from their address. One of the two alone is a guess. A mail by the author, sent with our mailbox in Cc, is stored as an
answer to the reply that it references.
"""

from dataclasses import asdict
from hashlib import sha256

from newsletter.delivery.events.matching import CopyMatcher, reader_of_copy
from newsletter.delivery.events.parsed import DeliveryReference, PersonalMail
from newsletter.delivery.models import Answer, InboundMessage, Mailing, Reply, ReplyMail
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash


def store_reply(inbound: InboundMessage, mail: PersonalMail) -> Reply | None:
    """Store a mail as a reply, once, and move its raw body there.

    Returns None for an answer by the author, which is stored as one.
    """
    if not inbound.body:  # stored before
        return None
    publication = Publication.objects.current()
    own_addresses = {publication.sender_email.lower(), publication.reply_to.lower()} - {""}
    answered = Reply.objects.filter(message_id__in=mail.replies_to).order_by("-pk")
    if mail.sender.lower() in own_addresses and (replied_to := answered.first()):
        _store_author_answer(replied_to, mail, inbound)
        InboundMessage.objects.filter(pk=inbound.pk).update(body=b"")
        return None
    row = _context_columns(mail) | {
        "message_id": mail.message_id,
        "sender": mail.sender,
        "sender_name": mail.sender_name,
        "subject": mail.subject,
        "text": mail.text,
        "quoted": mail.quoted,
        "files": [asdict(one) for one in mail.files],
        "more_files": mail.more_files,
        "received_at": inbound.received_at,
    }
    reply, is_new = Reply.objects.get_or_create(key=mail.dedup_key, defaults=row)
    if is_new and mail.files:
        ReplyMail.objects.create(reply=reply, body=bytes(inbound.body))
    InboundMessage.objects.filter(pk=inbound.pk).update(body=b"")
    return reply


def _context_columns(mail: PersonalMail) -> dict[str, object]:
    """The columns of a reply for its reader, its issue and its conversation."""
    hashes = [address_hash(mail.sender)] if "@" in mail.sender else []
    writer = Subscriber.objects.filter(address_hash__in=hashes).first()
    answer = Answer.objects.filter(message_id__in=mail.replies_to).select_related("reply").order_by("-pk").first()
    previous = answer.reply if answer else None
    if previous and previous.subscriber_id == (writer.pk if writer else None):
        thread_id, is_certain = previous.thread_id or previous.pk, writer is not None
        return {"subscriber": writer, "is_certain": is_certain, "issue_id": previous.issue_id, "thread_id": thread_id}
    copy = CopyMatcher().copy_of(DeliveryReference(message_ids=mail.replies_to))
    if copy is None:
        return {"subscriber": writer}
    owner = reader_of_copy(*copy)
    issue_id = Mailing.objects.filter(pk=copy[0]).values_list("issue_id", flat=True).first()
    is_certain = owner is not None and writer is not None and owner.pk == writer.pk
    return {"subscriber": writer or owner, "is_certain": is_certain, "issue_id": issue_id}


def _store_author_answer(reply: Reply, mail: PersonalMail, inbound: InboundMessage) -> None:
    digest = sha256(mail.dedup_key.encode()).hexdigest()[:32]
    at = inbound.received_at
    row = {"text": mail.text, "message_id": mail.message_id, "written_at": at, "sent_at": at}
    _answer, is_new = Answer.objects.get_or_create(reply=reply, digest=digest, defaults=row)
    if is_new:
        Reply.objects.thread(reply).filter(answered_at=None, received_at__lte=at).update(answered_at=at)
