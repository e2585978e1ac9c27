"""Every mail that the app can send, built by what builds it in earnest, from the rows of the demo publication.

Rows that only a mail's text depends on (a reader, a reminder) are not kept; mailings are, in the states that
the mails tell of. Nothing is sent.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatch
from itertools import count
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from benchmarks.letters import rarer
from benchmarks.letters.variants import COMPOSED, NAMES, ODD, PLAIN, TEXTS, Variant, compose
from newsletter.delivery import rehearsal
from newsletter.delivery.author import alerts, reminder_mails
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.losses import losses, losses_digest
from newsletter.delivery.models import Alert, Batch, CourseCopy, Delivery, Mailing, Reminder
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import count_copies
from newsletter.delivery.readers import course, missed, welcome
from newsletter.desk import demo
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import next_slots
from newsletter.mail.mail_queue import MAILER
from newsletter.mail.message import Mail
from newsletter.publication.changes import Via, acting_as
from newsletter.publication.models import Publication
from subscribers.mails.sending import build_change_mail, fresh_link_mail, reminder_mail, signup_mail
from subscribers.models import Pause, Subscriber
from subscribers.models.address_changes import AddressChange
from subscribers.models.mail_queue import FreshLink

Kind = Alert.Kind
NOTE = "第二段的數字寫錯了：是 **15%**，不是 51%。謝謝來信指出的讀者。"
AT_ONCE = timedelta()  # of a hold
AN_HOUR = timedelta(hours=1)


class Scene(NamedTuple):
    """What a mail is built from."""

    variant: Variant
    issue: Issue  # nobody else's, and unsent
    to: str
    now: datetime
    number: int  # in no other scene: what a Message-ID and the tokens are made of

    def reader(self, **fields: Any) -> Subscriber:
        own = {"email": self.to, "name": self.variant.name, "state": Subscriber.State.ACTIVE, "confirmed_at": self.now}
        own |= {"token_salt": "always alike"}  # else no two collections would be the same
        return Subscriber(pk=self.number, **(own | fields))

    @property
    def slot_at(self) -> datetime:
        return next_slots(Publication.objects.current(), 1)[0]


class Entry(NamedTuple):
    """A kind of mail: what builds it, the mailer it leaves by, and in which variants it is worth a look."""

    build: Callable[[Scene], Mail]
    variants: dict[str, Variant] = PLAIN
    mailer: str = "default"


class Made(NamedTuple):
    name: str  # such as issue-letter-3-full
    mailer: str  # of settings.MAILERS
    mail: Mail


# --- To readers ---


def _issue(scene: Scene) -> Mail:
    mailing = approving.approve(scene.issue, send_at=scene.slot_at, now=scene.now, hold=AT_ONCE)
    return _copy(mailing, scene)


def _correction(scene: Scene) -> Mail:
    if not count_copies(scene.issue):
        _finished(scene.issue, scene.now)
        Delivery.objects.filter(mailing__issue=scene.issue).update(state=Delivery.State.SENT, sent_at=scene.now)
    letter = rendering.freeze_letter(scene.issue, NOTE)
    known = losses_digest(losses(scene.issue, letter, NOTE))  # a subject of 200 characters is cut for "Correction"
    mailing = approving.schedule_correction(
        scene.issue, note=NOTE, send_at=None, now=scene.now, hold=AT_ONCE, acknowledged=known, letter=letter
    )
    return _copy(mailing, scene)


def _copy(mailing: Mailing, scene: Scene) -> Mail:
    """Build one copy; then cancel the mailing, so that the next look can have one of the same issue."""
    mail = rendering.build_copy(mailing, scene.reader(), ids=(mailing.pk, 0))
    mailing.cancel(scene.now)
    return mail


def _test_copy(scene: Scene) -> Mail:
    return rehearsal.build_test_copy(scene.issue, scene.to, scene.variant.name)


def _welcome(scene: Scene) -> Mail:
    return welcome.build_welcome(scene.reader(), timezone.now())


def _first_letter(scene: Scene) -> Mail:
    mailing = approving.approve(scene.issue, send_at=scene.slot_at, now=scene.now, hold=AT_ONCE)
    copy = CourseCopy(mailing=mailing, issue=scene.issue, position=1, subscriber=scene.reader())
    mail = course.build_course_mail(copy)
    mailing.cancel(scene.now)
    return mail


def _missed(scene: Scene) -> Mail:
    issues = list(Issue.objects.archived().order_by("number")[:3])
    pause = Pause(began_at=scene.now - timedelta(days=60), until=scene.now)
    return missed.build_missed_mail(scene.reader(), issues, pause)


def _first_welcome(scene: Scene) -> Mail:
    """Build the welcome of a publication that has sent nothing yet."""
    with transaction.atomic():
        Issue.objects.update(sent_at=None)
        mail = welcome.build_welcome(scene.reader(), timezone.now())
        transaction.set_rollback(True)
    return mail


def _confirmation(scene: Scene) -> Mail:
    return signup_mail(scene.reader(state=Subscriber.State.PENDING, confirmed_at=None, asked_times=1))


def _confirmation_reminder(scene: Scene) -> Mail:
    stranger = scene.reader(state=Subscriber.State.PENDING, confirmed_at=None, confirmation_sent_at=scene.now)
    return reminder_mail(stranger, scene.now + timedelta(days=2))


def _already(scene: Scene) -> Mail:
    return signup_mail(scene.reader(signup_round=2, asked_times=1))


def _new_address(scene: Scene) -> Mail:
    reader = scene.reader(email="former.reader@example.org")
    return build_change_mail(
        AddressChange(pk=scene.number, subscriber=reader, email=scene.to, asked_at=scene.now, token_salt="always alike")
    )


def _fresh_link(scene: Scene) -> Mail:
    return fresh_link_mail(FreshLink(pk=scene.number, subscriber=scene.reader()), scene.now)


def _address_changed(scene: Scene) -> Mail:
    reader = scene.reader(email="new.reader@example.org")
    change = AddressChange(pk=scene.number, subscriber=reader, email=reader.email, former=scene.to)
    change.token_salt = "always alike"
    change.asked_at = change.confirmed_at = scene.now
    return build_change_mail(change)


# --- To the author ---


def _planned(issue: Issue, now: datetime) -> Mailing:
    mailing = approving.approve(issue, send_at=now, now=now, hold=AT_ONCE)
    beginning.plan_mailing(mailing, now)
    return mailing


def _answered(mailing: Mailing, **bad: int) -> None:
    """Count every copy of a mailing as answered for: sent, but for those of `bad`, such as failed=5."""
    mailing.batches.update(state=Batch.State.DONE, cursor=F("hi"), sent=F("hi") - sum(bad.values()), **bad)


def _finished(issue: Issue, now: datetime) -> None:
    mailing = _planned(issue, now)
    _answered(mailing)
    mailing.finish(now)


def _stopped(issue: Issue, now: datetime) -> None:
    mailing = _planned(issue, now)
    mailing.batches.update(cursor=F("lo") + 4, sent=4)
    mailing.pause("535 5.7.8 Error: authentication failed")


def _late(issue: Issue, now: datetime) -> None:
    approving.approve(issue, send_at=now - beginning.LATE_AFTER - AN_HOUR, now=now - timedelta(days=1), hold=AT_ONCE)
    beginning.begin_due(now)


def _unattended(issue: Issue, now: datetime) -> None:
    approving.approve(issue, send_at=now - AN_HOUR, now=now - timedelta(days=1), hold=AT_ONCE)


def _uncertain(issue: Issue, now: datetime) -> None:
    _answered(_planned(issue, now), uncertain=3)


def _failing(issue: Issue, now: datetime) -> None:
    _answered(_planned(issue, now), failed=alerts.FAILED_COPIES_MIN)


def _announced(issue: Issue, now: datetime) -> None:
    with acting_as("edith (Obsidian)", Via.API):
        approving.approve(issue, send_at=now + AN_HOUR, now=now, hold=AT_ONCE)


def _notice(kind: Kind, happens: Callable[[Issue, datetime], None]) -> Callable[[Scene], Mail]:
    def build(scene: Scene) -> Mail:
        """Make it happen once, and render it anew in each look."""
        if not scene.issue.mailings.exists():
            happens(scene.issue, scene.now)
        Alert.objects.update(ended_at=scene.now)
        alerts.record_unattended(scene.now)
        alerts.record_alerts(scene.now)
        alert = Alert.objects.get(kind=kind, mailing__issue=scene.issue, ended_at=None)
        return alerts.build_alert_mail(alert, [scene.to])

    return build


def _result(scene: Scene) -> Mail:
    if not scene.issue.mailings.exists():
        _finished(scene.issue, scene.now)
    return rarer.result(scene, scene.issue.mailings.get())


def _scheduled(scene: Scene) -> Mail:
    """Announce it once; each look tells it anew, as another alert."""
    if not scene.issue.mailings.exists():
        _announced(scene.issue, scene.now)
    alert = Alert.objects.filter(kind=Kind.ANNOUNCED, mailing__issue=scene.issue).latest("pk")
    Alert.objects.update(ended_at=scene.now)
    alert.pk = None
    alert.save()
    return alerts.build_alert_mail(alert, [scene.to])


def _reminder(scene: Scene, kind: str, issue: Issue | None) -> Mail:
    reminder_mail = Reminder(pk=scene.number, kind=kind, slot_at=scene.slot_at, issue=issue, at=scene.now)
    return reminder_mails.build_reminder(reminder_mail, [scene.to], scene.now)


def _draft_due(scene: Scene) -> Mail:
    return _reminder(scene, Reminder.Kind.DRAFT, scene.issue)


def _none_there(scene: Scene) -> Mail:
    return _reminder(scene, Reminder.Kind.DRAFT, None)


def _to_approve(scene: Scene) -> Mail:
    return _reminder(scene, Reminder.Kind.LETTER, scene.issue)


KINDS = {
    # The welcome comes before others send an issue, which it would bring along.
    "welcome": Entry(_welcome, PLAIN | NAMES, MAILER),
    "course": Entry(_first_letter, PLAIN | NAMES),
    "missed": Entry(_missed, PLAIN | NAMES),
    "welcome-first": Entry(_first_welcome, mailer=MAILER),
    "issue": Entry(_issue, COMPOSED | TEXTS | ODD, "bulk"),
    "correction": Entry(_correction, PLAIN | ODD, "bulk"),
    "test": Entry(_test_copy, PLAIN | ODD, "bulk"),
    "confirmation": Entry(_confirmation, PLAIN | NAMES),
    "confirmation-reminder": Entry(_confirmation_reminder, PLAIN | NAMES),
    "already": Entry(_already),
    "address-new": Entry(_new_address),
    "address-changed": Entry(_address_changed),
    "fresh-link": Entry(_fresh_link, PLAIN | NAMES),
    "notice-finished": Entry(_notice(Kind.FINISHED, _finished), PLAIN | ODD),
    "notice-stopped": Entry(_notice(Kind.STOPPED, _stopped)),
    "notice-late": Entry(_notice(Kind.LATE, _late)),  # before the next one, which it would begin
    "notice-unattended": Entry(_notice(Kind.UNATTENDED, _unattended)),
    "notice-uncertain": Entry(_notice(Kind.UNCERTAIN, _uncertain)),
    "notice-failing": Entry(_notice(Kind.FAILING, _failing)),
    "notice-announced": Entry(_scheduled),
    "reminder-draft": Entry(_draft_due, PLAIN | ODD),
    "reminder-none": Entry(_none_there),
    "reminder-approve": Entry(_to_approve, PLAIN | ODD),
    "answer": Entry(rarer.answered, PLAIN | NAMES),
    "quote": Entry(rarer.asked_to_quote, PLAIN | NAMES),
    "result": Entry(_result),
    "backup": Entry(rarer.backup),
    "silence": Entry(rarer.silence),
    "troubles": Entry(rarer.troubles),
    "invitation": Entry(rarer.helper_invited),
    "sending-tried": Entry(rarer.sending_tried),
    "alarm": Entry(rarer.account_alarm),
}


# --- The collection ---


def every_mail(now: datetime, *, sender: str, to: str, only: Sequence[str] = ("*",)) -> Iterator[Made]:
    """Build each kind in each variant and look whose name matches one of the patterns; the demo is loaded.

    sender, to: addresses. The same mail is of the same issue, whatever else is wanted.
    """
    scenes = count(1)
    for issue_number, (kind, suffix) in enumerate(_variants(), demo.SENT + 2):
        wanted = [(look, name) for look, name in _names(kind, suffix) if any(fnmatch(name, one) for one in only)]
        if not wanted:
            continue
        entry, variant = KINDS[kind], KINDS[kind].variants[suffix]
        issue = compose(issue_number, variant)
        for look, name in wanted:
            with Publication.objects.used(_dressed(look, sender, variant)):
                mail = entry.build(Scene(variant, issue, to, now, next(scenes)))
            yield Made(name, entry.mailer, mail)


def _variants() -> Iterator[tuple[str, str]]:
    for kind, entry in KINDS.items():
        for suffix in entry.variants:
            yield kind, suffix


def _names(kind: str, suffix: str) -> Iterator[tuple[str, str]]:
    for look in Publication.MailLook.values:
        yield look, f"{kind}-{look}-{suffix}".removesuffix("-")


def _dressed(look: str, sender: str, variant: Variant) -> Publication:
    """Return the publication in another look and of another sender; not kept."""
    publication = Publication.objects.fresh()
    publication.look, publication.sender_email = look, sender
    publication.sender_name = variant.sender_name or publication.sender_name
    publication.invites = publication.asks_name = variant.invites
    return publication
