"""What the desk says and offers while mail ends in the outbox."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery import tasks
from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Mailing, Trial
from newsletter.delivery.models.rehearsals import Rehearsal, RehearsalStatus
from newsletter.delivery.planning import approving
from newsletter.desk.issues import composer
from newsletter.mail import outbox
from newsletter.mail.mailers import mailer_from_url
from tests.factories import make_issue, make_post, make_subscriber


@pytest.fixture
def issue(author):
    make_subscriber("a@example.org")
    return make_issue(make_post(), number=7)


@pytest.fixture
def box(settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path / "outbox"
    entry = mailer_from_url("", outbox=settings.OUTBOX_DIR)
    settings.MAILERS = {"default": entry, "bulk": entry}
    return settings.OUTBOX_DIR


def url(name, issue):
    return reverse(f"admin:{name}", args=[issue.pk])


@pytest.mark.parametrize("query", ["", "?dialog"])
def test_the_schedule_page_and_its_dialog_say_that_it_would_reach_nobody(author, issue, box, query):
    page = author.get(url("issue_send", issue) + query)

    assert "This would reach nobody yet." in page.text
    assert reverse("admin:settings_mail") in page.text
    assert url("issue_trial", issue) in page.text
    assert 'name="when"' not in page.text


def test_a_trial_is_made_shown_and_thrown_away(author, issue, box):
    author.post(url("issue_trial", issue))
    began = author.get(url("issue_send", issue))
    tasks.take_steps(timezone.now())
    done = author.get(url("issue_send", issue))
    gone = author.post(url("issue_trial_away", issue), follow=True)

    assert "0 of 1 letter of the trial is in the outbox." in began.text
    assert began.headers["Refresh"]
    assert "1 of 1 letter of the trial is in the outbox." in done.text
    assert "Refresh" not in done.headers
    assert "The trial is gone, and its letters with it." in gone.text
    assert outbox.mail_names(box) == []
    assert not Mailing.objects.exists()


def test_a_second_press_makes_no_second_trial(author, issue, box):
    for _ in range(2):
        author.post(url("issue_trial", issue))

    assert Trial.objects.count() == 1


def test_with_a_mail_server_no_trial_is_offered(author, issue):
    page = author.get(url("issue_send", issue))
    answer = author.post(url("issue_trial", issue), follow=True)

    assert url("issue_trial", issue) not in page.text
    assert "There is a mail server now: an issue is sent, not tried." in answer.text


def test_without_an_address_nothing_is_scheduled_and_nothing_tried(author, issue, settings):
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("smtp://mail.example.org", outbox=None)}
    settings.SITE_URL_IS_GIVEN = False

    page = author.get(url("issue_send", issue))

    assert f"Every link in the letter leads to {settings.SITE_URL}, which no reader can open." in page.text
    assert url("issue_trial", issue) not in page.text
    assert 'name="when"' not in page.text


def test_a_rehearsal_names_what_is_missing_and_is_outdated_once_it_is_there(author, issue, box, settings, english):
    rehearsal = composer.start_rehearsal(issue, "", timezone.now())
    found = [remark["text"] for remark in rehearsal.remarks if remark["topic"] == "audience"]
    letter_hash = freeze_letter(issue).content_hash
    before = Rehearsal.objects.standing(issue, "", letter_hash, timezone.now())
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("smtp://127.0.0.1", outbox=None)}
    after = Rehearsal.objects.standing(issue, "", letter_hash, timezone.now())

    assert found == ["This would reach nobody yet. All mail ends in the outbox of this site.", "1 reader would get it."]
    assert (before, after) == (RehearsalStatus.RUNNING, RehearsalStatus.OUTDATED)


def test_a_paused_mailing_is_not_resumed_into_the_outbox(author, issue, box, settings):
    served = settings.MAILERS
    settings.MAILERS = served | {"bulk": mailer_from_url("smtp://127.0.0.1", outbox=None)}
    mailing = approving.approve(issue, send_at=None, now=timezone.now(), hold=timedelta())
    mailing.pause("x", Mailing.Cause.AUTHOR)
    settings.MAILERS = served

    page = author.post(reverse("admin:mailing_resume", args=[mailing.pk]))

    mailing.refresh_from_db()
    assert "This would reach nobody yet." in page.text
    assert mailing.state == Mailing.State.PAUSED
