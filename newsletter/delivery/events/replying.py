"""A person's mail becomes a reply on the desk: whose it is, which issue it is about, and what it goes on with.

It surely is the reader's if it answers a copy of theirs, which only who has that copy can name, and comes from their
address. Either of it alone says who it may be. A mail of the author's own, sent with our mailbox in copy, is kept as
the answer to the reply that it names.
"""

from dataclasses import asdict, dataclass
from hashlib import sha256

from newsletter.delivery.events.facts import Letter, Names
from newsletter.delivery.events.finding import Finder, receiver
from newsletter.delivery.models import Answer, Arrival, Mailing, Reply, ReplyMail
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash


@dataclass(frozen=True)
class Place:
    """Whom and what a mail belongs to. before: a reply of the same conversation."""

    reader: Subscriber | None
    is_certain: bool = False
    issue_id: int | None = None
    before: Reply | None = None


def take_in(arrival: Arrival, letter: Letter) -> Reply | None:
    """Keep a mail as a reply, once, and its octets with it instead of with the arrival.

    Return None for an answer of the author's own, which is kept as one.
    """
    if not arrival.body:  # it was taken in before
        return None
    if _is_by_author(letter) and (about := _answered_reply(letter)):
        _keep_answer(about, letter, arrival)
        Arrival.objects.filter(pk=arrival.pk).update(body=b"")
        return None
    place = _place(letter)
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
        "received_at": arrival.received_at,
    }
    reply, is_new = Reply.objects.get_or_create(key=letter.key, defaults=row)
    if is_new and letter.files:
        ReplyMail.objects.create(reply=reply, body=bytes(arrival.body))
    Arrival.objects.filter(pk=arrival.pk).update(body=b"")
    return reply


# --- Whose it is ---


def _place(letter: Letter) -> Place:
    writer = _reader_at(letter.sender)
    before = _before(letter)
    if before and before.subscriber_id == (writer.pk if writer else None):
        return Place(writer, writer is not None, before.issue_id, before)
    copy = Finder().copy_of(Names(message_ids=letter.answers))
    if copy is None:
        return Place(writer)
    owner = receiver(*copy)
    issue_id = Mailing.objects.filter(pk=copy[0]).values_list("issue_id", flat=True).first()
    is_certain = owner is not None and writer is not None and owner.pk == writer.pk
    return Place(writer or owner, is_certain, issue_id)


def _reader_at(address: str) -> Subscriber | None:
    return Subscriber.objects.filter(address_hash=address_hash(address)).first() if "@" in address else None


def _before(letter: Letter) -> Reply | None:
    answer = Answer.objects.filter(message_id__in=letter.answers).select_related("reply").order_by("-pk").first()
    return answer.reply if answer else None


# --- Answers of the author's own ---


def _is_by_author(letter: Letter) -> bool:
    publication = Publication.objects.current()
    own = {publication.sender_email.lower(), publication.reply_to.lower()} - {""}
    return letter.sender.lower() in own


def _answered_reply(letter: Letter) -> Reply | None:
    return Reply.objects.filter(message_id__in=letter.answers).order_by("-pk").first() if letter.answers else None


def _keep_answer(reply: Reply, letter: Letter, arrival: Arrival) -> None:
    digest = sha256(letter.key.encode()).hexdigest()[:32]
    at = arrival.received_at
    row = {"text": letter.text, "message_id": letter.message_id, "written_at": at, "sent_at": at}
    _answer, is_new = Answer.objects.get_or_create(reply=reply, digest=digest, defaults=row)
    if is_new:
        Reply.objects.thread(reply).filter(answered_at=None, received_at__lte=at).update(answered_at=at)
