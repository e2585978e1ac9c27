"""An address of the old site leads to its post for ever; what is nowhere is counted, within bounds."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from newsletter.posts.models import Redirect
from newsletter.posts.models.redirects import normalise_path
from tests.factories import make_post, make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _publication():
    cache.clear()
    make_publication()


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/2019/05/my-post/", "/2019/05/my-post"),
        ("2019/05/my-post", "/2019/05/my-post"),
        ("https://old.example.org/a/?p=1#x", "/a?p=1"),
        ("/?p=128", "/?p=128"),
        ("/%E7%AE%A1%E7%90%86/", "/管理"),
        ("/" + "a" * 300, ""),
        ("/a\x07b", ""),
    ],
)
def test_an_address_is_kept_in_one_form(address, kept):
    assert normalise_path(address) == kept


@pytest.mark.parametrize(
    ("target", "end"),
    [
        ("/posts/#top", "/posts/?utm_source=x#top"),
        ("/posts/?page=2#top", "/posts/?page=2&utm_source=x#top"),
        ("https://other.example.org#top", "https://other.example.org?utm_source=x#top"),
    ],
)
def test_what_a_page_was_asked_with_stands_before_the_fragment(client, target, end):
    Redirect.objects.create(path="/old", target=target)

    assert client.get("/old/?utm_source=x").headers["Location"] == end


@pytest.mark.parametrize("asked", ["/my-post/", "/my-post", "/my-post/?utm_source=x"])
def test_an_old_address_leads_to_its_post_for_ever(client, asked):
    post = make_post()
    Redirect.objects.add_for_post(["/my-post/"], post)

    response = client.get(asked)

    query = asked.partition("?")[2]
    assert response.status_code == 301
    assert response.headers["Location"] == post.get_absolute_url() + (f"?{query}" if query else "")


def test_a_query_can_name_a_post(client):
    one, two = make_post(), make_post()
    Redirect.objects.add_for_post(["/blog/?p=1"], one)
    Redirect.objects.add_for_post(["/blog/?p=2"], two)

    assert client.get("/blog/?p=2").headers["Location"] == two.get_absolute_url()


def test_the_longest_of_several_wins(client):
    Redirect.objects.create(path="/blog/*", target="/posts/")
    Redirect.objects.create(path="/blog/2019/*", target="/tags/old/")

    assert client.get("/blog/2019/x/").headers["Location"] == "/tags/old/"
    assert client.get("/blog/2020/x/").headers["Location"] == "/posts/"


def test_a_draft_is_not_betrayed_by_its_old_address(client):
    Redirect.objects.add_for_post(["/draft/"], make_post(published_at=None))
    Redirect.objects.add_for_post(["/later/"], make_post(published_at=timezone.now() + timedelta(days=1)))

    assert [client.get(path).status_code for path in ("/draft/", "/later/")] == [404, 404]


def test_an_address_that_leads_to_itself_leads_nowhere(client):
    Redirect.objects.create(path="/round", target="/round/")

    assert client.get("/round/").status_code == 404


def test_a_page_of_ours_is_never_hidden_by_an_old_address(client):
    Redirect.objects.create(path="/posts", target="/elsewhere/")

    assert client.get("/posts/").status_code == 200


def test_a_page_that_is_nowhere_is_not_found(client):
    assert client.get("/gone/").status_code == 404
