"""The pages of versions: who sees them, what they cost, and that bringing one back loses nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.posts.models import Post, Revision, WorkingCopy
from tests.factories import make_findable_post, make_helper, make_post
from tests.support.page_checks import markup

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
NOW = timezone.now()


@pytest.fixture
def draft(author) -> Post:
    return make_findable_post("槓桿", "會議少了四成。", published_at=None)


def address(post: Post, *parts: str) -> str:
    return "/".join([f"/admin/posts/post/{post.pk}/versions", *map(str, parts), ""])


def write(post: Post, *bodies: str) -> list[Revision]:
    """Save each text, a minute after the other; return the versions, the oldest first."""
    for minutes, body in enumerate(bodies):
        post.body = body
        post.save()
        Revision.objects.record(post.pk, post, at=NOW - timedelta(minutes=len(bodies) - minutes))
    return list(reversed(Revision.objects.saved_for(post.pk)))


def test_the_list_has_each_version_with_time_author_and_size(author, draft):
    write(draft, "會議少了四成。", "會議少了將近一半。")
    Revision.objects.update(by="gipi", via="desk")

    page = author.get(address(draft))

    assert [row["version"].body for row in page.context["rows"]] == ["會議少了將近一半。", "會議少了四成。"]
    assert "gipi · on the desk" in markup(page)
    assert "+4" in page.text


def test_a_version_shows_the_words_that_changed(author, draft):
    _first, second = write(draft, "會議少了四成。", "會議少了將近一半。")

    page = markup(author.get(address(draft, second.pk)))

    assert "<del>四成</del>" in page
    assert "<ins>將近一半</ins>" in page


def test_what_stands_in_a_version_is_text_and_no_markup(author, draft):
    [one] = write(draft, "<script>alert(1)</script>")

    assert "&lt;script&gt;" in markup(author.get(address(draft, one.pk)))


def test_bringing_one_back_is_a_new_version_and_loses_nothing(author, draft):
    first, *_rest = write(draft, "一", "二")

    author.post(address(draft, first.pk, "restore"))

    draft.refresh_from_db()
    assert draft.body == "一"
    assert [one.body for one in Revision.objects.saved_for(draft.pk)] == ["一", "二", "一"]
    assert Revision.objects.saved_for(draft.pk)[0].by == "gipi"


def test_a_text_that_was_changed_behind_the_back_of_the_desk_is_kept_too(author, draft):
    [first] = write(draft, "一")
    Post.objects.update(body="別的程式寫的")

    author.post(address(draft, first.pk, "restore"))

    assert {one.body for one in Revision.objects.saved_for(draft.pk)} == {"一", "別的程式寫的"}


def test_an_old_version_of_a_published_post_becomes_its_working_copy(author):
    post = make_post("槓桿", tags=("ai",))
    first, *_rest = write(post, "一", "二")

    author.post(address(post, first.pk, "restore"))

    post.refresh_from_db()
    copy = WorkingCopy.objects.get()
    assert (post.body, copy.body, copy.tag_names) == ("二", "一", "ai")


def test_a_scheduled_post_does_not_become_empty(author, draft):
    empty, *_rest = write(draft, "", "二")
    Post.objects.update(published_at=NOW + timedelta(days=1))

    response = author.post(address(draft, empty.pk, "restore"))

    assert response.url == address(draft, empty.pk)
    assert Post.objects.get().body == "二"


def test_only_who_may_change_the_post_sees_its_versions(client, author, draft):
    [one] = write(draft, "秘密")
    pages = [address(draft), address(draft, one.pk), f"/admin/posts/post/{draft.pk}/working-copy/"]
    client.force_login(make_helper("writer", name="writer"))

    assert {client.get(page).status_code for page in pages} == {403}
    assert client.post(address(draft, one.pk, "restore")).status_code == 403


def test_a_writer_sees_the_versions_of_his_drafts(client, author, draft):
    [one] = write(draft, "一")
    writer = make_helper("writer", name="writer")
    Post.objects.update(created_by=writer)
    client.force_login(writer)

    assert client.get(address(draft)).status_code == 200
    assert client.get(address(draft, one.pk)).status_code == 200


# --- What was refused ---


def test_what_is_typed_after_somebody_else_has_saved_is_kept_as_a_version_of_its_own(author, draft):
    form = {
        "title": "槓桿",
        "body": "這裡的。",
        "seen_at": "2020-01-01T00:00:00+00:00",
        "document": "ab12",
    }
    author.post(f"/admin/posts/post/{draft.pk}/change/", form)
    answer = author.post(f"/admin/posts/post/{draft.pk}/change/", form | {"body": "這裡的，還有。"})

    refused = Revision.objects.exclude(refused_page="").get()
    draft.refresh_from_db()
    assert (draft.body, refused.body, refused.by) == ("會議少了四成。", "這裡的，還有。", "gipi")
    assert f'href="{address(draft, refused.pk)}?with=now"' in answer.text
    page = author.get(address(draft)).text
    assert "not saved: it was changed elsewhere" in page


def test_bringing_a_refused_version_back_makes_it_the_text_and_keeps_the_other(author, draft):
    Revision.objects.record(draft.pk, draft, at=NOW)
    refused = Revision.objects.refuse(draft.pk, Post(title="槓桿", body="這裡的。"), form_id="ab12", at=NOW)

    author.post(address(draft, refused.pk, "restore"))

    draft.refresh_from_db()
    assert draft.body == "這裡的。"
    assert [one.body for one in Revision.objects.saved_for(draft.pk)] == ["這裡的。", "會議少了四成。"]


def test_refused_versions_are_never_thinned(author, draft):
    times = [NOW - timedelta(days=800, minutes=minutes) for minutes in range(3)]
    for page, at in zip("abc", times, strict=True):
        Revision.objects.refuse(draft.pk, Post(title=page, body=page), form_id=page, at=at)

    assert Revision.objects.thin(draft.pk, NOW) == 0
    assert Revision.objects.with_refused(draft.pk).count() == 3
