"""A draft is shown to whoever has its link, and to nobody else."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from html5lib import HTMLParser

from newsletter.posts.models import Post
from tests.factories import make_post, make_publication
from tests.support.page_checks import HTML, markup

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def draft():
    make_publication()
    return make_post("草稿的題目", body="還沒寫完的一段。", published_at=None)


@pytest.fixture
def link(draft):
    """The address that opens the draft."""
    draft.open_preview(timezone.now())
    return f"/preview/{draft.preview_token}/"


def switch(client, post, button):
    return client.post(f"/admin/posts/post/{post.pk}/preview-link/", {button: ""})


def test_the_link_shows_the_draft_to_a_stranger(client, link):
    response = client.get(link)

    assert response.status_code == 200
    assert ">草稿的題目</h1>" in markup(response)
    assert "還沒寫完的一段。" in response.text


def test_a_preview_stays_out_of_caches_and_search_engines(client, link):
    response = client.get(link)

    assert response.headers["Cache-Control"] == "no-store, private"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert '<meta name="robots" content="noindex, nofollow">' in response.text
    assert "og:title" not in response.text
    assert "canonical" not in response.text


def test_a_link_opens_for_thirty_days(client, link):
    with time_machine.travel(timezone.now() + 30 * DAY - timedelta(minutes=1)):
        assert client.get(link).status_code == 200

    with time_machine.travel(timezone.now() + 30 * DAY):
        late = client.get(link)

    assert late.status_code == 410
    assert "Ask for a new one" in late.text
    assert "草稿的題目" not in late.text
    assert late.headers["Cache-Control"] == "no-store, private"


def test_a_link_that_was_turned_off_is_dead_for_good(client, draft, link):
    draft.close_preview()
    assert client.get(link).status_code == 410

    draft.open_preview(timezone.now() + timedelta(seconds=1))

    assert client.get(link).status_code == 410
    assert client.get(f"/preview/{draft.preview_token}/").status_code == 200


def test_a_post_that_came_out_is_read_at_its_own_address(client, draft, link):
    Post.objects.filter(pk=draft.pk).update(published_at=timezone.now() - DAY)

    response = client.get(link)

    assert (response.status_code, response.headers["Location"]) == (302, draft.get_absolute_url())


@pytest.mark.parametrize("make", [str.swapcase, lambda token: token[:-1], lambda token: token + "0", lambda _: "!"])
def test_a_token_that_was_changed_opens_nothing(client, draft, link, make):
    assert client.get(f"/preview/{make(draft.preview_token)}/").status_code == 410


def test_after_a_restore_the_link_of_a_lost_draft_opens_no_other_one(client, draft, link):
    """Its token is bound to the moment at which it was made, to the microsecond: no other row has that."""
    token = draft.preview_token
    Post.objects.all().delete()
    anew = make_post("另一篇", pk=draft.pk, published_at=None)
    anew.open_preview(timezone.now())

    assert client.get(f"/preview/{token}/").status_code == 410
    assert client.get(f"/preview/{anew.preview_token}/").status_code == 200


def test_opening_a_preview_does_not_count_as_an_edit(draft):
    before = draft.updated_at

    draft.open_preview(timezone.now())

    assert Post.objects.get(pk=draft.pk).updated_at == before


# --- The author's switch ---


def test_the_author_makes_copies_and_takes_back_a_link(author, draft):
    page = f"/admin/posts/post/{draft.pk}/change/"
    assert "Make a link" in author.get(page).text

    opened = switch(author, draft, "open")
    draft.refresh_from_db()
    address = f"https://news.example.org/preview/{draft.preview_token}/"
    assert opened.headers["Location"] == f"{page}#preview-link"
    assert f'value="{address}"' in author.get(page).text

    switch(author, draft, "close")
    assert address not in author.get(page).text
    assert "Make a link" in author.get(page).text


@pytest.mark.parametrize("button", ["open", "close"])
def test_the_button_does_not_save_the_post(author, draft, button):
    """A form within a form is none: HTML has the button belong to the outer one."""
    if button == "close":
        draft.open_preview(timezone.now())

    page = HTMLParser().parse(author.get(f"/admin/posts/post/{draft.pk}/change/").text)

    (form,) = page.findall(f".//{HTML}form[@id='preview-form']")
    (pressed,) = page.findall(f".//{HTML}button[@name='{button}']")
    assert pressed.get("form") == "preview-form"
    assert form.get("action") == f"/admin/posts/post/{draft.pk}/preview-link/"
    assert form.findall(f"./{HTML}input[@name='csrfmiddlewaretoken']")
    assert not form.findall(f".//{HTML}textarea")


def test_a_published_post_needs_no_link(author):
    post = make_post()

    assert 'id="preview-link"' not in author.get(f"/admin/posts/post/{post.pk}/change/").text
