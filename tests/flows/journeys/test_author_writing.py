"""What an author does, each to where its result is seen."""

import pytest

from newsletter.posts.models import Post, Series
from tests.factories import make_issue, make_post
from tests.flows.journeys.people import picture_file

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.doors("admin:settings_newcomers", "subscribers:subscribe", "subscribers:confirm")
def test_a_gift_opens_from_the_welcome_letter(author, stranger, machine, tmp_path):
    gift = tmp_path / "book.pdf"
    gift.write_bytes(b"%PDF-1.7 a book")
    author.opens_desk("settings_newcomers")
    author.attaches("gift", gift)
    author.goes("Save")
    author.sees("Saved.")

    stranger.subscribes(machine)
    machine.works()
    stranger.opens_letter("Welcome")
    assert stranger.downloads("book.pdf") == gift.read_bytes()


@pytest.mark.doors("admin:posts_post_add")
def test_what_is_written_and_published_is_read_by_a_stranger(author, stranger):
    author.writes_a_post("A shelf of one's own", "Begin with **one** book.")
    author.publishes()

    stranger.opens("/")
    stranger.goes("A shelf of one's own", inside="main")
    stranger.sees("Begin with one book.")


@pytest.mark.doors("admin:posts_image_upload", "admin:posts_post_add")
def test_a_picture_stands_in_the_letter(author, reader, machine, tmp_path):
    author.writes_a_post("The city by night", "Look:")
    author.puts_a_picture_in(picture_file(tmp_path), "The river at night")
    author.publishes()
    machine.sends(make_issue(Post.objects.get(), number=1, subject="The first"))

    reader.opens_letter("The first")
    reader.sees_a_picture("The river at night")


@pytest.mark.doors("admin:posts_post_preview_link")
def test_a_draft_opens_in_the_browser_of_a_friend(author, stranger):
    author.writes_a_post("Not yet", "A **draft** for Ben.")
    link = author.makes_a_link_to_the_draft()
    stranger.opens(link)
    stranger.sees("A draft for Ben.")


@pytest.mark.doors("admin:posts_post_change")
def test_a_published_text_changes_for_readers_when_the_author_says_so(author, stranger):
    post = make_post("A shelf", body="Begin with one book.")
    author.opens_desk("posts_post_change", post.pk)
    author.types(body="Begin with two books.")
    author.goes("Update")

    stranger.opens(post.get_absolute_url())
    stranger.sees("Begin with two books.")


@pytest.mark.doors("admin:posts_post_put_back")
def test_a_post_goes_to_the_trash_and_comes_back(author, stranger):
    post = make_post("A shelf", body="Begin with one book.")
    author.opens_desk("posts_post_change", post.pk)
    author.presses("Publishing")
    author.goes("Move to the trash")
    stranger.opens("/posts/")
    stranger.does_not_see("A shelf")

    author.opens_desk("posts_post_trash")
    author.goes("Put back")
    stranger.opens("/posts/")
    stranger.sees("A shelf")


@pytest.mark.doors("admin:posts_tag_add", "admin:posts_tag_change", "admin:posts_tag_delete")
def test_a_tag_is_made_renamed_and_taken_away(author, stranger):
    author.opens_desk("posts_tag_add")
    author.types(name="Shelves", slug="shelves")
    author.goes("Save")
    make_post("A shelf", tags=("shelves",))
    author.goes("Shelves")
    author.types(name="On shelves")
    author.goes("Save")
    stranger.opens("/tags/shelves/")
    stranger.sees("On shelves", inside="h1")

    author.goes("On shelves")
    author.goes("Delete")
    author.goes("Delete it")
    stranger.page.goto(stranger.site + "/tags/shelves/")
    stranger.sees("There is no page here")


@pytest.mark.doors("admin:posts_series_add", "admin:posts_series_change", "admin:posts_series_delete")
def test_a_series_is_made_described_and_taken_away(author, stranger):
    author.opens_desk("posts_series_add")
    author.types(title="Shelves", slug="shelves")
    author.goes("Save")
    make_post("A shelf", series=Series.objects.get(), series_number=1)
    author.goes("Shelves")
    author.types(description="From one to many.")
    author.goes("Save")
    stranger.opens("/series/shelves/")
    stranger.sees("From one to many.")

    author.goes("Shelves")
    author.goes("Delete")
    author.goes("Delete it")
    stranger.page.goto(stranger.site + "/series/shelves/")
    stranger.sees("There is no page here")
