"""The menu of the site, and the page of the settings where it is arranged."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.utils import translation

from newsletter.posts.models import Series
from newsletter.publication.models import Publication
from tests.factories import make_post, make_publication
from tests.support.page_checks import form_data

pytestmark = pytest.mark.django_db
ADDRESS = "/admin/settings/menu/"


@pytest.fixture
def author(client):
    make_publication(language="en")
    client.force_login(get_user_model().objects.create_superuser("gipi", "gipi@example.org", "pw"))
    with translation.override("en"):
        yield client


def menu_of(client, address="/start-here/"):
    head = re.search(r'<nav class="masthead-nav".*?</nav>', client.get(address).text, re.DOTALL)[0]
    return re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', head)


def row(number, to, **parts):
    return {f"menu-{number}-{part}": text for part, text in ({"place": str(number), "to": to} | parts).items()}


def save(author, *rows):
    return author.post(ADDRESS, {name: text for one in rows for name, text in one.items()})


def errors(response):
    return response.context["adminform"].form.errors["menu"]


def test_the_menu_is_as_ever_until_somebody_arranges_it(author):
    assert menu_of(author) == [
        ("/issues/", "Issues"),
        ("/posts/", "Posts"),
        ("/about/", "About"),
        ("/search/", "Search"),
        ("/subscribe/", "Subscribe"),
    ]


def test_pages_and_addresses_stand_in_the_order_of_their_numbers(author):
    page = make_post("Books", words="books", is_page=True, is_unlisted=True)
    outside = row(3, "address", address="https://shop.example.org/", label="Shop")

    save(author, row(1, "issues", place="9"), row(2, f"page:{page.pk}"), outside, row(4, "about", label="Who I am"))

    assert menu_of(author)[:4] == [
        ("/pages/books/", "Books"),
        ("https://shop.example.org/", "Shop"),
        ("/about/", "Who I am"),
        ("/issues/", "Issues"),
    ]


def test_a_series_has_a_place_while_it_has_a_post(author):
    series = Series.objects.create(title="On trust", slug="on-trust")
    post = make_post("One", words="one", series=series, series_number=1)
    save(author, row(1, f"series:{series.pk}"), row(2, "about"))
    assert menu_of(author)[0] == ("/series/on-trust/", "On trust")

    post.published_at = None
    post.save()
    assert menu_of(author)[0] == ("/about/", "About")


def test_the_form_shows_what_was_saved(author):
    save(author, row(1, "about", label="Me"), row(2, "address", address="/tags/ai/", label="AI"))

    saved = form_data(author.get(ADDRESS).text, "publication_form")
    author.post(ADDRESS, saved)

    assert Publication.objects.get().menu == [{"to": "about", "label": "Me"}, {"to": "/tags/ai/", "label": "AI"}]


def test_a_page_that_is_a_draft_again_or_gone_leaves_the_menu(author):
    page = make_post("Books", words="books", is_page=True, is_unlisted=True)
    save(author, row(1, f"page:{page.pk}"), row(2, "about"))

    page.published_at = None
    page.save()
    assert ("/pages/books/", "Books") not in menu_of(author)

    page.delete()
    assert menu_of(author)[0] == ("/about/", "About")
    assert author.get(ADDRESS).status_code == 200


def test_the_shown_page_is_marked(author):
    make_post("Books", words="books", is_page=True, is_unlisted=True)
    Publication.objects.update(menu=[{"to": "/pages/books/", "label": "Books"}])

    assert '<a href="/pages/books/" aria-current="page">Books</a>' in author.get("/pages/books/").text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (row(1, "address", address="javascript:alert(1)", label="X"), "“javascript:alert(1)” is no address"),
        (row(1, "address", address="//evil.example/", label="X"), "“//evil.example/” is no address"),
        (row(1, "address", address="https://a.example/ b", label="X"), "“https://a.example/ b” is no address"),
        (row(1, "address", address="https://a.example/"), "Say how the entry to https://a.example/ is called."),
        (row(1, "about", label="x" * 21), "is too long: at most 20 characters."),
        (row(1, "page:999"), "“page:999” is no address"),
    ],
)
def test_what_cannot_be_an_entry_is_named(author, typed, words):
    response = save(author, typed)

    assert words in errors(response)[0]
    assert Publication.objects.get().menu == []


def test_an_empty_menu_is_the_usual_one(author):
    save(author, row(1, "about"))
    save(author)

    assert len(menu_of(author)) == 5


def test_the_preview_shows_a_menu_before_it_is_saved(author):
    shown = author.post("/admin/settings/look/preview/menu/", row(1, "about", label="Who I am"))

    assert "Who I am" in shown.text
    assert Publication.objects.get().menu == []
