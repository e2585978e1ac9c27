"""Django's own admin pages in our wording: its log, delete confirmation, and form errors."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from newsletter.posts.models import Image, Tag
from newsletter.publication.models import Publication
from tests.factories import make_publication
from tests.support.page_checks import assert_valid

pytestmark = pytest.mark.django_db


@pytest.fixture
def gipi() -> User:
    make_publication()
    return User.objects.create_superuser("gipi", password="pw")


@pytest.fixture
def desk(client, gipi):
    client.force_login(gipi)
    return client


def test_the_log_calls_a_field_what_its_form_calls_it(desk):
    Publication.objects.update(language="zh-hant")
    tag = Tag.objects.create(name="AI", slug="ai")
    image = Image.objects.create(name="x.png", alt="圖", digest="x" * 16, width=1, height=1)
    desk.post(f"/admin/posts/tag/{tag.pk}/change/", {"name": "機器", "slug": "machines"})
    desk.post(f"/admin/posts/image/{image.pk}/change/", {"alt": "一張圖"})

    of_tag = desk.get(f"/admin/posts/tag/{tag.pk}/history/")
    of_image = desk.get(f"/admin/posts/image/{image.pk}/history/")

    assert "改了名稱、網址。" in of_tag.text
    assert "改了替代文字。" in of_image.text
    assert_valid(of_tag.text)


def test_the_question_before_several_are_deleted_names_each_once(desk):
    tags = [Tag.objects.create(name=name, slug=name) for name in ("leverage", "silence")]
    chosen = {"action": "delete_selected", "_selected_action": [tag.pk for tag in tags]}

    asked = desk.post("/admin/posts/tag/", chosen)
    done = desk.post("/admin/posts/tag/", {**chosen, "post": "yes"})

    assert "Delete these 2? They cannot be brought back." in asked.text
    assert [asked.text.count(f"<li>{name}</li>") for name in ("leverage", "silence")] == [1, 1]
    assert "Objects" not in asked.text
    assert done.status_code == 302
    assert not Tag.objects.exists()


def test_a_form_of_an_earlier_login_says_what_to_do_with_it(gipi):
    client = Client(enforce_csrf_checks=True)
    client.force_login(gipi)

    refused = client.post("/admin/posts/tag/add/", {"name": "AI", "slug": "ai"})

    assert refused.status_code == 403
    assert "This form is too old" in refused.text
    assert '<a href="/admin/">To your desk</a>' in refused.text
    assert "DEBUG" not in refused.text
    assert_valid(refused.text)
    assert not Tag.objects.exists()
