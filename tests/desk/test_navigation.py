"""The six words of the desk: whom each is shown, where it leads, and what stands beside a page."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from newsletter.desk import navigation
from tests.factories import make_helper, make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _publication():
    make_publication()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def links(page: str, name: str) -> list[tuple[str, str]]:
    """Address and words of each link in the navigation of this name."""
    found = re.search(rf'<nav class="[^"]*" aria-label="{name}">(.*?)</nav>', page, re.DOTALL)
    return re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', found[1]) if found else []


def words(client: Client, path: str = "/admin/") -> list[str]:
    return [word for _address, word in links(client.get(path).text, "Desk")]


@pytest.mark.parametrize(
    ("roles", "shown"),
    [
        ((), ["Today", "Settings"]),
        (("writer",), ["Today", "Writing", "Settings"]),
        (("reader-care",), ["Today", "Readers", "Settings"]),
        (("editor",), ["Today", "Writing", "Issues", "Settings"]),
        (("writer", "reader-care"), ["Today", "Writing", "Readers", "Settings"]),
        (("owner",), ["Today", "Writing", "Issues", "Readers", "Settings"]),
    ],
)
def test_a_role_sees_the_words_that_it_may_open(roles, shown):
    words_shown = words(client_of(make_helper(*roles)))

    assert [word for word in words_shown if word != "Calendar"] == shown


def test_a_word_leads_to_the_first_of_its_lists_that_the_user_may_open():
    helper = make_helper()
    helper.user_permissions.set(Permission.objects.filter(codename="view_image"))
    client = client_of(helper)

    [writing] = [address for address, word in links(client.get("/admin/").text, "Desk") if word == "Writing"]

    assert writing == "/admin/posts/image/"
    assert links(client.get(writing).text, "Beside this page") == []  # it stands alone


@pytest.mark.parametrize("role", ["writer", "reader-care", "editor", "owner"])
def test_no_link_of_the_frame_leads_to_a_refusal(role):
    client = client_of(make_helper(role))
    waiting, seen = ["/admin/"], set()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        page = client.get(address)
        assert page.status_code == 200, address
        found = [*links(page.text, "Desk"), *links(page.text, "Beside this page")]
        waiting += [link for link, _words in found if link not in seen and link not in waiting]

    assert len(seen) > 2


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/admin/", "today"),
        ("/admin/posts/image/add/", "writing"),
        ("/admin/delivery/mailing/4/", "issues"),
        ("/admin/subscribers/subscriber/", "readers"),
        ("/admin/calendar/2026/", "calendar"),
        ("/admin/account/codes/", "settings"),
        ("/admin/settings/look/", "settings"),
        ("/admin/auth/group/", "settings"),
        ("/admin/nowhere/", None),
        ("/issues/", None),
    ],
)
def test_each_page_stands_under_its_word(path, word):
    from django.contrib import admin

    assert navigation.section_of(path, admin.site) == word


def test_a_page_below_a_list_leads_back_to_it():
    client = client_of(make_helper("owner"))

    def way_back(path: str) -> list[tuple[str, str]]:
        return re.findall(r'class="way-back">\s*<a href="([^"]*)">([^<]*)</a>', client.get(path).text)

    assert way_back("/admin/posts/tag/add/") == [("/admin/posts/tag/", "Tags")]
    assert way_back("/admin/auth/group/") == [("/admin/settings/", "Settings")]
    assert way_back("/admin/posts/tag/") == []
    assert way_back("/admin/") == []


def test_the_settings_are_eight_and_more():
    client = client_of(make_helper("owner"))
    often = ["The newsletter", "Look", "Sender", "Rhythm", "New readers", "Words", "Team", "Security"]

    assert [word for _at, word in links(client.get("/admin/settings/look/").text, "Beside this page")] == [
        *often,
        "More",
    ]
    rare = [word for _at, word in links(client.get("/admin/posts/redirect/").text, "Beside this page")]
    assert rare == [*often, "Old addresses", "More"]  # and where one is
    folded = client.get("/admin/settings/").text.partition("<details")[2].partition("</details>")[0]
    assert re.findall(r'class="row-title"[^>]*>([^<]*)<', folded) == [
        *("Move in", "Robots", "Menu", "Old addresses", "API", "Webhooks", "Record")
    ]


def test_nobody_is_shown_words_before_the_login():
    assert 'class="words"' not in Client().get("/admin/login/").text


def test_the_frame_asks_the_database_for_nothing_of_its_own(django_assert_max_num_queries):
    client = client_of(make_helper("owner"))
    client.get("/admin/settings/")

    with django_assert_max_num_queries(12):
        client.get("/admin/settings/")
