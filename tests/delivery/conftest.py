"""A mailing in each stage, and a provider that answers as it is told."""

from collections.abc import Iterable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.utils import translation

from newsletter.delivery.ledger.flight_recorder import FlightRecorder
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.provider.outcomes import SendOutcome, SendStatus
from newsletter.delivery.provider.stoppable_wait import StopControl
from newsletter.delivery.sending.lane import Lane
from newsletter.issues.models import Issue
from newsletter.mail.mailers import mailer_from_url
from tests.factories import make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 3, 0, 0, tzinfo=UTC)
QUEUED, SENT, FAILED, DEFERRED, UNCERTAIN, SKIPPED = (
    Delivery.State[name] for name in ("QUEUED", "SENT", "FAILED", "DEFERRED", "UNCERTAIN", "SKIPPED")
)
ACCEPTED = SendOutcome(SendStatus.SENT, "250 ok")


class InTurn(Executor):
    """Run each step at once, in this thread: what a test asserts is then the ledger after it."""

    def submit(self, step, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(step(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is handed on
            future.set_exception(error)
        return future


class Provider:
    """A courier to a provider that accepts everything, but for the addresses whose answer is named.

    An exception is raised, as by a provider that is away. on_send: called before an answer is given.
    """

    window = 1

    def __init__(self, **answers):
        self.answers = {f"{name}@example.org": answer for name, answer in answers.items()}
        self.accepted, self.stop_control = [], StopControl()
        self.on_send = lambda row: None

    def deliver(self, rows, on_hand_over):
        for row in rows:
            answer = self.answers.get(row.email, ACCEPTED)
            if isinstance(answer, Exception):
                raise answer
            on_hand_over(row.seq)
            self.on_send(row)
            if answer.status in {SendStatus.SENT, SendStatus.UNCERTAIN}:
                self.accepted.append(row.email)
            yield row.seq, answer

    def close(self):
        pass


def states(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("state", flat=True))


def counts(mailing):
    mailing.refresh_from_db()
    return mailing.counts()


@pytest.fixture
def run(tmp_path):
    """Return a function that runs one lane over a mailing."""
    return partial(run_lane, tmp_path / "flight")


def run_lane(flight, mailing, courier, *, worker="machine/0/x", **options):
    with FlightRecorder(flight) as recorder:
        lane = Lane(mailing, courier, recorder=recorder, writer=InTurn(), worker=worker, **options)
        return lane.run(60)


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def publication(db):
    return make_publication(sender_email="news@news.example.org", name="Gipi電子報")


@pytest.fixture
def issue(publication):
    return make_seventh_issue()


def make_seventh_issue() -> Issue:
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期")


@pytest.fixture
def make_mailing(issue):
    """Return a function that plans a mailing to readers a@, b@, c@ … of example.org."""
    return partial(begin_mailing, issue)


def begin_mailing(issue: Issue, names: Iterable[str] = "abc", *, planned: bool = True) -> Mailing:
    """Plan a mailing of `issue` to readers of example.org; without `planned` it is only approved."""
    for name in names:
        make_subscriber(f"{name}@example.org")
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    if planned:
        assert beginning.plan_mailing(mailing, NOW)
    return mailing


@pytest.fixture
def bulk_smtp(settings, smtp, tmp_path):
    """The bulk mailer is a real SMTP server."""
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(smtp.url, outbox=tmp_path)}
    return smtp
