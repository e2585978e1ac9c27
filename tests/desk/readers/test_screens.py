"""The readers in a real browser: by thumb, by day and by night."""

import pytest
from django.utils import timezone

from subscribers.models import Consent, Note
from subscribers.models.consents import Circumstances
from tests.desk.readers.test_list import make_sent
from tests.factories import make_subscriber
from tests.support.pages import assert_accessible

pytestmark = pytest.mark.browser
READERS = "/admin/subscribers/subscriber/"
LONG = "tree.by.the.river.in.the.evening.of.a.long.day@mail.example.net"


@pytest.fixture
def screens(desk) -> list[str]:
    """The addresses of the pages of readers, with a reader of each kind."""
    reader = make_subscriber(LONG, name="名字很長的讀者", tags="老朋友,同業")
    Consent.objects.add(reader, Consent.Kind.CONFIRMED, Circumstances("web:page", "每兩週一封信"), timezone.now())
    Note.objects.create(subscriber=reader, at=timezone.now(), by="gipi", text="讀書會認識的，在做教材設計。")
    make_sent()
    make_subscriber("camellia@example.org", state="unsubscribed")
    make_subscriber("info@studio.example").suppress("bounced")
    return [READERS, f"{READERS}?state=active&tag=老朋友&q=tree", f"{READERS}{reader.pk}/change/"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier_or_is_wider_than_a_phone(desk, server, screens, scheme):
    desk.emulate_media(color_scheme=scheme)

    for path in screens:
        desk.set_viewport_size({"width": 1280, "height": 900})
        desk.goto(server.url + path)
        assert_accessible(desk)
        for width in (375, 320):
            desk.set_viewport_size({"width": width, "height": 640})
            assert desk.evaluate("document.documentElement.scrollWidth") <= width, path
        assert_accessible(desk)


def test_a_long_address_takes_the_width_of_a_phone(desk, server, screens):
    desk.set_viewport_size({"width": 375, "height": 640})
    desk.goto(server.url + READERS)

    box = desk.locator(".address", has_text="tree").bounding_box()

    assert box["width"] > 200
    assert box["height"] < 70
