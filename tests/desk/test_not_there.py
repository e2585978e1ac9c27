"""What the desk says where there is nothing, and where nobody can do what was asked."""

import pytest

from newsletter.posts.models import Image, Tag
from tests.factories import make_helper, make_post, make_publication
from tests.support.page_checks import assert_valid

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def owner(client):
    make_publication(language="en", name="Gipi電子報")
    client.force_login(make_helper("owner", name="gipi", is_superuser=True))
    return client


@pytest.mark.parametrize("path", ["/admin/nowhere/", "/admin/delivery/mailing/7/stop/change/"])
def test_an_address_that_leads_nowhere_is_answered_in_the_frame_of_the_desk(owner, path):
    answer = owner.get(path)

    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (404, True)
    assert 'class="words"' in answer.text
    assert "There is no page here" in answer.text
    assert_valid(answer.text)


def test_readers_pages_stay_readers_pages_for_the_author(owner):
    assert 'class="words"' not in owner.get("/nowhere/").text


def test_a_picture_in_use_is_refused_for_what_it_is_and_not_for_the_account(owner):
    image = Image.objects.create(name="x.png", alt="圖", digest="x" * 16, width=1, height=1)
    make_post(body=f"![圖](/media/{image.digest}/x.png)")

    page = owner.get(f"/admin/posts/image/{image.pk}/delete/")

    assert page.status_code == 403
    assert "Nobody can do this here" in page.text
    assert "does not have" not in page.text
    assert "Roles that have it" not in page.text


def test_a_tag_is_deleted_after_one_plain_question(owner):
    tag = Tag.objects.create(name="管理", slug="management")

    page = owner.get(f"/admin/posts/tag/{tag.pk}/delete/")
    owner.post(f"/admin/posts/tag/{tag.pk}/delete/", {"post": "yes"})

    assert "Delete “管理”? It cannot be brought back." in page.text
    assert "What goes with it" not in page.text
    assert not Tag.objects.exists()
