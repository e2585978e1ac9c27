"""What somebody does who has never been here."""

import pytest

from tests.factories import make_findable_post, make_issue, make_post, make_publication

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.doors("subscribers:subscribe", "subscribers:confirm")
def test_a_mistyped_address_is_put_right_and_the_next_issue_comes_to_it(stranger, machine):
    stranger.address = "lin.reader@gmail.com"
    stranger.opens("/")
    stranger.types(email="lin.reader@gmial.com")
    stranger.goes("Subscribe", inside="main form")
    stranger.goes("Yes, lin.reader@gmail.com")
    machine.works()
    stranger.opens_letter("Please confirm")
    stranger.goes("Confirm my subscription")
    stranger.goes("Yes, subscribe me")
    stranger.sees("Welcome, you are subscribed")

    machine.sends(make_issue(make_post("A shelf"), number=1, subject="The first"))
    stranger.opens_letter("The first")
    stranger.goes("Read on the web")
    stranger.sees("A shelf")


@pytest.mark.doors("subscribers:heard")
def test_where_a_reader_heard_of_the_newsletter_is_told_to_the_author(stranger, machine, author):
    make_publication(asks_heard=True)
    stranger.subscribes(machine)
    stranger.writes("How did you hear of us?", "A friend")
    stranger.goes("Send it")

    author.opens_desk("reader_sentences")
    author.sees("A friend")


def test_past_issues_are_found_by_search_and_read(stranger):
    make_issue(make_findable_post("A shelf of one's own", "Begin with one book."), number=1)
    stranger.opens("/")
    stranger.goes("Search", inside="header")
    stranger.types(q="shelf")
    stranger.goes("Search", inside="main form")
    stranger.goes("A shelf of one's own", inside="main")
    stranger.sees("Begin with one book.")


@pytest.mark.doors("subscribers:subscribe")
def test_the_form_on_another_site_leads_to_a_confirmation(stranger, machine):
    stranger.opens("/embed/")
    stranger.types(email=stranger.address)
    stranger.opens_a_tab_by("Subscribe", inside="form")
    machine.works()
    assert stranger.got("Please confirm")
