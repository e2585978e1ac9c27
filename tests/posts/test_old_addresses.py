"""An address of the old site leads to its post for ever; what is nowhere is counted, within bounds."""

from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from newsletter.posts.models import MissingAddress, Redirect
from newsletter.posts.models.redirects import normal
from newsletter.posts.old_addresses import answering
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
    assert normal(address) == kept


@pytest.mark.parametrize("asked", ["/my-post/", "/my-post", "/my-post/?utm_source=x"])
def test_an_old_address_leads_to_its_post_for_ever(client, asked):
    post = make_post()
    Redirect.objects.lead(["/my-post/"], post)

    response = client.get(asked)

    query = asked.partition("?")[2]
    assert response.status_code == 301
    assert response.headers["Location"] == post.get_absolute_url() + (f"?{query}" if query else "")


def test_a_query_can_name_a_post(client):
    one, two = make_post(), make_post()
    Redirect.objects.lead(["/blog/?p=1"], one)
    Redirect.objects.lead(["/blog/?p=2"], two)

    assert client.get("/blog/?p=2").headers["Location"] == two.get_absolute_url()


def test_the_longest_of_several_wins(client):
    Redirect.objects.create(path="/blog/*", target="/posts/")
    Redirect.objects.create(path="/blog/2019/*", target="/tags/old/")

    assert client.get("/blog/2019/x/").headers["Location"] == "/tags/old/"
    assert client.get("/blog/2020/x/").headers["Location"] == "/posts/"


def test_a_draft_is_not_betrayed_by_its_old_address(client):
    Redirect.objects.lead(["/draft/"], make_post(published_at=None))
    Redirect.objects.lead(["/later/"], make_post(published_at=timezone.now() + timedelta(days=1)))

    assert [client.get(path).status_code for path in ("/draft/", "/later/")] == [404, 404]


def test_an_address_that_leads_to_itself_leads_nowhere(client):
    Redirect.objects.create(path="/round", target="/round/")

    assert client.get("/round/").status_code == 404


def test_a_page_of_ours_is_never_hidden_by_an_old_address(client):
    Redirect.objects.create(path="/posts", target="/elsewhere/")

    assert client.get("/posts/").status_code == 200


def test_uses_are_counted(client):
    Redirect.objects.lead(["/my-post/"], make_post())

    client.get("/my-post/")
    client.get("/my-post/")

    row = Redirect.objects.get()
    assert (row.asked, row.asked_on) == (2, timezone.localdate())


# --- What is nowhere ---


def test_a_missing_page_is_counted_with_its_day(client):
    client.get("/gone/")
    client.get("/gone")

    row = MissingAddress.objects.get()
    assert (row.path, row.asked, row.asked_on) == ("/gone", 2, timezone.localdate())


@pytest.mark.parametrize(
    "path",
    [
        "/wp-login.php",
        "/.env",
        "/backup.zip",
        "/media/0123456789abcdef/x.png",
        "/unsubscribe/secret-token/x/",
        "/abcdefghij0123456789/",
        "/" + "x" * 400,
    ],
)
def test_probes_and_what_may_be_a_token_are_never_written_down(client, path):
    assert client.get(path).status_code == 404
    assert not MissingAddress.objects.exists()


def test_a_flood_writes_no_more_than_its_minute_allows(client, monkeypatch):
    monkeypatch.setattr(answering, "COUNTED_A_MINUTE", 5)

    for number in range(20):
        client.get(f"/flood-{number}/")

    assert MissingAddress.objects.count() <= 10  # a minute may end meanwhile


def test_the_list_keeps_its_size_and_what_was_asked_for_most():
    for number in range(3):
        MissingAddress.objects.count_one(f"/{number}", date(2026, 11, number + 1), most=3)
    MissingAddress.objects.count_one("/0", date(2026, 11, 4), most=3)

    MissingAddress.objects.count_one("/new", date(2026, 11, 5), most=3)

    assert set(MissingAddress.objects.values_list("path", flat=True)) == {"/0", "/2", "/new"}
