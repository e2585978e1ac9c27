"""What belongs to a post beside its text, in a browser."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.posts.models import Post
from tests.support.page_checks import assert_accessible

pytestmark = pytest.mark.browser


def save(editor) -> None:
    editor.keyboard.press("Control+s")
    editor.locator(".saving-said", has_text="Saved: ").wait_for()


@pytest.mark.exhaustive
def test_a_time_that_is_typed_is_meant_and_the_post_is_scheduled(editor):
    editor.fill("[data-release] [type=datetime-local]", "2099-01-07T08:00")

    assert editor.get_by_role("radio", name="By itself, at a time").is_checked()
    save(editor)
    editor.locator(".form-state", has_text="scheduled").wait_for()
    assert Post.objects.get().published_at.isoformat() == "2099-01-07T00:00:00+00:00"


def test_a_post_that_was_published_now_shows_its_time_and_a_second_save_leaves_it(editor):
    editor.get_by_role("radio", name="Now, when you press “Save”").check()
    save(editor)
    editor.get_by_role("radio", name="A draft again").wait_for()
    at = Post.objects.get().published_at

    assert timezone.now() - at < timedelta(minutes=1)
    assert editor.get_by_role("radio", name="Readers see it since").is_checked()
    assert editor.input_value("[data-release] [type=datetime-local]") == f"{timezone.localtime(at):%Y-%m-%dT%H:%M}"
    editor.fill("#id_title", "別的標題")
    save(editor)
    editor.get_by_role("link", name="Changed; readers see the former text").wait_for()
    assert Post.objects.get().published_at == at
    assert_accessible(editor)
