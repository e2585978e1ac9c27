"""What an author does, each to where its result is seen."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_gift_opens_from_the_welcome_letter(author, stranger, machine, tmp_path):
    gift = tmp_path / "book.pdf"
    gift.write_bytes(b"%PDF-1.7 a book")
    author.opens_desk("settings_newcomers")
    author.attaches("gift", gift)
    author.goes("Save")
    author.sees("Saved.")

    stranger.opens("/subscribe/")
    stranger.types(email=stranger.address)
    stranger.goes("Subscribe", inside="main form")
    machine.works()
    stranger.opens_letter("Please confirm")
    stranger.goes("Confirm my subscription")
    stranger.goes("Yes, subscribe me")
    machine.works()
    stranger.opens_letter("Welcome")
    assert stranger.downloads("book.pdf") == gift.read_bytes()
