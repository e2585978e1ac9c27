import pytest
from django.urls import reverse

from newsletter.desk.models import SavedFilter
from tests.factories import make_helper, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
READERS = "/admin/subscribers/subscriber/"
SAVE = f"{READERS}filters/"


@pytest.fixture(autouse=True)
def publication():
    return make_publication()


def test_a_combination_gets_a_name_and_stands_above_the_list(admin_client):
    make_subscriber("both@example.org", tags="vip")
    make_subscriber("other@example.org")
    assert (
        'name="query" value="q=example&amp;tag=vip"' in admin_client.get(READERS, {"tag": "vip", "q": "example"}).text
    )

    page = admin_client.post(SAVE, {"name": " 老 朋友 ", "query": "tag=vip&q=example"}, follow=True)

    assert page.request["QUERY_STRING"] == "q=example&tag=vip"
    assert "The filter “老 朋友” is saved." in page.text
    assert [str(row) for row in page.context["cl"].result_list] == ["both@example.org"]
    assert '<a href="?q=example&amp;tag=vip" aria-current="true">老 朋友</a>' in page.text
    assert '<a href="?q=example&amp;tag=vip">老 朋友</a>' in admin_client.get(READERS).text


def test_the_same_name_anew_changes_the_filter(admin_client):
    for query in ("tag=a", "tag=b"):
        admin_client.post(SAVE, {"name": "x", "query": query})

    assert list(SavedFilter.objects.values_list("name", "query")) == [("x", "tag=b")]


def test_only_filters_and_search_are_kept(admin_client):
    admin_client.post(SAVE, {"name": "x", "query": "p=7&state=active&o=1&evil=%3Cb%3E&q=&tag="})

    assert SavedFilter.objects.get().query == "state=active"


@pytest.mark.parametrize(
    "fields", [{"name": "", "query": "tag=a"}, {"name": "x" * 41, "query": "tag=a"}, {"name": "x", "query": ""}]
)
def test_what_cannot_be_saved_is_said_and_nothing_is(admin_client, fields):
    page = admin_client.post(SAVE, fields, follow=True)

    assert "The filter was not saved" in page.text
    assert not SavedFilter.objects.exists()


def test_a_filter_is_deleted_where_it_is_shown(admin_client):
    admin_client.post(SAVE, {"name": "x", "query": "tag=a"})
    delete = reverse("admin:reader_filter_delete", args=[SavedFilter.objects.get().pk])
    assert f'action="{delete}"' in admin_client.get(READERS, {"tag": "a"}).text
    assert delete not in admin_client.get(READERS).text

    page = admin_client.post(delete, follow=True)

    assert "No reader was changed." in page.text
    assert not SavedFilter.objects.exists()


def test_filters_of_others_are_shared_and_the_number_of_queries_stays(
    admin_client, client, django_assert_max_num_queries
):
    client.force_login(make_helper("reader-care"))
    for number in range(20):
        admin_client.post(SAVE, {"name": f"x{number}", "query": f"tag={number}"})
    client.get(READERS)

    with django_assert_max_num_queries(20):
        assert ">x7</a>" in client.get(READERS).text
