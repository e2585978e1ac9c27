"""The persons who take part in a journey."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from subscribers import forms
from tests.factories import make_publication, make_subscriber
from tests.flows.journeys import doors
from tests.flows.journeys.people import PATIENCE, PHONE, WINDOW, Author, Hands, Machine, Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(params=["pointing", pytest.param("keys", marks=pytest.mark.exhaustive)])
def hands(request: pytest.FixtureRequest) -> Hands:
    """By the journey's name a mouse or a finger; with the exhaustive tests the keys, in a window of the other width."""
    is_phone = crc32(request.node.originalname.encode()) % 2 == 1
    if request.param == "keys":
        return Hands("keys", WINDOW if is_phone else PHONE)
    return Hands("finger", PHONE) if is_phone else Hands("mouse", WINDOW)


@pytest.fixture
def site(server: LiveServer, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    """A newsletter that is set up, on a web server whose address stands in its mails."""
    monkeypatch.setattr(forms, "TYPING_SECONDS_MIN", 0)  # a robot types faster than a person
    settings.SITE_URL = server.url
    settings.MEDIA_ROOT = tmp_path / "media"
    make_publication(sender_email="news@example.org", hold_minutes=0)
    return server


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture(autouse=True)
def opened_doors() -> set[str]:
    """The addresses to which the browsers of a journey have sent forms."""
    return set()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[object]:
    """Fail a journey that ends well without having gone through the doors of its mark."""
    result = yield
    missed = doors.named_by(pyfuncitem.function) - pyfuncitem.funcargs.get("opened_doors", set())
    assert missed == set()
    return result


@pytest.fixture
def new_person(
    browser: "Browser", site: LiveServer, hands: Hands, opened_doors: set[str]
) -> Iterator[Callable[..., Any]]:
    """Make persons, each with a browser of their own; a script's error on any page fails the journey."""
    complaints: list[str] = []
    profiles = []

    def make(kind: type[Person] = Person, **fields: str) -> Person:
        profile = browser.new_context(
            viewport=cast(Any, hands.window),
            has_touch=hands.by == "finger",
            locale="en",
            timezone_id="Asia/Taipei",
        )
        profile.set_default_timeout(PATIENCE)
        profile.on("response", lambda response: opened_doors.update(doors.opened_by(response, site.url)))
        profiles.append(profile)
        page = profile.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        return kind(page, site.url, hands.by, **fields)

    yield make
    for profile in profiles:
        profile.close()
    assert complaints == []


@pytest.fixture
def author(new_person: Callable[..., Author], site: LiveServer) -> Author:
    """The owner, logged in at the desk."""
    return logged_in(
        new_person(Author, address="gipi@example.org"), User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    )


def logged_in(person: Author, user: User) -> Author:
    client = Client()
    client.force_login(user)
    cookie = client.cookies[project.SESSION_COOKIE_NAME]
    person.page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": person.site}])
    return person


@pytest.fixture
def stranger(new_person: Callable[..., Person]) -> Person:
    """Somebody who has never been here."""
    return new_person(address="lin@example.org")


@pytest.fixture
def reader(new_person: Callable[..., Person]) -> Person:
    """Somebody who reads the newsletter already."""
    make_subscriber("reader@example.org", welcomed_at=timezone.now())
    return new_person(address="reader@example.org")
