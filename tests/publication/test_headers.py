"""Static files are guarded as pages are."""

from pathlib import Path

import pytest
from django.test import Client
from whitenoise.middleware import WhiteNoiseMiddleware

pytestmark = pytest.mark.django_db  # the handler of requests looks after its connections


@pytest.fixture
def shelf(settings):
    """A folder of static files with one style sheet, one script and one picture."""
    folder = Path(settings.STATIC_ROOT)
    files = [folder / name for name in ("guarded.css", "guarded.js", "guarded.svg")]
    for file in files:
        file.write_text("")
    yield [f"/static/{file.name}" for file in files]
    for file in files:
        file.unlink()


def test_no_static_file_can_be_framed_or_load_anything(shelf):
    client = Client()

    for address in shelf:
        response = client.get(address)
        response.close()

        headers = response.headers
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_the_files_are_those_that_whitenoise_answers(settings):
    assert f"{WhiteNoiseMiddleware.__module__}.{WhiteNoiseMiddleware.__name__}" in settings.MIDDLEWARE
