"""A reader's letters, feedback and replies, as chapters of their own data; and the view to request an issue again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from newsletter.delivery.models import CourseCopy, Delivery, Event, Mailing, OnceMore, Quote, Reply
from newsletter.delivery.models.replies import Feedback
from newsletter.limits.public_views import private_view, same_origin
from newsletter.publication.models import Publication
from subscribers.models import Consent, Subscriber
from subscribers.own_data import LINES_MAX, DataButton, DataChapter, DataLine
from subscribers.pages.preferences import redirect_done
from subscribers.pages.views import invalid_link

STATE_TEXTS: dict[int, Promise] = {
    Delivery.State.SENT: gettext_lazy("%(issue)s: sent"),
    Delivery.State.FAILED: gettext_lazy("%(issue)s: your mail server refused it"),
    Delivery.State.UNCERTAIN: gettext_lazy("%(issue)s: handed over, but no answer came back"),
    Delivery.State.DEFERRED: gettext_lazy("%(issue)s: is tried again"),
    Delivery.State.QUEUED: gettext_lazy("%(issue)s: waits to be sent"),
    Delivery.State.SKIPPED: gettext_lazy("%(issue)s: left out, because you had paused or left"),
}
JOINED_KINDS = [Consent.Kind.CONFIRMED, Consent.Kind.IMPORTED]
REPEATABLE_STATES = {Delivery.State.SENT, Delivery.State.UNCERTAIN, Delivery.State.FAILED}


def letters_chapter(reader: Subscriber, token: str) -> DataChapter:
    """The letters to a reader, newest first, with reports about them. token: of the page; "" for no buttons."""
    copies, reports = _newest_copies(reader), _reports_by_mailing(reader)
    mailing_ids = [copy.mailing_id for copy in copies]
    mailings = Mailing.objects.select_related("issue").defer("html", "text").in_bulk(mailing_ids)
    asked = {row.issue_id: row for row in OnceMore.objects.filter(subscriber=reader)}
    listed: set[int] = set()  # keys of issues: a correction is a delivery of the same issue
    lines = []
    for copy in copies:
        if mailing := mailings.get(copy.mailing_id):
            row = None if mailing.issue_id in listed else asked.get(mailing.issue_id)
            can_ask = token and reader.is_reader and not {mailing.issue_id} & (listed | asked.keys())
            url = reverse("delivery:again", args=[token, mailing.issue.number]) if can_ask else ""
            is_repeatable = can_ask and copy.state in REPEATABLE_STATES
            button = DataButton(_("Send me this issue again"), url) if is_repeatable else None
            listed.add(mailing.issue_id)
            reported = [f"{_local_time(one.at)} {_report_text(one)}" for one in reports.pop(mailing.pk, ())]
            lines.append(_copy_line(mailing, copy, [*_once_more_notes(row), *reported], button))
    other = (DataLine(one.at, _report_text(one)) for found in reports.values() for one in found)
    lines += [*_course_lines(reader), *_signup_lines(reader), *other]
    lines.sort(key=lambda line: line.at.timestamp() if line.at else 0, reverse=True)
    where = _("Look in the spam folder and in folders that a filter fills, or search for %(sender)s.")
    intro = where % {"sender": Publication.objects.current().sender_email}
    return DataChapter("letters", _("Where is my letter?"), tuple(lines), intro=intro)


def _newest_copies(reader: Subscriber) -> list[Delivery]:
    return list(Delivery.objects.filter(subscriber=reader).order_by("-mailing_id")[:LINES_MAX])


def _copy_line(mailing: Mailing, copy: Delivery, more: Iterable[str], button: DataButton | None) -> DataLine:
    reply = _("The mail server answered: %s") % copy.reply if copy.reply else ""
    is_correction = mailing.kind == Mailing.Kind.CORRECTION
    name = _("Correction, %(issue)s") % {"issue": mailing.issue} if is_correction else str(mailing.issue)
    text = str(STATE_TEXTS[Delivery.State(copy.state)]) % {"issue": name}
    moment = copy.sent_at or mailing.finished_at or mailing.planned_at or mailing.approved_at
    return DataLine(moment, text, tuple(filter(None, (reply, *more))), button=button)


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


def _once_more_notes(row: OnceMore | None) -> Iterable[str]:
    if row is None:
        return
    if row.sent_at:
        yield _("Sent once more on %(at)s. %(answer)s") % {"at": _local_time(row.sent_at), "answer": row.reply}
    elif row.due_at:
        yield _("Is on its way to you once more.")
    else:
        yield _("Could not be sent once more: %s") % row.reply


def _reports_by_mailing(reader: Subscriber) -> dict[int | None, list[Event]]:
    """Events about the reader's address, keyed by mailing; under None those of letters without a mailing."""
    found: defaultdict[int | None, list[Event]] = defaultdict(list)
    for one in Event.objects.filter(address_hash=reader.address_hash).order_by("-at")[:LINES_MAX]:
        found[one.mailing_id].append(one)
    return found


def _report_text(event: Event) -> str:
    return " ".join(filter(None, (event.get_kind_display(), event.words)))


def _local_time(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def feedback_chapter(reader: Subscriber, token: str) -> DataChapter:
    given = Feedback.objects.filter(subscriber=reader).select_related("issue").order_by("-given_at")[:LINES_MAX]
    template = _("%(what)s: %(detail)s")
    lines = (
        DataLine(one.given_at, template % {"what": one.issue, "detail": one.get_answer_display()}) for one in given
    )
    return DataChapter("feedback", _("What you said of issues"), tuple(lines))


def replies_chapter(reader: Subscriber, token: str) -> DataChapter:
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


@private_view
@require_POST
@same_origin
def request_again(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """Store a request for an issue once more, if the reader had a delivery of it: beat sends it within seconds."""
    reader = Subscriber.objects.for_fresh_token(token, timezone.now())
    if reader is None:
        return invalid_link(request, token, "mine")
    mailing_ids = {copy.mailing_id for copy in _newest_copies(reader) if copy.state in REPEATABLE_STATES}
    mailing = get_object_or_404(Mailing.objects.filter(pk__in=mailing_ids, issue__number=number).order_by("-pk")[:1])
    is_new = reader.is_reader and OnceMore.objects.ask(reader, mailing, timezone.now())
    return redirect_done("mine", token, "again" if is_new else "not-again")
