"""Installations at each point of the way, as the first page meets them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.desk import demo
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication
from subscribers.models import DayCount
from tests.factories import make_issue, make_post, make_publication, make_subscriber

NO_HOLD, A_DAY = timedelta(), timedelta(days=1)


def empty(now: datetime) -> None:
    """Nothing but what the first start makes."""


def begun(now: datetime) -> None:
    """A sender, a post that is out, and one that is being written."""
    make_publication(sender_email="letter@gipi.tw", language=_language())
    make_post("會議前先寫一頁", published_at=now - A_DAY)
    make_post("給接手的人的一封信", published_at=None)


def shown(now: datetime) -> None:
    """The sample publication."""
    demo.load(now)


def composed(now: datetime) -> None:
    """A newsletter of many issues, whose next one lacks a subject and the text of a picture; a post is in none."""
    _going_on(now)
    bare = make_post("有圖的一篇", body="看圖：\n\n![](/media/0123456789abcdef/a.png)\n", published_at=now - A_DAY)
    make_issue(make_post("會議前先寫一頁", published_at=now - A_DAY), bare, number=42, subject=" ")
    make_post("沒有人記得的一篇", published_at=now - 3 * A_DAY)


def _going_on(now: datetime) -> None:
    """Make readers, a draft, and an issue that was sent two weeks ago."""
    make_publication(sender_email="letter@gipi.tw", language=_language())
    for week in range(12):
        make_subscriber(confirmed_at=now - timedelta(weeks=week))
    DayCount.objects.keep(now, Publication.objects.current().zone)
    make_post("給接手的人的一封信", published_at=None)
    last = make_issue(make_post("把行程表還給下午", published_at=now - 16 * A_DAY), number=41)
    _finish(_sent(last, now - 14 * A_DAY))


def _sent(issue: Issue, at: datetime) -> Mailing:
    mailing = approving.approve(issue, send_at=at, now=at, hold=NO_HOLD)
    beginning.plan_mailing(mailing, at)
    return mailing


def _finish(mailing: Mailing) -> None:
    Batch.objects.filter(mailing=mailing).update(sent=mailing.total - 1, failed=1, state=Batch.State.DONE)
    ended = mailing.send_at + timedelta(minutes=4)
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENT, finished_at=ended)


def _approved(now: datetime, *, at: datetime, hold: timedelta = NO_HOLD) -> Mailing:
    _going_on(now)
    issue = make_issue(make_post("會議前先寫一頁", published_at=now - A_DAY), number=42)
    return approving.approve(issue, send_at=at, now=now, hold=hold)


def scheduled(now: datetime) -> None:
    _approved(now, at=now + 8 * A_DAY)


def held(now: datetime) -> None:
    _approved(now, at=now, hold=timedelta(minutes=3))


def sending(now: datetime) -> Mailing:
    mailing = _approved(now, at=now)
    beginning.plan_mailing(mailing, now)
    Batch.objects.filter(mailing=mailing).update(sent=5)
    return mailing


def paused(now: datetime) -> None:
    sending(now).pause("535 5.7.8 authentication failed", Mailing.Cause.PROVIDER)


def finished(now: datetime) -> None:
    """An issue that has just been sent."""
    _finish(sending(now - timedelta(minutes=6)))


def _language() -> str:
    return Publication.objects.current().language


STATES: dict[str, tuple[Callable[[datetime], object], str]] = {  # by name, with the key of the step of its owner
    "empty": (empty, "no_post"),
    "begun": (begun, "mail_server"),
    "shown": (shown, "sender"),
    "composed": (composed, "subject"),
    "scheduled": (scheduled, "scheduled"),
    "held": (held, "held"),
    "sending": (sending, "sending"),
    "paused": (paused, "paused"),
    "finished": (finished, "result"),
}
NEW_STATES = {"empty", "begun", "shown"}  # without a mail server
