"""The desk in a real browser. Tests that need none have a `desk` of their own."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import make_publication


@pytest.fixture
def desk(server, page, settings):
    """A browser in which the author is logged in."""
    make_publication()
    client = Client()
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server.url}])
    page.on("dialog", lambda dialog: dialog.accept())
    return page
