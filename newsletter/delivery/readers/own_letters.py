"""What became of a reader's copies, and what they answered: chapters of their own data."""

from collections.abc import Iterable, Iterator

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.delivery.models import CourseCopy, Delivery, Event, Mailing, Quote, Reply
from newsletter.delivery.models.replies import Feedback
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
from subscribers.own_data import LINES_MAX, Chapter, Line

WORDS: dict[int, Promise] = {
    Delivery.State.SENT: gettext_lazy("%(issue)s: sent"),
    Delivery.State.FAILED: gettext_lazy("%(issue)s: your mail server refused it"),
    Delivery.State.UNCERTAIN: gettext_lazy("%(issue)s: handed over, but no answer came back"),
    Delivery.State.DEFERRED: gettext_lazy("%(issue)s: is tried again"),
    Delivery.State.QUEUED: gettext_lazy("%(issue)s: waits to be sent"),
    Delivery.State.SKIPPED: gettext_lazy("%(issue)s: left out, because you had paused or left"),
}


def letters(reader: Subscriber) -> Chapter:
    copies = list(Delivery.objects.filter(subscriber=reader).order_by("-mailing_id")[:LINES_MAX])
    numbers = [copy.mailing_id for copy in copies]
    mailings = Mailing.objects.select_related("issue").defer("html", "text").in_bulk(numbers)
    lines = [_line(mailings[copy.mailing_id], copy) for copy in copies if copy.mailing_id in mailings]
    where = _("Look in the spam folder and in folders that a filter fills, or search for %(sender)s.")
    intro = where % {"sender": Publication.objects.current().sender_email}
    return Chapter("letters", _("Where is my letter?"), (*lines, *_first_letters(reader)), intro=intro)


def _line(mailing: Mailing, copy: Delivery) -> Line:
    words = str(WORDS[Delivery.State(copy.state)]) % {"issue": mailing.issue}
    moment = copy.sent_at or mailing.finished_at or mailing.planned_at or mailing.approved_at
    return Line(moment, words, _answered(copy.reply))


def _answered(words: str) -> tuple[str, ...]:
    return (_("The mail server answered: %s") % words,) if words else ()


def _first_letters(reader: Subscriber) -> Iterable[Line]:
    """Yield the past issues that came after the welcome, or will."""
    for copy in CourseCopy.objects.filter(subscriber=reader).select_related("issue").order_by("-position"):
        if copy.sent_at:
            words = _("%(issue)s: sent, as a first letter") % {"issue": copy.issue}
            yield Line(copy.sent_at, words, _answered(copy.reply))
        elif not copy.stopped_at:
            yield Line(copy.planned_for, _("%(issue)s: comes to you as a first letter") % {"issue": copy.issue})


def answers(reader: Subscriber) -> Chapter:
    given = Feedback.objects.filter(subscriber=reader).select_related("issue").order_by("-given_at")[:LINES_MAX]
    lines = (Line(one.given_at, f"{one.issue}: {one.get_answer_display()}") for one in given)
    return Chapter("feedback", _("What you said of issues"), tuple(lines))


def replies(reader: Subscriber) -> Chapter:
    found = Reply.objects.filter(subscriber=reader).select_related("issue").prefetch_related("answers")
    return Chapter("replies", _("Your replies to issues"), (*_of_replies(found[:LINES_MAX]), *_of_quotes(reader)))


def _of_replies(found: Iterable[Reply]) -> Iterator[Line]:
    for one in found:
        files = tuple(_("attached: %s") % file["name"] for file in one.files)
        yield Line(one.received_at, one.text, (one.subject, *([str(one.issue)] if one.issue else ()), *files))
        for answer in one.answers.all():
            yield Line(answer.written_at, _("The author answered: %s") % answer.text)


def _of_quotes(reader: Subscriber) -> Iterator[Line]:
    for one in Quote.objects.filter(subscriber=reader).select_related("issue")[:LINES_MAX]:
        what = _("Asked whether it may be quoted: %s") % one.passage
        yield Line(one.asked_at, what, (one.get_state_display(), *([str(one.issue)] if one.issue else ())))


def reports(reader: Subscriber) -> Chapter:
    """Return what mail servers and providers reported of a reader's letters: kept by the address alone."""
    told = Event.objects.filter(address_hash=reader.address_hash).order_by("-at")[:LINES_MAX]
    lines = (Line(one.at, one.get_kind_display(), tuple(filter(None, [one.words]))) for one in told)
    return Chapter("reports", _("What was reported of your letters"), tuple(lines))
