"""How often an issue is rendered on its way to its readers: once for each look of its author, and once to be sent."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.test.signals import template_rendered
from django.urls import reverse

from newsletter.delivery.author import reminders
from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.mail.mailers import mailer_from_url
from tests.factories import finish_batches, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.usefixtures("clock")
NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)  # 20 hours before the slot
SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


@pytest.fixture
def desk(author):
    make_publication(
        sender_email="news@news.example.org",
        cadence_anchor_on=date(2026, 11, 3),
        cadence_at=time(8, 0),
        unapproved="go",
    )
    return author


@pytest.fixture
def issue(desk):
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期")


@pytest.fixture
def renderings():
    """The renderings of issues since the test began, one entry each."""
    found = []

    def note(template, **_signal):
        if template.name == "email/issue.html":
            found.append(template)

    template_rendered.connect(note)
    yield found
    template_rendered.disconnect(note)


def screen(name, *args):
    return reverse(f"admin:{name}", args=args)


@pytest.mark.parametrize("name", ["issue_preview", "issue_mail_frame", "issue_send", "issue_rehearsal"])
def test_each_screen_before_sending_renders_once(desk, issue, renderings, name):
    desk.get(screen(name, issue.pk))

    assert len(renderings) == 1


def test_a_rehearsal_renders_once(desk, issue, renderings):
    desk.post(screen("issue_rehearsal", issue.pk))

    assert len(renderings) == 1


def test_approving_renders_once_and_keeps_what_was_seen(desk, issue, renderings):
    seen = freeze_letter(issue).content_hash
    renderings.clear()

    desk.post(screen("issue_send", issue.pk), {"when": "now", "seen": seen, "unrehearsed": "on"})

    assert Mailing.objects.get().content_hash == seen
    assert len(renderings) == 1


def test_a_correction_renders_once(desk, issue, renderings):
    make_subscriber()
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.update(state=Delivery.State.SENT)
    finish_batches(mailing)
    mailing.finish(NOW)
    renderings.clear()

    desk.post(screen("issue_correct", issue.pk), {"note": "數字寫錯了。"})

    assert Mailing.objects.filter(kind=Mailing.Kind.CORRECTION).exists()
    assert len(renderings) == 1


def test_the_page_of_a_mailing_weighs_what_was_frozen(desk, issue, renderings):
    mailing = approving.approve(issue, send_at=SLOT, now=NOW, hold=timedelta())
    renderings.clear()

    page = desk.get(screen("mailing", mailing.pk))

    assert page.context["obstacles"] == []
    assert renderings == []


def test_the_letter_before_a_slot_renders_once(issue, settings, tmp_path, renderings):
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=tmp_path)}
    reminders.record_due(SLOT - timedelta(hours=24))
    renderings.clear()

    assert reminders.send_due(SLOT - timedelta(hours=24)) == 1

    assert len(renderings) == 1
