"""A mailing in each stage, and a provider that answers as it is told."""

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery import planning
from newsletter.delivery.models import Mailing
from newsletter.delivery.transports import Answer, Outcome
from newsletter.mail.mailers import mailer_from_url
from tests.factories import make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 3, 0, 0, tzinfo=UTC)
ACCEPTED = Outcome(Answer.SENT, "250 ok")


class Provider:
    """Accepts everything, but for the addresses whose answer is named; an exception is raised."""

    def __init__(self, **answers):
        self.answers = {f"{name}@example.org": answer for name, answer in answers.items()}
        self.accepted = []
        self.on_send = lambda message: None

    def send(self, message):
        self.on_send(message)
        answer = self.answers.get(message.to[0], ACCEPTED)
        if isinstance(answer, Exception):
            raise answer
        if answer.answer in {Answer.SENT, Answer.UNCERTAIN}:
            self.accepted.append(message.to[0])
        return answer

    def close(self):
        pass


@pytest.fixture
def publication(db):
    return make_publication(sender_email="news@news.example.org", name="Gipi電子報")


@pytest.fixture
def issue(publication):
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期")


@pytest.fixture
def make_mailing(issue):
    """Return a function that plans a mailing to readers a@, b@, c@ … of example.org."""

    def make(names: str = "abc", *, planned: bool = True) -> Mailing:
        for name in names:
            make_subscriber(f"{name}@example.org")
        mailing = planning.approve(issue, send_at=None, now=NOW, hold=timedelta())
        if planned:
            assert planning.plan(mailing, NOW)
        return mailing

    return make


@pytest.fixture
def bulk_smtp(settings, smtp, tmp_path):
    """The bulk mailer is a real SMTP server."""
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(smtp.url, outbox=tmp_path)}
    return smtp
