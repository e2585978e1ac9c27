"""What an author does, each to where its result is seen."""

import pytest

from newsletter.posts.models import Post, Series
from tests.factories import make_findable_post, make_issue, make_post
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


@pytest.mark.doors("admin:posts_image_upload", "admin:posts_image_describe", "admin:posts_post_add")
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


@pytest.mark.doors("admin:posts_post_delete", "admin:posts_post_put_back")
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


@pytest.mark.doors("admin:posts_post_preview")
def test_a_draft_is_seen_beside_the_text_as_readers_will(author):
    author.writes_a_post("Not yet", "A **draft** for Ben.")
    author.ends_typing()
    author.presses("Preview")
    author.sees_in_frame("A draft for Ben.")


@pytest.mark.doors("admin:posts_post_restore")
def test_an_earlier_version_comes_back(author):
    post = make_post("A shelf", body="Begin with one book.", published_at=None)
    author.opens_desk("posts_post_change", post.pk)
    author.types(body="Begin with two books.")
    author.waits_until_saved()
    author.opens_desk("posts_post_versions", post.pk)
    author.goes_to_the_last_of("ol.versions a")
    author.goes("Bring this version back")
    author.sees_in_field("body", "Begin with one book.")


@pytest.mark.doors("admin:posts_post_change", "admin:posts_post_working_copy")
def test_changes_that_readers_have_not_seen_are_discarded(author):
    author.opens_desk("posts_post_change", make_post("A shelf", body="Begin with one book.").pk)
    author.types(body="Begin with none.")
    author.waits_until_saved()
    author.goes("not updated yet")
    author.goes("Discard these changes")
    author.sees_in_field("body", "Begin with one book.")


@pytest.mark.doors("admin:posts_post_add")
def test_a_page_of_its_own_stands_in_no_list(author, stranger):
    author.writes_a_post("My books", "Two so far.")
    author.presses("Publish…")
    author.picks("A page of its own")
    author.goes("Publish now")

    stranger.opens("/posts/")
    stranger.does_not_see("My books")
    stranger.opens(Post.objects.get().get_absolute_url())
    stranger.sees("Two so far.")


@pytest.mark.doors("admin:posts_post_add")
def test_another_post_is_linked_by_its_title(author, stranger):
    make_findable_post("A shelf of one's own")
    author.writes_a_post("More")
    author.page.locator("#id_body").press_sequentially("See [[shelf")
    author.sees("A shelf of one's own", inside="#offers")
    author.page.keyboard.press("Enter")
    author.publishes()

    stranger.opens(Post.objects.get(title="More").get_absolute_url())
    stranger.goes("A shelf of one's own", inside="main article")
    stranger.sees("A shelf of one's own", inside="h1")


@pytest.mark.doors("admin:posts_pattern_add", "admin:posts_pattern_change", "admin:posts_pattern_delete")
def test_a_post_begins_with_a_pattern(author):
    author.opens_desk("posts_pattern_add")
    author.types(title="A book", body="What it says.")
    author.goes("Save")
    author.goes("A book", inside="#result_list")
    author.types(body="What it says, and to whom.")
    author.goes("Save")
    author.goes("Begin a post with it")
    author.sees_in_field("body", "What it says, and to whom.")

    author.opens_desk("posts_pattern_changelist")
    author.deletes("A book")
    author.sees("No pattern yet.")


@pytest.mark.doors("admin:posts_image_add", "admin:posts_image_change")
def test_a_picture_lies_in_the_library_with_its_description(author, tmp_path):
    author.opens_desk("posts_image_add")
    author.attaches("file", picture_file(tmp_path))
    author.types(alt="The river")
    author.goes("Save")
    author.goes_to_the_last_of(".pictures-grid a")
    author.types(alt="The river at night")
    author.goes("Save")
    author.sees("The river at night")
