"""What is common to the mails to the author: who gets them, and how long they are tried."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy

from newsletter.delivery.events import rules
from newsletter.delivery.models import Counts, Happening, Mailing, Reminder, ResultLetter
from newsletter.mail import headers, letters, tokens
from newsletter.mail.due import BACK_OFF_MAX, DueMail, Retry, doubled
from newsletter.mail.message import Mail, automatic
from newsletter.mail.replies import Trouble
from newsletter.publication.changes import Via
from newsletter.publication.models import Publication
from subscribers.addresses import without_addresses
from subscribers.models import kept_tally


def who_may_send() -> list[str]:
    """Return the addresses of those who get mails about issues: the links of a reminder send one without a login."""
    users = User.objects.with_perm("issues.send_issue", backend="django.contrib.auth.backends.ModelBackend")
    return list(users.filter(is_staff=True).exclude(email="").order_by("pk").values_list("email", flat=True))


class AuthorMail[Row: (Happening, Reminder, ResultLetter)](DueMail[Row]):
    """One mail to everybody who may send issues, tried for as long as it is of use, whatever a server says.

    The addresses are asked for at each try: one that was mistyped may have been mended since.
    """

    failed: ClassVar[str]  # what the log says, with the row and the error

    def is_wanted(self, row: Row, now: datetime) -> bool:
        return bool(who_may_send())

    def retry(self, row: Row, whose: Trouble, now: datetime) -> Retry:
        return Retry(now + doubled(row.tries, BACK_OFF_MAX), row.tries)

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        logging.getLogger(type(self).__module__).warning(self.failed, row, type(error).__name__)


PURPOSE = "cancel"


def token_of(mailing: Mailing) -> str:
    return tokens.sign(PURPOSE, mailing.pk, mailing.token_salt)


def cancel_url(mailing: Mailing) -> str:
    return settings.SITE_URL + reverse("delivery:cancel", args=[token_of(mailing)])


def cancelled_by(token: str) -> Mailing | None:
    """Return the mailing that a link cancels; None for what was never given out."""
    announced = Mailing.objects.filter(happenings__kind="announced").select_related("issue").defer("html", "text")
    found = announced.filter(pk=tokens.number_of(token) or 0).first()
    return found if found and tokens.opens(token, PURPOSE, found.token_salt) else None


Kind = Happening.Kind
UNATTENDED_AFTER = timedelta(minutes=10)
FAILING_SHARE, FAILING_AT_LEAST = 0.05, 5  # of the copies answered for: one bad address of three readers is no alarm
GIVE_UP_AFTER = timedelta(days=3)  # the desk shows it all the same
PAUSES = [Kind.STOPPED, Kind.LATE]

SUBJECTS = {
    Kind.STOPPED: gettext_lazy("Paused: %(issue)s"),
    Kind.LATE: gettext_lazy("Waits for you: %(issue)s"),
    Kind.UNATTENDED: gettext_lazy("No worker for %(issue)s"),
    Kind.UNCERTAIN: gettext_lazy("Some copies are uncertain: %(issue)s"),
    Kind.FAILING: gettext_lazy("Many copies fail: %(issue)s"),
    Kind.REFUSED: gettext_lazy("A receiver refuses %(issue)s"),
    Kind.FINISHED: gettext_lazy("Sent: %(issue)s"),
    Kind.ANNOUNCED: gettext_lazy("Goes out on %(time)s: %(issue)s"),
}


# --- What happened ---


def observe(now: datetime) -> int:
    """Write down what is new about the mailings of the last days; return how much that is."""
    recent = Mailing.objects.open() | Mailing.objects.filter(
        state=Mailing.State.SENT, finished_at__gt=now - GIVE_UP_AFTER
    )
    found = [(one, *fact) for one in recent.defer("html", "text") for fact in _facts(one, now)]
    _end_pauses({one.pk for one, kind, _detail in found if kind in PAUSES}, now)
    rows = [Happening(mailing=one, kind=kind, detail=detail, at=now, due_at=now) for one, kind, detail in found]
    if not rows:
        return 0
    before = Happening.objects.count()
    Happening.objects.bulk_create(rows, ignore_conflicts=True)
    return Happening.objects.count() - before


def observe_unattended(now: datetime) -> None:
    """Write down which mailings no worker took up in time; call it before they are begun."""
    waited = Mailing.objects.due(now - UNATTENDED_AFTER).defer("html", "text")
    rows = [Happening(mailing=one, kind=Kind.UNATTENDED, at=now, due_at=now) for one in waited]
    Happening.objects.bulk_create(rows, ignore_conflicts=True)


def _end_pauses(paused: set[int], now: datetime) -> None:
    """End the notes of pauses that are over, so that the next pause is mailed again."""
    over = Happening.objects.filter(kind__in=PAUSES, ended_at__isnull=True).exclude(mailing__in=paused)
    if over.exists():  # an UPDATE of nothing would lock a database that is one file
        over.update(ended_at=now)


def _facts(mailing: Mailing, now: datetime) -> Iterator[tuple[Kind, str]]:
    if mailing.state in {Mailing.State.SENDING, Mailing.State.SENT}:
        for refusing in rules.refusing(mailing):
            yield Kind.REFUSED, str(refusing)
    if mailing.state == Mailing.State.SENT:
        yield Kind.FINISHED, ""
        return
    if mailing.state == Mailing.State.PAUSED and mailing.paused_by != Mailing.Cause.AUTHOR:
        is_late = mailing.paused_by == Mailing.Cause.LATE
        yield (Kind.LATE if is_late else Kind.STOPPED), without_addresses(mailing.reason)
    if mailing.planned_at:
        yield from _about_copies(mailing.counts())


def _about_copies(counts: Counts) -> Iterator[tuple[Kind, str]]:
    if counts.uncertain:
        yield Kind.UNCERTAIN, ""
    if counts.failed >= FAILING_AT_LEAST and counts.failed > FAILING_SHARE * counts.finished:
        yield Kind.FAILING, ""


# --- Who is mailed ---


class AlertMail(AuthorMail[Happening]):
    """The one mail about something that happened; the desk shows it all the same."""

    model, failed = Happening, "the author is not told of %s yet: %s"

    def waiting(self, now: datetime) -> QuerySet[Happening]:
        return super().waiting(now).filter(at__gt=now - GIVE_UP_AFTER)

    def is_wanted(self, row: Happening, now: datetime) -> bool:
        is_over = row.kind == Kind.ANNOUNCED and row.mailing.state not in Mailing.OPEN_STATES
        return not is_over and super().is_wanted(row, now)

    def write(self, row: Happening, now: datetime) -> tuple[Mail, dict[str, object]]:
        return message(row, who_may_send()), {"notified_at": now}


MAIL = AlertMail()
send_due = MAIL.send_due


def message(happening: Happening, addresses: list[str]) -> Mail:
    publication = Publication.objects.current()
    mailing = happening.mailing
    context = {
        "publication": publication,
        "happening": happening,
        "kind": happening.kind,
        "mailing": mailing,
        "issue": mailing.issue,
        "counts": mailing.counts(),
        "url": settings.SITE_URL + reverse("admin:mailing", args=[mailing.pk]),
    }
    if happening.kind == Kind.ANNOUNCED:
        context |= _announced(mailing, happening.at)
    with translation.override(publication.language), timezone.override(publication.zone):
        time = date_format(timezone.localtime(mailing.send_at), "DATETIME_FORMAT")
        subject = str(SUBJECTS[Kind(happening.kind)]) % {"issue": mailing.issue, "time": time}
        letter = letters.render("notice", subject, context, base_url=settings.SITE_URL)
    domain = publication.sender_email.rpartition("@")[2]
    message_id = headers.message_id("notice", happening.pk, domain=domain)
    return automatic(letter, sender=publication.sender, addresses=addresses, message_id=message_id)


def _announced(mailing: Mailing, at: datetime) -> dict[str, object]:
    """Return what is said of a time that a program has set: by whose token, to how many, and how to stop it."""
    step = mailing.steps.filter(via=Via.API, send_at__isnull=False).order_by("pk").last()
    readers = 0 if mailing.segment or mailing.planned_at else kept_tally(at).mailable
    return {"by": step.by if step else "", "readers": readers, "cancel_url": cancel_url(mailing)}
