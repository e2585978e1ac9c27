"""The author is reminded once of each slot, by the letter itself, and nothing goes out that he has not seen."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User

from newsletter.delivery.author import reminder_mails, reminders
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning import approving
from newsletter.issues.models import Issue, IssueItem
from newsletter.mail.colours import palette
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication
from tests.factories import make_helper, make_issue, make_post, make_publication
from tests.support.letters import mails_in

SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)  # 08:00 in Taipei
NEXT = SLOT + timedelta(days=14)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def publication(db):
    return make_publication(
        sender_email="news@news.example.org", cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0)
    )


@pytest.fixture
def issue(publication):
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期")


def look(now):
    """Do what the task does."""
    reminders.record_due(now)
    reminders.send_due(now)
    reminders.send_unanswered(now)


def subjects(box, now):
    look(now)
    return [mail["Subject"] for mail in mails_in(box)]


def body(mail, kind="plain"):
    return mail.get_body((kind,)).get_content()


def letter_of(now=SLOT - 24 * HOUR):
    look(now)
    return Reminder.objects.get(kind="letter", slot_at=SLOT)


# --- When ---


def test_a_draft_is_mailed_72_hours_before_the_slot_and_not_a_second_earlier(box, issue):
    assert subjects(box, SLOT - 72 * HOUR - timedelta(seconds=1)) == []

    assert subjects(box, SLOT - 72 * HOUR) == ["Your draft is ready: #7 第七期"]


def test_the_letter_is_mailed_24_hours_before_the_slot(box, issue):
    look(SLOT - 72 * HOUR)
    assert len(subjects(box, SLOT - 24 * HOUR - timedelta(seconds=1))) == 1

    assert subjects(box, SLOT - 24 * HOUR)[1:] == ["[To approve] 第七期"]


def test_each_reminder_is_mailed_once_however_often_the_task_runs(box, issue):
    for hours in (72, 71, 30, 24, 23, 1):
        look(SLOT - hours * HOUR)
        look(SLOT - hours * HOUR)

    assert len(mails_in(box)) == 2
    assert Reminder.objects.count() == 2


def test_a_machine_that_slept_through_the_draft_mails_the_letter_alone(box, issue):
    assert subjects(box, SLOT - 2 * HOUR) == ["[To approve] 第七期"]


def test_after_the_slot_nothing_is_mailed(box, issue):
    reminders.record_due(SLOT - HOUR)

    assert subjects(box, SLOT) == []


def test_the_next_slot_has_reminders_of_its_own(box, issue):
    look(SLOT - HOUR)

    assert subjects(box, NEXT - 72 * HOUR)[1:] == ["Your draft is ready: #7 第七期"]


def test_hours_are_counted_in_time_and_not_by_a_clock_that_jumps(box, issue):
    """In Berlin the clock goes back on 2026-10-25 at 03:00: 72 hours before 08:00 it is 09:00."""
    make_publication(cadence_anchor_on=date(2026, 10, 13), cadence_at=time(8, 0), time_zone="Europe/Berlin")
    slot = datetime(2026, 10, 27, 7, 0, tzinfo=UTC)

    assert subjects(box, slot - 72 * HOUR - MINUTE) == []
    assert len(subjects(box, slot - 72 * HOUR)) == 1
    assert Reminder.objects.get().slot_at == slot


def test_an_issue_that_is_approved_for_the_day_needs_no_reminder(box, issue):
    approving.approve(issue, send_at=SLOT, now=SLOT - 96 * HOUR, hold=timedelta())

    assert subjects(box, SLOT - 72 * HOUR) == []
    assert subjects(box, SLOT - 24 * HOUR) == []
    assert not Reminder.objects.exists()


def test_an_approval_that_was_cancelled_needs_one(box, issue):
    approving.approve(issue, send_at=SLOT, now=SLOT - 96 * HOUR, hold=timedelta()).cancel(SLOT - 90 * HOUR)

    assert subjects(box, SLOT - 72 * HOUR) == ["Your draft is ready: #7 第七期"]


def test_an_issue_that_cannot_be_sent_is_no_letter_until_it_can(box, publication):
    issue = make_issue(number=8, subject="第八期")
    assert subjects(box, SLOT - 24 * HOUR) == []

    issue.items.create(post=make_post("甲"))

    assert subjects(box, SLOT - 20 * HOUR) == ["[To approve] 第八期"]


# --- What they say ---


def test_without_an_issue_one_is_proposed_of_the_posts_that_wait(box, publication):
    make_post("還沒寄過")
    make_issue(make_post("寄過了"), number=6, sent_at=SLOT - 300 * HOUR)

    assert subjects(box, SLOT - 72 * HOUR) == ["Your draft is ready: #7"]

    issue, text = Issue.objects.get(number=7), body(mails_in(box)[0])
    assert "還沒寄過" in text
    assert "寄過了" not in text
    assert "It needs a subject before it can be sent." in " ".join(text.split())
    assert f"https://news.example.org/admin/issues/issue/{issue.pk}/change/" in text
    assert "Dec. 1, 2026, 08:00" in text
    assert [post.title for post in issue.posts.all()] == ["還沒寄過"]


def test_a_proposal_is_in_the_history_as_made_by_itself(box, publication):
    make_post("還沒寄過")
    look(SLOT - 72 * HOUR)

    [change] = Change.objects.of(Issue.objects.get())
    assert (change.what, change.via, change.detail) == ("added", "engine", {"put_in": ["還沒寄過"]})


def test_a_proposal_never_leaves_without_its_author(box, publication):
    Publication.objects.update(unapproved="go")
    make_post("還沒寄過")

    for hours in (72, 24, 1, 0):
        look(SLOT - hours * HOUR)

    assert len(mails_in(box)) == 1
    assert not Mailing.objects.exists()


def test_a_proposal_that_its_author_deletes_does_not_come_back(box, publication):
    make_post("還沒寄過")
    look(SLOT - 72 * HOUR)
    Issue.objects.get().delete()

    look(SLOT - 71 * HOUR)

    assert not Issue.objects.exists()
    assert Reminder.objects.get().issue is None
    assert len(mails_in(box)) == 1


def test_the_letters_of_an_issue_that_is_deleted_go_with_it(box, issue):
    look(SLOT - 72 * HOUR)
    look(SLOT - 24 * HOUR)

    issue.delete()

    assert [row.kind for row in Reminder.objects.all()] == ["draft"]


def test_without_a_post_that_waits_the_draft_says_that_an_issue_is_due(box, publication):
    make_issue(make_post("寄過了"), number=6, sent_at=SLOT - 300 * HOUR)

    assert subjects(box, SLOT - 72 * HOUR) == ["An issue is due on Dec. 1, 2026"]

    text = body(mails_in(box)[0])
    assert "寄過了" not in text
    assert "https://news.example.org/admin/issues/issue/add/" in text
    assert "Dec. 1, 2026, 08:00" in text


def test_the_draft_names_the_posts_of_the_issue_and_those_left(box, issue):
    make_post("還沒寄過")

    look(SLOT - 72 * HOUR)

    text = body(mails_in(box)[0])
    assert text.index("管理槓桿") < text.index("Not mailed yet") < text.index("還沒寄過")
    assert text.count("管理槓桿") == 1
    assert f"https://news.example.org/admin/issues/issue/{issue.pk}/change/" in text


def test_the_letter_is_the_real_one_with_its_links_on_top(box, issue):
    reminder = letter_of()

    [mail] = mails_in(box)
    page = f"https://news.example.org/approve/{reminder_mails.approve_token(reminder)}/"
    for text in (body(mail), body(mail, "html")):
        for link in (page, f"{page}?do=move", f"{page}?do=skip"):
            assert link in text
        assert f"/admin/issues/issue/{issue.pk}/change/" in text
        assert text.index(page) < text.rindex("第一段。")
    mailing = approving.approve(issue, send_at=SLOT, now=SLOT - HOUR, hold=timedelta())
    article = mailing.html[mailing.html.index("<h1") : mailing.html.index("feedback_url") - 30]
    assert article in body(mail, "html").replace("\r\n", "\n")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None


@pytest.mark.parametrize("look", Publication.MailLook.values)
def test_the_answers_stand_on_a_panel_of_their_own_by_day_and_by_night_in_every_look(box, issue, look):
    make_publication(look=look)

    letter_of()

    html = body(mails_in(box)[0], "html")
    raised = palette()["raised"]
    assert re.search(rf'<div class="approval" style="[^"]*background-color: {raised.light}', html)
    assert re.findall(r"\.approval \{([^}]*)\}", html) == [f" background-color: {raised.dark} !important; "]


@pytest.mark.parametrize(("unapproved", "words"), [("wait", "it waits."), ("go", "it goes out then, as it is here.")])
def test_the_letter_says_what_happens_without_an_answer(box, issue, unapproved, words):
    make_publication(unapproved=unapproved)

    letter_of()

    assert words in body(mails_in(box)[0])


def test_everybody_who_may_send_gets_the_same_mail_and_nobody_else(box, issue):
    """Its links approve the issue without a login."""
    make_helper("editor", email="editor@example.org")
    make_helper("writer", "reader-care", email="writer@example.org")
    User.objects.create_user("reader", "reader@example.org", "pw")

    look(SLOT - 24 * HOUR)

    assert {mail["To"] for mail in mails_in(box)} == {"gipi@example.org, editor@example.org"}


def test_reminders_speak_the_language_and_zone_of_the_publication(box, issue):
    make_publication(language="zh-hant", time_zone="Asia/Taipei")

    look(SLOT - 72 * HOUR)

    assert mails_in(box)[0]["Subject"] == "草稿準備好了：第 7 期 第七期"
    assert "2026年12月1日" in body(mails_in(box)[0]).replace(" ", "")


# --- When mail is away ---


# --- Answers ---


def test_a_move_puts_the_issue_off_by_a_week_and_reminds_again(box, issue):
    reminder = letter_of()

    assert reminders.move(reminder, SLOT - 20 * HOUR)

    week = SLOT + timedelta(days=7)
    assert reminder.moved_to == week
    assert subjects(box, week - 72 * HOUR)[1:] == ["Your draft is ready: #7 第七期"]
    assert subjects(box, week - 24 * HOUR)[2:] == ["[To approve] 第七期"]


def test_a_week_is_a_week_by_the_clock(publication):
    make_publication(time_zone="Europe/Berlin")
    before = datetime(2026, 10, 22, 6, 0, tzinfo=UTC)  # 08:00, summer time

    assert reminders.week_later(before) == datetime(2026, 10, 29, 7, 0, tzinfo=UTC)


def test_a_skipped_slot_passes_and_the_next_is_reminded_of(box, issue):
    make_publication(unapproved="go")
    reminder = letter_of()

    assert reminders.skip(reminder, SLOT - 20 * HOUR)

    look(SLOT)
    assert not Mailing.objects.exists()
    assert len(subjects(box, NEXT - 72 * HOUR)) == 2


def test_one_answer_is_given_once(box, issue):
    reminder = letter_of()
    other = Reminder.objects.get(pk=reminder.pk)

    assert [reminders.skip(reminder, SLOT), reminders.move(other, SLOT)] == [True, False]
    assert Reminder.objects.get(pk=reminder.pk).answer == "skipped"


# --- Without an answer ---


def test_an_issue_that_may_go_begins_at_its_slot(box, issue):
    make_publication(unapproved="go", hold_minutes=3)
    letter_of()
    look(SLOT - 6 * MINUTE)
    assert not Mailing.objects.exists()

    look(SLOT - 5 * MINUTE)
    look(SLOT - 4 * MINUTE)

    assert Mailing.objects.get().send_at == SLOT


def test_an_edit_at_the_last_moment_stops_no_other_letter(box, issue, monkeypatch):
    make_publication(unapproved="go", hold_minutes=3)
    letter_of()
    look_at_it = reminders.reason_not_to_send

    def look_and_edit(letter, now):
        reason = look_at_it(letter, now)
        IssueItem.objects.filter(issue=issue).delete()  # by the author, between the look and the approval
        return reason

    monkeypatch.setattr(reminders, "reason_not_to_send", look_and_edit)
    look(SLOT - 5 * MINUTE)

    assert not Mailing.objects.exists()
    assert Reminder.objects.unanswered().get().issue == issue
