"""Errands as a page begins them, and a worker that takes turns."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from newsletter.desk.jobs import readers, working
from newsletter.desk.jobs.selection import Selection
from newsletter.desk.models import Errand
from newsletter.publication.changes import Via, acting_as
from tests.factories import make_publication


@pytest.fixture(autouse=True)
def publication(settings, tmp_path, db):
    settings.DATA_DIR = tmp_path
    return make_publication()


@pytest.fixture
def author() -> User:
    return User.objects.create_superuser("gipi", "gipi@example.org", "pw")


@pytest.fixture
def begun(author) -> Callable[..., Errand]:
    """Begin an errand about all that an address line means."""

    def begin(
        kind: str, query: dict[str, str] | Selection | None = None, *, about: str = "x", **options: str
    ) -> Errand:
        selection = query if isinstance(query, Selection) else Selection.of_all(query or {})
        with acting_as("gipi", Via.DESK):
            return readers.begin(
                kind,
                selection,
                options,
                about=about,
                count=selection.readers().count(),
                user=author,
                now=timezone.now(),
            )

    return begin


def finish(errand: Errand) -> Errand:
    """Let a worker take turns until there is nothing to do."""
    while working.work(Errand, timezone.now()):
        pass
    errand.refresh_from_db()
    return errand
