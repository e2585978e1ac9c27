"""Pages: written like posts, at an address of their own, in no list."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import translation

from newsletter.issues.models import in_no_issue
from newsletter.posts.models import Post
from tests.factories import make_findable_post, make_issue, make_post
from tests.support.page_checks import form_data

pytestmark = pytest.mark.django_db


@pytest.fixture
def books():
    return make_findable_post("我寫的書", body="三本書。", words="books", tags=("書",), is_page=True, is_unlisted=True)


def test_a_page_has_an_address_of_its_own_without_a_date(client, books):
    page = client.get("/pages/books/")

    assert books.get_absolute_url() == "/pages/books/"
    assert "我寫的書" in page.text
    assert "三本書。" in page.text
    assert 'class="byline"' not in page.text
    assert "noindex" not in page.text


def test_its_number_leads_to_it(client, books):
    assert client.get(f"/p/{books.pk}/").headers["Location"] == "/pages/books/"


def test_a_page_without_words_stands_at_its_number(client):
    page = make_findable_post("我寫的書", is_page=True, is_unlisted=True)

    assert client.get(page.get_absolute_url()).status_code == 200
    assert page.get_absolute_url() == f"/p/{page.pk}/"


def test_a_draft_of_a_page_is_not_there(client, books):
    Post.objects.update(published_at=None)

    assert client.get("/pages/books/").status_code == 404


@pytest.mark.parametrize("address", ["/", "/posts/", "/feed.xml", "/feed.json", "/search/?q=三本書", "/llms.txt"])
def test_no_list_and_no_feed_shows_a_page(client, books, address):
    assert books.title not in client.get(address).text


def test_no_issue_carries_a_page(books):
    assert books not in in_no_issue(Post.objects.all())


def test_search_engines_find_it(client, books):
    make_findable_post("不公開", words="hidden", is_unlisted=True)
    sitemap = client.get("/sitemap.xml").text

    assert "/pages/books/" in sitemap
    assert "hidden" not in sitemap


@pytest.fixture
def author(client):
    client.force_login(get_user_model().objects.create_superuser("gipi", "gipi@example.org", "pw"))
    with translation.override("en"):
        yield client


def save(author, post, **changed):
    address = reverse("admin:posts_post_change", args=[post.pk])
    return author.post(address, form_data(author.get(address).text, "post_form") | changed)


def test_a_post_becomes_a_page_by_one_tick(author):
    post = make_post("我寫的書", words="books")

    assert save(author, post, place="page").status_code == 302

    post.refresh_from_db()
    assert (post.is_page, post.is_unlisted, post.get_absolute_url()) == (True, True, "/pages/books/")
    assert post.title in author.get(reverse("admin:posts_post_changelist") + "?state=page").text


def test_two_pages_cannot_have_one_address(author, books):
    second = make_post("另一頁", words="books")

    form = save(author, second, place="page").context["adminform"].form

    assert form.errors == {"words": ["Another page has this address."]}


def test_the_address_of_a_published_page_stays(author, books):
    save(author, books, words="courses", _update="1")

    assert Post.objects.get(pk=books.pk).words == "books"


def test_a_post_of_an_issue_cannot_become_a_page(author):
    post = make_post("文章", words="books")
    make_issue(post, number=7)

    assert save(author, post, place="page").status_code == 200
    assert not Post.objects.get(pk=post.pk).is_page
