"""A reader's letters, feedback and replies, as chapters of their own data."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.delivery.models import CourseCopy, Delivery, Event, Mailing, Quote, Reply
from newsletter.delivery.models.replies import Feedback
from newsletter.publication.models import Publication
from subscribers.models import Consent, Subscriber
from subscribers.own_data import LINES_MAX, DataChapter, DataLine

STATE_TEXTS: dict[int, Promise] = {
    Delivery.State.SENT: gettext_lazy("%(issue)s: sent"),
    Delivery.State.FAILED: gettext_lazy("%(issue)s: your mail server refused it"),
    Delivery.State.UNCERTAIN: gettext_lazy("%(issue)s: handed over, but no answer came back"),
    Delivery.State.DEFERRED: gettext_lazy("%(issue)s: is tried again"),
    Delivery.State.QUEUED: gettext_lazy("%(issue)s: waits to be sent"),
    Delivery.State.SKIPPED: gettext_lazy("%(issue)s: left out, because you had paused or left"),
}
JOINED_KINDS = [Consent.Kind.CONFIRMED, Consent.Kind.IMPORTED]


def letters_chapter(reader: Subscriber) -> DataChapter:
    """The letters to a reader, newest first, with reports about them."""
    reports = _reports(reader)
    copies = list(Delivery.objects.filter(subscriber=reader).order_by("-mailing_id")[:LINES_MAX])
    numbers = [copy.mailing_id for copy in copies]
    mailings = Mailing.objects.select_related("issue").defer("html", "text").in_bulk(numbers)
    lines = []
    for copy in copies:
        if mailing := mailings.get(copy.mailing_id):
            reported = [f"{_local_time(one.at)} {_report_text(one)}" for one in reports.pop(mailing.pk, ())]
            lines.append(_copy_line(mailing, copy, reported))
    other = (DataLine(one.at, _report_text(one)) for found in reports.values() for one in found)
    lines += [*_course_lines(reader), *_signup_lines(reader), *other]
    lines.sort(key=lambda line: line.at.timestamp() if line.at else 0, reverse=True)
    where = _("Look in the spam folder, or search for %(sender)s. Each issue is on this site, too.")
    intro = where % {"sender": Publication.objects.current().sender_email}
    return DataChapter("letters", _("Where is my letter?"), tuple(lines), intro=intro)


def _copy_line(mailing: Mailing, copy: Delivery, more: Iterable[str]) -> DataLine:
    reply = _("The mail server answered: %s") % copy.reply if copy.reply else ""
    is_correction = mailing.kind == Mailing.Kind.CORRECTION
    name = _("Correction, %(issue)s") % {"issue": mailing.issue} if is_correction else str(mailing.issue)
    text = str(STATE_TEXTS[Delivery.State(copy.state)]) % {"issue": name}
    moment = copy.sent_at or mailing.finished_at or mailing.planned_at or mailing.approved_at
    return DataLine(moment, text, tuple(filter(None, (reply, *more))))


def _signup_lines(reader: Subscriber) -> Iterator[DataLine]:
    sent = str(STATE_TEXTS[Delivery.State.SENT])
    if asked_at := reader.confirmation_sent_at:
        is_notice = reader.is_reader and reader.confirmed_at is not None and asked_at > reader.confirmed_at
        name = _("Notice that you are a reader already") if is_notice else _("Confirmation of your sign-up")
        yield DataLine(asked_at, sent % {"issue": name})
    imported = Q(source__startswith="import ")  # those are marked as welcomed without a letter
    if reader.welcomed_at and reader.consents.filter(kind__in=JOINED_KINDS).exclude(imported).exists():
        yield DataLine(reader.welcomed_at, sent % {"issue": _("Letter of welcome")})


def _course_lines(reader: Subscriber) -> Iterable[DataLine]:
    for copy in CourseCopy.objects.filter(subscriber=reader).select_related("issue").order_by("-position"):
        reply = _("The mail server answered: %s") % copy.reply if copy.reply else ""
        if copy.sent_at:
            text = _("%(issue)s: sent, as a first letter") % {"issue": copy.issue}
            yield DataLine(copy.sent_at, text, tuple(filter(None, [reply])))
        elif not copy.stopped_at:
            yield DataLine(copy.planned_for, _("%(issue)s: comes to you as a first letter") % {"issue": copy.issue})


def _reports(reader: Subscriber) -> dict[int | None, list[Event]]:
    """Events by the reader's address hash, by mailing; those of other letters by None."""
    found: defaultdict[int | None, list[Event]] = defaultdict(list)
    for one in Event.objects.filter(address_hash=reader.address_hash).order_by("-at")[:LINES_MAX]:
        found[one.mailing_id].append(one)
    return found


def _report_text(event: Event) -> str:
    return " ".join(filter(None, (event.get_kind_display(), event.words)))


def _local_time(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def feedback_chapter(reader: Subscriber) -> DataChapter:
    given = Feedback.objects.filter(subscriber=reader).select_related("issue").order_by("-given_at")[:LINES_MAX]
    template = _("%(what)s: %(detail)s")
    lines = (
        DataLine(one.given_at, template % {"what": one.issue, "detail": one.get_answer_display()}) for one in given
    )
    return DataChapter("feedback", _("What you said of issues"), tuple(lines))


def replies_chapter(reader: Subscriber) -> DataChapter:
    found = Reply.objects.filter(subscriber=reader).select_related("issue").prefetch_related("answers")
    lines = (*_reply_lines(found[:LINES_MAX]), *_quote_lines(reader))
    return DataChapter("replies", _("Your replies to issues"), lines)


def _reply_lines(found: Iterable[Reply]) -> Iterator[DataLine]:
    for one in found:
        files = tuple(_("attached: %s") % file["name"] for file in one.files)
        yield DataLine(one.received_at, one.text, (one.subject, *([str(one.issue)] if one.issue else ()), *files))
        for answer in one.answers.all():
            yield DataLine(answer.written_at, _("The author answered: %s") % answer.text)


def _quote_lines(reader: Subscriber) -> Iterator[DataLine]:
    for one in Quote.objects.filter(subscriber=reader).select_related("issue")[:LINES_MAX]:
        what = _("Asked whether it may be quoted: %s") % one.passage
        yield DataLine(one.asked_at, what, (one.get_state_display(), *([str(one.issue)] if one.issue else ())))
