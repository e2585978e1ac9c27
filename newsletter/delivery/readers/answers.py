"""The author's answer to a reply: one mail to who wrote it, in the conversation as their program knows it.

It goes to the address that the reply came from, never to one that its Reply-To names: nobody shall steer it elsewhere.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils import translation

from newsletter.delivery.models import Answer, Reply
from newsletter.delivery.readers.single_mails import SingleMail
from newsletter.mail import letters
from newsletter.mail.characters import single_line
from newsletter.mail.marked import MarkedMail
from newsletter.mail.message import SUBJECT_LENGTH, Mail, build
from newsletter.mail.replies import NotSent, Trouble
from newsletter.publication.models import Publication
from subscribers.models import Suppression, address_hash

REFERENCES_MAX = 12  # a header of some hundred octets
QUOTED_MAX = 3_000  # characters of the reply that the answer quotes
AGAIN = ("re:", "re：", "回覆:", "回覆：", "回复:", "回复：", "aw:", "sv:")


class AnswerMail(MarkedMail[Answer], SingleMail[Answer]):
    """One answer: marked before it leaves, so that a worker that dies sends nobody the same words twice."""

    model, mark, what = Answer, "sent_at", "answers to readers"

    def waiting(self, now: datetime) -> QuerySet[Answer]:
        return super().waiting(now).select_related("reply")

    def write(self, row: Answer, now: datetime) -> tuple[Mail, dict[str, object]]:
        if barred := why_not(row.reply):
            raise NotSent(Trouble.NEVER, barred)
        return message(row), {}

    def end(self, row: Answer, values: dict[str, object]) -> bool:
        return super().end(row, {"response": self.answer} | values)

    def give_up(self, row: Answer, error: Exception, now: datetime) -> bool:
        return super().end(row, {"response": str(error)[:200], "sent_at": None})


def why_not(reply: Reply) -> str:
    """Return why no answer can go to who wrote a reply; "" if one can."""
    if "@" not in reply.sender:
        return translation.gettext("The mail names no address.")
    found = Suppression.objects.filter(address_hash=address_hash(reply.sender)).first()
    return translation.gettext("No mail goes to this address: %s") % found.get_reason_display() if found else ""


def message(answer: Answer) -> Mail:
    """Build the mail of an answer; each try builds the same one."""
    reply, publication = answer.reply, Publication.objects.current()
    with translation.override(publication.language):
        context = {"publication": publication, "text": answer.text, "quoted": _cut(reply.text), "reply": reply}
        letter = letters.render("answer", subject_of(reply, publication), context, base_url=settings.SITE_URL)
    return build(
        letter,
        sender=publication.sender,
        to=(single_line(reply.sender_name), reply.sender),
        reply_to=publication.reply_to,
        headers={"Message-ID": answer.message_id} | _thread(answer),
    )


def subject_of(reply: Reply, publication: Publication) -> str:
    """Return the subject of an answer: what the reply had, with one Re: before it."""
    words = single_line(reply.subject) or publication.name
    subject = words if words.lower().startswith(AGAIN) else f"Re: {words}"
    return subject[:SUBJECT_LENGTH]


def _thread(answer: Answer) -> dict[str, str]:
    """Return the headers by which programs put an answer under what it answers."""
    reply = answer.reply
    if not reply.message_id:
        return {}
    replies = list(Reply.objects.thread(reply))
    before = Answer.objects.filter(reply__in=replies, pk__lt=answer.pk)
    said = [(one.received_at, one.message_id) for one in replies if one.received_at <= reply.received_at]
    said += [(one.written_at, one.message_id) for one in before]
    names = [name for _at, name in sorted(said) if name and name != reply.message_id]
    return {"In-Reply-To": reply.message_id, "References": " ".join([*names[-REFERENCES_MAX:], reply.message_id])}


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED_MAX else f"{text[:QUOTED_MAX]}…"
