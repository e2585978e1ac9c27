"""What a reader does: with a letter, with its links, and with what is kept of them."""

import json

import pytest

from tests.factories import make_issue, make_post, make_publication

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def letter(reader, machine):
    """An issue lies in the reader's mailbox, with a question and a picture of its own."""
    asked = {"question": "Which one?", "question_choices": "The first\nThe second"}
    issue = make_issue(make_post("A shelf of one's own"), number=7, subject="The seventh", **asked)
    machine.sends(issue)
    return issue


@pytest.mark.doors("subscribers:pause", "subscribers:resume")
def test_a_pause_is_begun_from_the_letter_and_ended(reader, letter):
    reader.opens_letter("The seventh")
    reader.goes("Preferences, or pause")
    reader.presses("for two months")
    reader.goes("Pause")
    reader.sees("Paused. You need not do anything more.")
    reader.goes("End the pause now")
    reader.sees("The next issue comes to you again.")


@pytest.mark.doors("subscribers:unsubscribe", "subscribers:why", "subscribers:undo")
def test_leaving_says_why_and_is_taken_back(reader, letter, author):
    reader.opens_letter("The seventh")
    reader.goes("Unsubscribe")
    reader.goes("Unsubscribe", inside="main")
    reader.sees("You have left")
    reader.types(sentence="Too long for me.")
    reader.goes("Send it")
    reader.sees("Thank you. The author reads it.")
    reader.goes("That was a mistake: subscribe me again")

    author.opens_desk("reader_sentences")
    author.sees("Too long for me.")


@pytest.mark.doors("subscribers:come-back", "subscribers:unsubscribe")
def test_who_has_left_comes_back_by_a_letter(reader, letter, machine):
    link = reader.link_in("The seventh", "/unsubscribe/")
    reader.opens(link)
    reader.goes("Unsubscribe", inside="main")
    reader.opens(link)
    reader.goes("Mail me a link to subscribe again")
    machine.works()
    reader.opens_letter("Please confirm")
    reader.goes("Confirm my subscription")
    reader.goes("Yes, subscribe me")
    reader.sees("Welcome back")


@pytest.mark.doors("subscribers:change-address", "subscribers:move", "subscribers:undo-move", "subscribers:send-link")
def test_an_address_is_changed_and_the_change_taken_back(reader, letter, machine):
    reader.reaches_own_data(machine)
    reader.writes("Your new address", "new@example.org")
    reader.goes("Change")
    machine.works()
    former, reader.address = reader.address, "new@example.org"
    reader.opens(reader.link_in("", "/address/"))
    reader.goes("Yes, this is my address")
    reader.sees("Your address has been changed")
    machine.works()
    reader.address = former
    reader.opens(reader.link_in("", "/undo/"))
    reader.goes("Yes, send the letters here again")
    reader.sees("Everything is as it was")


@pytest.mark.doors("subscribers:mine", "subscribers:send-link")
def test_a_name_is_given_and_the_next_letter_says_it(reader, letter, machine):
    make_publication(asks_name=True)
    reader.reaches_own_data(machine)
    reader.types(name="Lin")
    reader.goes("Save")
    reader.sees("Your name has been saved.")

    machine.sends(make_issue(make_post("Another"), number=8, subject="The eighth", introduction="Dear {name|friend},"))
    reader.opens_letter("The eighth")
    reader.sees("Dear Lin,")


@pytest.mark.doors("delivery:again", "subscribers:door")
def test_own_data_are_seen_and_taken_along(reader, letter, machine):
    reader.opens("/preferences/")
    reader.types(email=reader.address)
    reader.goes("Mail me a link")
    machine.works()
    reader.opens(reader.link_in("", "/mine/"))
    reader.goes("Send me this issue again")
    reader.sees("The issue is on its way to you once more.")
    machine.works()
    assert [str(mail.subject) for mail in reader.letters()].count("The seventh") == 2
    kept = json.loads(reader.downloads("JSON"))
    assert kept["address"] == reader.address


@pytest.mark.doors("subscribers:erase")
def test_everything_about_a_reader_is_erased(reader, letter, machine, author):
    reader.reaches_own_data(machine)
    reader.goes("Delete everything about me")
    reader.presses("Yes, delete everything")
    reader.goes("Delete")
    reader.sees("Everything about you has been deleted")

    author.opens_desk("subscribers_subscriber_changelist")
    author.does_not_see(reader.address)


@pytest.mark.doors("delivery:answer")
def test_an_opinion_with_a_sentence_reaches_the_author(reader, letter, author):
    reader.opens_letter("The seventh")
    reader.goes("helpful")
    reader.goes("helpful", inside="main")
    reader.types(sentence="The shelf!")
    reader.goes("Send it")

    author.opens_desk("reader_sentences")
    author.sees("The shelf!")


@pytest.mark.doors("delivery:answer", "issues:vote")
def test_the_question_of_an_issue_is_answered_by_letter_and_on_the_page(reader, letter, stranger, author):
    reader.opens_letter("The seventh")
    reader.goes("The first")
    reader.goes("The first", inside="main")
    stranger.opens("/issues/7/")
    stranger.goes("The second", inside="main")

    author.opens_desk("mailing", letter.mailings.get().pk)
    author.sees("The second")
