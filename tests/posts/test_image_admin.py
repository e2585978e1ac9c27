"""The library of pictures: found by words, named with the posts that show them, never deleted."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from newsletter.posts.models import Image, Post, WorkingCopy
from newsletter.publication.pictures.uploads import prepare_picture
from tests.factories import make_helper, make_post
from tests.publication.pictures.test_uploads import picture

LIST, CHOICES = "/admin/posts/image/", "/admin/posts/image/choices/"

pytestmark = pytest.mark.usefixtures("english")


def make_image(alt: str = "三個圓圈", name: str = "circles.jpg") -> Image:
    """A picture of its own: the size in pixels makes its content another one."""
    size = (60 + Image.objects.count(), 40)
    return Image.objects.get_or_store(prepare_picture(picture("JPEG", size=size)), name, alt)[0]


def saved(author: Client, post: Post, **fields: str) -> Post:
    data = {"title": post.title, "body": post.body, "published_at": "", **fields}
    response = author.post(reverse("admin:posts_post_change", args=[post.pk]), data)
    assert response.status_code == 302, response.context["adminform"].form.errors
    return Post.objects.get(pk=post.pk)


def shown(post: Post) -> set[str]:
    return set(post.pictures.values_list("alt", flat=True))


def test_a_post_knows_the_pictures_of_its_text_and_its_cover(author):
    in_text, cover, other = make_image("圖"), make_image("封面"), make_image("別的")
    post = saved(author, make_post(published_at=None), body=f"一。\n\n{in_text.markdown}", cover=cover.digest)

    assert (shown(post), post.cover) == ({"圖", "封面"}, cover)
    post = saved(author, post, body=f"一。\n\n{other.markdown}", cover="")
    assert (shown(post), post.cover) == ({"別的"}, None)


def test_a_published_post_shows_what_readers_see_and_what_they_will_see(author):
    old, new = make_image("舊"), make_image("新")
    post = make_post(body=old.markdown)
    post.update_picture_links()
    at = post.published_at.astimezone()
    data = {"title": post.title, "body": new.markdown, "published_at": f"{at:%Y-%m-%dT%H:%M}"}
    address = reverse("admin:posts_post_change", args=[post.pk])

    author.post(address, data)
    assert WorkingCopy.objects.exists()
    assert shown(post) == {"舊", "新"}
    author.post(reverse("admin:posts_post_working_copy", args=[post.pk]))
    assert shown(post) == {"舊"}


def test_the_library_shows_the_newest_first_and_where_each_is_shown(author):
    first, second = make_image("第一張"), make_image("第二張", "second.jpg")
    for _ in range(2):
        make_post(cover=first).update_picture_links()

    page = author.get(LIST).content.decode()
    assert page.index("第二張") < page.index("第一張")
    assert ("in 2 posts" in page, "in no post" in page) == (True, True)
    assert f'src="{second.thumbnail}"' in page


@pytest.mark.parametrize(("query", "found"), [("圓圈", {"三個圓圈"}), ("SECOND", {"方塊"}), ("沒有這個", set())])
def test_a_picture_is_found_by_its_words_and_by_its_file_name(author, query, found):
    make_image()
    make_image("方塊", "second.jpg")

    answer = author.get(CHOICES, {"q": query}).json()
    assert ({one["alt"] for one in answer["pictures"]}, answer["count"], answer["next"]) == (found, len(found), None)
    assert {alt for alt in ("三個圓圈", "方塊") if alt in author.get(LIST, {"q": query}).content.decode()} == found


def test_the_page_of_a_picture_names_the_posts_that_show_it_to_who_may_see_them(author):
    image = make_image()
    make_post("別人的文章", cover=image).update_picture_links()
    address = reverse("admin:posts_image_change", args=[image.pk])
    assert "別人的文章" in author.get(address).content.decode()

    author.force_login(make_helper("writer"))
    assert "別人的文章" not in author.get(address).content.decode()


def test_a_cover_that_is_no_picture_is_refused(author):
    response = author.post("/admin/posts/post/add/", {"title": "題", "body": "文", "cover": "f" * 16})

    assert "cover" in response.context["adminform"].form.errors
    assert not Post.objects.exists()


def test_a_picture_is_uploaded_without_words_and_keeps_the_first_that_it_gets(author):
    def upload(**fields):
        file = SimpleUploadedFile("circles.jpg", picture("JPEG"), "image/jpeg")
        return author.post(reverse("admin:posts_image_upload"), {"file": file} | fields).json()

    digest = upload()["url"].split("/")[2]
    assert Image.objects.get().alt == ""
    address = reverse("admin:posts_image_describe")
    assert author.post(address, {"digest": digest, "alt": "三個圓圈"}).json() == {"alt": "三個圓圈"}
    assert author.post(address, {"digest": digest, "alt": "別的"}).status_code == 400
    assert upload()["alt"] == "三個圓圈"
    assert upload(alt="新的")["alt"] == "新的"


def test_a_picture_that_cannot_be_kept_is_refused_with_the_reason(author, settings, tmp_path):
    (tmp_path / "media").write_text("no folder")
    settings.MEDIA_ROOT = tmp_path / "media"
    file = SimpleUploadedFile("circles.jpg", picture("JPEG"), "image/jpeg")

    answer = author.post(f"{LIST}add/", {"file": file, "alt": "三個圓圈"})

    assert "The picture cannot be kept" in answer.text
    assert not Image.objects.exists()
