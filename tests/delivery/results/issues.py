"""Issues that were sent, with what they have brought."""

from datetime import UTC, datetime, timedelta

from newsletter.delivery.models import Batch, Delivery, Event, Mailing
from newsletter.delivery.planning import approving, beginning
from tests.factories import make_issue, make_post, make_subscriber

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
FORTNIGHT, HOUR = timedelta(days=14), timedelta(hours=1)
LONG_AGO = NOW - 365 * timedelta(days=1)
REFUSED = "550 5.1.1 no such user"


def sent(number: int, at: datetime, *, failed: int = 0, state: str = "sent") -> Mailing:
    """A mailing to all readers that was over within an hour."""
    issue = make_issue(make_post(f"第 {number} 篇", published_at=LONG_AGO), number=number, subject=f"第{number}期")
    mailing = approving.approve(issue, send_at=at, now=at, hold=timedelta())
    beginning.plan_mailing(mailing, at)
    mailing.deliveries.update(state=Delivery.State.SENT)
    mailing.deliveries.filter(seq__lt=failed).update(state=Delivery.State.FAILED, reply=REFUSED)
    mailing.batches.update(state=Batch.State.DONE, sent=mailing.total - failed, failed=failed)
    Mailing.objects.filter(pk=mailing.pk).update(state=state, finished_at=at + HOUR)
    mailing.refresh_from_db()
    return mailing


def come(count: int, at: datetime) -> None:
    for _ in range(count):
        make_subscriber(confirmed_at=at)


def told(mailing: Mailing, kind: str, *seqs: int, verdict: str = "", domain: str = "", source: str = "esp") -> None:
    """Let a provider report something of copies."""
    for seq in seqs:
        source_id = f"{mailing.pk}-{kind}-{seq}-{source}"
        facts = {"mailing_id": mailing.pk, "seq": seq, "kind": kind, "verdict": verdict, "domain": domain}
        Event.objects.create(source=source, source_id=source_id, at=mailing.finished_at, **facts)
