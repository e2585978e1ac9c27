"""Alerts about mailings: recorded first, mailed later. Also the base class of all mails to the author."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy

from newsletter.delivery.events import rules
from newsletter.delivery.models import Alert, Mailing, Reminder, ResultLetter
from newsletter.mail import letters, tokens
from newsletter.mail.mail_queue import BACKOFF_MAX, MailQueue, Retry, backoff
from newsletter.mail.message import Mail, build_automatic_mail
from newsletter.mail.smtp_replies import SendFailure
from newsletter.publication.changes import Via
from newsletter.publication.models import Publication
from subscribers.addresses import mask_addresses
from subscribers.models import cached_reader_counts


def recipient_addresses() -> list[str]:
    """Addresses of staff who may send issues: a reminder's links send one without a login."""
    users = User.objects.with_perm("issues.send_issue", backend="django.contrib.auth.backends.ModelBackend")
    return list(users.filter(is_staff=True).exclude(email="").order_by("pk").values_list("email", flat=True))


class AuthorMailQueue[Row: (Alert, Reminder, ResultLetter)](MailQueue[Row]):
    """One mail to everybody who may send issues, retried whatever the server replies.

    Addresses are queried at each try: a mistyped one may have been corrected.
    """

    def is_wanted(self, row: Row, now: datetime) -> bool:
        return bool(recipient_addresses())

    def retry(self, row: Row, failure: SendFailure, now: datetime) -> Retry:
        return Retry(now + backoff(row.tries, BACKOFF_MAX), row.tries)


LINK_PURPOSE = "cancel"


def cancel_token(mailing: Mailing) -> str:
    return tokens.sign(LINK_PURPOSE, mailing.pk, mailing.token_salt)


def cancel_url(mailing: Mailing) -> str:
    return settings.SITE_URL + reverse("delivery:cancel", args=[cancel_token(mailing)])


def mailing_by_token(token: str) -> Mailing | None:
    announced = Mailing.objects.filter(alerts__kind="announced").select_related("issue").defer("html", "text")
    mailing = announced.filter(pk=tokens.unverified_id(token) or 0).first()
    return mailing if mailing and tokens.is_valid(token, LINK_PURPOSE, mailing.token_salt) else None


Kind = Alert.Kind
UNATTENDED_AFTER = timedelta(minutes=10)
FAILED_SHARE_MIN, FAILED_COPIES_MIN = 0.05, 5  # of finished deliveries: one bad address of three is no alarm
GIVE_UP_AFTER = timedelta(days=3)  # the desk shows alerts anyway
PAUSE_KINDS = [Kind.STOPPED, Kind.LATE]

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


def record_alerts(now: datetime) -> int:
    """Record new alerts about recent mailings; return how many."""
    sent = Mailing.objects.filter(state=Mailing.State.SENT, finished_at__gt=now - GIVE_UP_AFTER)
    recent = (Mailing.objects.open() | sent).defer("html", "text")
    found = [(mailing, *alert) for mailing in recent for alert in _current_alerts(mailing)]
    paused = {mailing.pk for mailing, kind, _detail in found if kind in PAUSE_KINDS}
    ended = Alert.objects.filter(kind__in=PAUSE_KINDS, ended_at__isnull=True).exclude(mailing__in=paused)
    if ended.exists():  # an UPDATE without rows would still lock SQLite
        ended.update(ended_at=now)  # so that the next pause is mailed again
    rows = [Alert(mailing=mailing, kind=kind, detail=detail, at=now, due_at=now) for mailing, kind, detail in found]
    return insert_new(rows)


def insert_new(rows: Sequence[Model]) -> int:
    """Insert rows unless they exist; return how many are new."""
    if not rows:  # the usual case, without a count
        return 0
    objects = type(rows[0])._default_manager
    before = objects.count()
    objects.bulk_create(rows, ignore_conflicts=True)
    return objects.count() - before


def record_unattended(now: datetime) -> None:
    """Record mailings that no worker has begun in time. Call it before they are begun."""
    unattended = Mailing.objects.due(now - UNATTENDED_AFTER).defer("html", "text")
    rows = [Alert(mailing=mailing, kind=Kind.UNATTENDED, at=now, due_at=now) for mailing in unattended]
    Alert.objects.bulk_create(rows, ignore_conflicts=True)


def _current_alerts(mailing: Mailing) -> Iterator[tuple[Kind, str]]:
    if mailing.state in {Mailing.State.SENDING, Mailing.State.SENT}:
        for refusing in rules.refusing_domains(mailing):
            yield Kind.REFUSED, str(refusing)
    if mailing.state == Mailing.State.SENT:
        yield Kind.FINISHED, ""
        return
    if mailing.state == Mailing.State.PAUSED and mailing.paused_by != Mailing.Cause.AUTHOR:
        waits = mailing.paused_by in {Mailing.Cause.LATE, Mailing.Cause.DOWNTIME}
        yield (Kind.LATE if waits else Kind.STOPPED), mask_addresses(mailing.reason)
    if mailing.planned_at:
        counts = mailing.counts()
        if counts.uncertain:
            yield Kind.UNCERTAIN, ""
        if counts.failed >= FAILED_COPIES_MIN and counts.failed > FAILED_SHARE_MIN * counts.finished:
            yield Kind.FAILING, ""


class AlertMailQueue(AuthorMailQueue[Alert]):
    model = Alert

    def due_rows(self, now: datetime) -> QuerySet[Alert]:
        return super().due_rows(now).filter(at__gt=now - GIVE_UP_AFTER)

    def is_wanted(self, row: Alert, now: datetime) -> bool:
        is_over = row.kind == Kind.ANNOUNCED and row.mailing.state not in Mailing.OPEN_STATES
        return not is_over and super().is_wanted(row, now)

    def build(self, row: Alert, now: datetime) -> tuple[Mail, dict[str, object]]:
        return build_alert_mail(row, recipient_addresses()), {"notified_at": now}


def send_due(now: datetime) -> int:
    return AlertMailQueue().send_due(now)


def build_alert_mail(alert: Alert, addresses: list[str]) -> Mail:
    publication = Publication.objects.current()
    mailing = alert.mailing
    context = {
        "publication": publication,
        "alert": alert,
        "kind": alert.kind,
        "mailing": mailing,
        "issue": mailing.issue,
        "counts": mailing.counts(),
        "url": settings.SITE_URL + reverse("admin:mailing", args=[mailing.pk]),
    }
    if alert.kind == Kind.ANNOUNCED:  # scheduled by the API: by whom, and for how many readers
        step = mailing.steps.filter(via=Via.API, send_at__isnull=False).order_by("pk").last()
        readers = 0 if mailing.segment or mailing.planned_at else cached_reader_counts(alert.at).mailable
        context |= {"by": step.by if step else "", "readers": readers, "cancel_url": cancel_url(mailing)}
    with translation.override(publication.language), timezone.override(publication.zone):
        time = date_format(timezone.localtime(mailing.send_at), "DATETIME_FORMAT")
        subject = str(SUBJECTS[Kind(alert.kind)]) % {"issue": mailing.issue, "time": time}
        letter = letters.render("notice", subject, context, base_url=settings.SITE_URL)
    return build_automatic_mail(letter, "notice", alert.pk, sender=publication.sender, addresses=addresses)
