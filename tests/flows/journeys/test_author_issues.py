"""What an author does with an issue, to where its readers see the result."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.models.deliveries import Refusal, Restoration
from newsletter.issues import public_holidays
from newsletter.issues.models import Issue
from newsletter.mail.mailers import mailer_from_url
from newsletter.mail.smtp_replies import RefusalReason
from newsletter.publication.changes import Via, acting_as
from subscribers.models import Subscriber
from tests.factories import make_issue, make_post, make_publication

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def issue(reader):
    return make_issue(make_post("A shelf", body="Begin with one book."), number=7, subject="The seventh")


@pytest.mark.doors("admin:issues_issue_add", "admin:issue_send")
def test_an_issue_is_composed_and_sent_and_its_reader_has_it(author, reader, machine):
    make_post("A shelf", body="Begin with one book.")
    author.opens_desk("issues_issue_add")
    author.types(subject="The first", preheader="About shelves.")
    author.sends_the_issue(machine)
    machine.works()

    reader.opens_letter("The first")
    reader.sees("Begin with one book.")
    author.opens("/admin/")
    author.sees("Issue 1")


@pytest.mark.doors("admin:issue_test")
def test_a_test_copy_comes_to_the_author_alone(author, reader, issue):
    author.opens_desk("issue_test", issue.pk)
    author.types(addresses=author.address)
    author.goes("Send the test copy")

    author.opens_letter("[Test] The seventh")
    author.sees("Begin with one book.")
    assert reader.letters() == []


@pytest.mark.doors("admin:issue_trial", "admin:issue_trial_away")
def test_a_trial_writes_the_letters_into_the_outbox_until_it_is_thrown_away(author, reader, issue, machine, settings):
    settings.OUTBOX_DIR = settings.DATA_DIR / "outbox"
    settings.MAILERS = dict.fromkeys(("default", "bulk"), mailer_from_url("", outbox=settings.OUTBOX_DIR))
    author.opens_desk("issue_send", issue.pk)
    author.goes("Make a trial")
    machine.works()
    author.opens_desk("issue_send", issue.pk)
    author.sees("1 of 1 letter of the trial is in the outbox.")
    author.goes("Throw the trial away")
    author.sees("Make a trial")
    assert reader.letters() == []


@pytest.mark.doors("admin:issue_rehearsal")
def test_a_rehearsal_says_what_it_found(author, issue, machine):
    issue.introduction = "[Here](/nowhere/)"
    issue.save(update_fields=["introduction"])
    author.opens_desk("issue_rehearsal", issue.pk)
    author.goes("Rehearse")
    machine.works()
    author.opens_desk("issue_rehearsal", issue.pk)
    author.sees("/nowhere/")


@pytest.mark.doors("admin:issue_send", "admin:mailing_cancel")
def test_what_was_sent_by_mistake_is_called_back_within_the_hold(author, reader, issue, machine):
    make_publication(hold_minutes=10)
    author.opens_desk("issue_send", issue.pk)
    author.presses("Now", inside="main")
    author.ticks_if_asked("Send it without a valid rehearsal")
    author.goes("Approve and schedule")
    author.goes("Cancel sending")
    author.sees("Schedule it again")
    machine.works()
    assert reader.letters() == []


@pytest.mark.doors("admin:mailing_pause", "admin:mailing_resume")
def test_a_mailing_is_paused_and_goes_on(author, reader, issue, machine):
    machine.begins(issue)
    author.opens_desk("mailing", issue.mailings.get().pk)
    author.goes("Pause")
    author.goes("Yes, pause it")
    machine.works()
    assert reader.letters() == []
    author.goes("Resume")
    author.goes("Yes, resume it")
    machine.works()
    assert reader.got("The seventh")


@pytest.mark.doors("admin:issue_correct")
def test_a_correction_comes_to_who_has_the_issue(author, reader, issue, machine):
    machine.sends(issue)
    author.opens_desk("issue_correct", issue.pk)
    author.types(note="It was two books, not one.")
    author.goes("Approve the correction")
    machine.works()
    reader.opens_letter("Correction")
    reader.sees("It was two books, not one.")


@pytest.mark.doors("admin:mailing_move")
def test_a_scheduled_issue_is_moved_to_another_time(author, issue, machine):
    machine.schedules(issue, days=2)
    author.opens_desk("mailing_move", issue.mailings.get().pk)
    before = Mailing.objects.get().send_at
    author.goes("Move it")
    assert Mailing.objects.get().send_at != before


@pytest.mark.doors("admin:mailing_at_once")
def test_a_scheduled_issue_leaves_at_once(author, reader, issue, machine):
    machine.schedules(issue, days=2)
    author.opens_desk("mailing", issue.mailings.get().pk)
    author.goes("Don’t wait, send it now")
    author.goes("Yes, send it now")
    machine.works()
    assert reader.got("The seventh")


@pytest.mark.doors("admin:issue_take_in")
def test_a_post_is_taken_into_the_next_issue_from_its_page(author, issue):
    post = make_post("Another")
    author.opens_desk("posts_post_change", post.pk)
    author.presses("Publishing")
    author.goes("Put into issue 7")
    author.opens_desk("issues_issue_change", issue.pk)
    author.sees("Another")


@pytest.mark.doors("admin:issues_issue_delete", "admin:issues_issue_put_back")
def test_an_issue_goes_to_the_trash_and_comes_back(author, issue):
    author.opens_desk("issues_issue_change", issue.pk)
    author.presses("More")
    author.goes("Move to the trash")
    assert not Issue.objects.exists()
    author.opens_desk("issues_issue_trash")
    author.goes("Put back")
    author.opens_desk("issues_issue_changelist")
    author.sees("The seventh")


@pytest.mark.doors("admin:calendar_skip", "admin:calendar_restore")
def test_a_slot_is_skipped_and_put_back(author):
    author.opens_desk("calendar")
    author.goes("Skip:")
    author.sees("skipped")
    author.goes("Put back:")
    author.does_not_see("Put back")


@pytest.mark.doors("admin:calendar_vacation", "admin:calendar_give_up")
def test_a_vacation_is_taken_and_given_up(author):
    author.opens_desk("calendar_vacation")
    author.types(first_on="2099-08-01", last_on="2099-08-20")
    author.goes("Take the vacation")
    author.goes("Give it up")
    author.does_not_see("Give it up")


@pytest.mark.doors("admin:calendar_slot")
def test_a_slot_is_moved_to_another_day(author):
    author.opens_desk("calendar")
    author.goes("Move…:")
    day = timezone.localdate() + timedelta(days=3)
    author.types(day=day.isoformat())
    author.ticks_if_asked("Move it nevertheless")
    author.goes("Move it")
    author.sees("moved from")


@pytest.mark.doors("admin:calendar_holiday")
def test_a_slot_on_a_holiday_is_asked_about_once(author):
    today = timezone.localdate()
    days = public_holidays.holidays_between("JP", today + timedelta(days=7), today + timedelta(days=88), "en")
    make_publication(cadence_anchor_on=min(days), holiday_country="JP")  # in Japan always one within three months
    author.opens_desk("calendar")
    author.goes("Send as ever", inside="form.calendar-question")
    author.sees("You will not be asked again")


@pytest.mark.doors("admin:calendar_link")
def test_a_new_address_of_the_calendar_ends_the_old_one(author, stranger):
    author.opens_desk("calendar_link")
    old = author.page.locator("#calendar-address").input_value()
    author.goes("Make a new address")
    new = author.page.locator("#calendar-address").input_value()

    assert "BEGIN:VCALENDAR" in stranger.page.request.get(new).text()
    assert stranger.page.request.get(old).status == 404


@pytest.mark.doors("admin:issues_issue_change")
def test_an_issue_that_was_begun_is_gone_on_with(author):
    issue = make_issue(make_post("A shelf"), number=7, subject="The seventh")
    author.opens_desk("issues_issue_change", issue.pk)
    author.types(subject="On shelves")
    author.waits_until_saved()
    author.opens_desk("issues_issue_changelist")
    author.sees("On shelves")


@pytest.mark.doors("admin:issues_kepttext_add", "admin:issues_kepttext_change", "admin:issues_kepttext_delete")
def test_a_kept_text_is_offered_to_the_next_issue(author, issue):
    author.opens_desk("issues_kepttext_add")
    author.chooses("Kind", "introduction")
    author.types(name="Hello", text="Dear reader,")
    author.goes("Save")
    author.goes("Hello", inside="#result_list")
    author.types(text="Dear reader of books,")
    author.goes("Save")
    author.opens_desk("issues_issue_change", issue.pk)
    author.unfolds("Introduction")
    author.chooses("Put in a kept text", "Hello")
    author.sees_in_field("introduction", "Dear reader of books,")

    author.opens_desk("issues_kepttext_changelist")
    author.deletes("Hello")
    author.sees("No text is kept yet.")


@pytest.mark.doors(
    "admin:issues_startingpoint_add",
    "admin:issues_startingpoint_change",
    "admin:issues_startingpoint_changelist",
    "admin:issues_startingpoint_delete",
)
def test_strangers_are_told_where_to_begin(author, stranger):
    post = make_post("A shelf of one's own")
    author.opens_desk("issues_startingpoint_add")
    author.finds("post", post.title)
    author.types(reason="It is short.")
    author.goes("Save")
    author.writes("“A shelf of one's own”: why", "It has one book.")
    author.goes("Save")
    stranger.opens("/")
    stranger.goes("New here? Begin with these →")
    stranger.sees("It has one book.")

    author.goes(post.title, inside="#result_list")
    author.types(reason="It has no book.")
    author.goes("Save")
    author.deletes(post.title)
    author.sees("No post is recommended yet.")


@pytest.mark.doors("admin:mailing_refreeze")
def test_a_scheduled_issue_takes_the_text_as_it_is_now(author, reader, issue, machine):
    machine.schedules(issue, days=2)
    issue.introduction = "With a word before it."
    issue.save(update_fields=["introduction"])
    author.opens_desk("mailing", issue.mailings.get().pk)
    author.presses("More", inside=".submit-row")
    author.goes("Use the current text")
    author.goes("Yes, use the current text")
    author.opens_desk("mailing", issue.mailings.get().pk)
    author.goes("Don’t wait, send it now")
    author.goes("Yes, send it now")
    machine.works()
    reader.opens_letter("The seventh")
    reader.sees("With a word before it.")


@pytest.fixture
def uncertain(issue, machine):
    """The mail server has never said whether it took the reader's copy."""
    machine.sends(issue)
    mailing = issue.mailings.get()
    mailing.deliveries.update(state=Delivery.State.UNCERTAIN, reply="no answer")
    Batch.objects.update(uncertain=1, sent=0)
    return mailing


@pytest.mark.doors("admin:mailing_decide")
def test_a_copy_that_perhaps_arrived_is_sent_again(author, reader, uncertain, machine):
    author.opens_desk("mailing_deliveries", uncertain.pk, "uncertain")
    author.goes("Send all again:")
    author.goes("Yes, send again")
    machine.works()
    assert [str(letter.subject) for letter in reader.letters()].count("The seventh") == 2


@pytest.mark.doors("admin:mailing_judge")
def test_an_address_that_does_not_exist_is_believed_to_the_mail_server(author, reader, issue, machine):
    machine.sends(issue)
    mailing, now = issue.mailings.get(), timezone.now()
    mailing.deliveries.update(state=Delivery.State.FAILED, reply="550 5.1.1 unknown")
    Batch.objects.update(failed=1, sent=0)
    Refusal.objects.create(
        mailing=mailing, seq=0, subscriber=Subscriber.objects.get(), verdict=RefusalReason.DEAD, at=now
    )
    author.opens_desk("mailing", mailing.pk)
    author.goes("They do not exist")
    author.goes("Yes, suppress them")

    author.opens_desk("subscribers_suppression_changelist")
    author.sees(reader.address)


@pytest.mark.doors("admin:mailing_public")
def test_a_text_that_was_sent_is_taken_out_of_the_public_list_of_changes(author, stranger, issue, machine):
    machine.sends(issue)
    author.opens_desk("mailing_public", issue.mailings.get().pk)
    author.types(reason="It names a client.")
    author.goes("Take this text out")

    stranger.opens("/issues/7/changes/")
    stranger.sees("What it said was taken out of this list")


@pytest.mark.doors("admin:mailing_question")
def test_what_readers_answered_is_kept_for_the_next_issue(author, machine, reader):
    asked = {"question": "Which one?", "question_choices": "The first\nThe second"}
    machine.sends(make_issue(make_post("A shelf"), number=7, subject="The seventh", **asked))
    author.opens_desk("mailing", Mailing.objects.get().pk)
    author.goes("Keep the result for the next issue")
    author.opens_desk("issues_kepttext_changelist")
    author.sees("The question of issue 7")


@pytest.mark.doors("delivery:approve")
def test_an_issue_is_approved_from_the_letter_that_shows_it(author, reader, machine):
    slot = timezone.localtime() + timedelta(hours=20)
    make_publication(cadence_anchor_on=slot.date(), cadence_at=slot.time().replace(second=0, microsecond=0))
    make_issue(make_post("A shelf"), number=7, subject="The seventh")
    machine.works()
    author.opens_letter("[To approve]")
    author.goes("Approve")
    author.goes("Approve", inside="form")
    author.sees("Approved")

    author.opens_desk("calendar")
    author.sees("scheduled")


@pytest.mark.doors("delivery:cancel")
def test_what_a_program_has_scheduled_is_called_back_from_a_letter(author, reader, issue, machine):
    with acting_as("gipi (Obsidian)", Via.API):
        machine.schedules(issue, days=2)
    machine.works()
    author.opens(author.link_in("Goes out on", "/cancel/"))
    author.goes("Cancel it")
    author.sees("Nobody got it.")


@pytest.mark.doors("admin:restored")
def test_after_a_restored_backup_the_owner_says_that_it_goes_on(author):
    Restoration.objects.create(noticed_at=timezone.now(), departures=3, records=[])
    author.opens("/admin/restored/")
    author.sees("3 readers had left")
    author.goes("Go on")
    author.opens("/admin/")
    author.does_not_see("comes from a backup")
