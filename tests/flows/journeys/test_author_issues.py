"""What an author does with an issue, to where its readers see the result."""

import pytest

from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue
from tests.factories import make_issue, make_post, make_publication

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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


@pytest.mark.doors("admin:issues_issue_put_back")
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
