"""The author sees where old addresses lead, mends them, and answers what is missing."""

import pytest
from django.contrib.messages import get_messages

from newsletter.posts.models import Redirect
from tests.factories import make_post, make_publication

pytestmark = pytest.mark.django_db
ADD = "/admin/posts/redirect/add/"


@pytest.fixture(autouse=True)
def _publication():
    make_publication()


def test_an_old_address_is_led_to_a_post(admin_client, client):
    post = make_post()

    answer = admin_client.post(ADD, {"path": "https://old.example.org/my-post/", "leads_to": post.get_absolute_url()})

    assert answer.status_code == 302, answer.context["errors"]
    row = Redirect.objects.get()
    assert (row.path, row.post, row.target) == ("/my-post", post, "")
    assert client.get("/my-post/").headers["Location"] == post.get_absolute_url()
    assert len(list(get_messages(answer.wsgi_request))) == 1


@pytest.mark.parametrize("end", ["/posts/", "https://example.org/x", "/", "/p/999/"])
def test_it_may_lead_to_another_page_or_site(admin_client, end):
    admin_client.post(ADD, {"path": "/old/*", "leads_to": end})

    row = Redirect.objects.get()
    assert (row.path, row.post, row.target) == ("/old/*", None, end)


@pytest.mark.parametrize(
    ("path", "end", "why"),
    [
        ("/", "/posts/", "Enter the path of one page"),
        ("/x", "posts", "Enter a path that begins with /"),
        ("/x", "javascript:alert(1)", "Enter a path that begins with /"),
        ("/x", "//evil.example", "Enter a path that begins with /"),
        ("/x", "/x/", "This is the old address itself"),
        ("/taken", "/posts/", "already exists"),
        ("", "/posts/", "This field is required"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(admin_client, path, end, why):
    Redirect.objects.create(path="/taken", target="/posts/")

    answer = admin_client.post(ADD, {"path": path, "leads_to": end})

    assert answer.status_code == 200
    assert why in answer.content.decode()
    assert Redirect.objects.count() == 1
