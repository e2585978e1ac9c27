"""Whoever publishes in English meets no Chinese word on a page, whether at the desk or not. Mails: test_letters."""

import re

import pytest
from django.test import Client

from newsletter.desk.issues.composer import PREVIEW_READERS
from newsletter.desk.settings.publication import PREVIEWS
from tests.desk.test_permissions import World, made, world
from tests.support.english import chinese_in, speak_english

__all__ = ["made", "world"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.exhaustive]

HREF = re.compile(r'(?:href|src)="(/[^"#]*)')
TEXT = re.compile("text/(?!css)|application/(json|xml|.*xml)")
PAGES = ["/", "/issues/", "/posts/", "/search/?q=word", "/about/", "/start-here/", "/subscribe/", "/preferences/"]
PAGES += ["/feed.xml", "/feed.json", "/sitemap.xml", "/llms.txt", "/robots.txt", "/.well-known/security.txt"]
PAGES += ["/nothing/", "/api/docs/", "/api/v1/openapi.json", "/admin/nothing/"]
NOT_FOLLOWED = ("/static/", "/media/", "/cards/", "/admin/logout/", "/admin/jsi18n/", "/admin/calendar/slot/")


def text_of(client: Client, path: str) -> str:
    response = client.get(path, follow=True)
    if response.streaming:
        list(response)  # its end closes the file
        return ""
    return response.text if TEXT.match(response.headers["Content-Type"]) else ""


def test_no_page_and_no_screen_has_a_chinese_word(client, world: World):
    speak_english()
    client.force_login(world.helpers["owner"])
    letter = world.addresses["admin/issues/issue/<int:pk>/frame/mail/"]
    begun = [*PAGES, *world.addresses.values(), *(f"{letter}?reader={one}" for one in PREVIEW_READERS)]
    begun += [f"/admin/settings/look/preview/{kind}/" for kind in PREVIEWS]

    pages = {path: text_of(client, path) for path in begun}
    links = {link.replace("&amp;", "&") for text in pages.values() for link in HREF.findall(text)}
    pages |= {path: text_of(client, path) for path in links - pages.keys() if not path.startswith(NOT_FOLLOWED)}

    assert {path: words for path, text in pages.items() if (words := chinese_in(text))} == {}
    assert len(pages) > 300
