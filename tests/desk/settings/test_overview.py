"""The page that the word for settings leads to: what it says of backups, and the machines behind it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.operation.models import NightlyBackup
from tests.factories import make_publication
from tests.operation.test_machine_findings import make_program
from tests.support.page_checks import markup

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(admin_client, settings, tmp_path):
    """The text of the page for an owner."""
    make_publication(language="en")
    settings.BACKUP_URL = str(tmp_path)
    return lambda: markup(admin_client.get(reverse("admin:settings"), headers={"Accept-Language": "en"}))


def make_backup(**fields):
    made = timezone.now() - timedelta(hours=9)
    return NightlyBackup.objects.create(
        day=made.date(), begun_at=made, **({"made_at": made, "octets": 1288490188} | fields)
    )


def test_the_age_of_the_last_backup_stands_there(said):
    make_backup()

    assert "The last backup is 9 hours old (" in said()
    assert "1.2 GB). It has not been tried yet." in said()


@pytest.mark.parametrize(
    ("trial", "words"), [("", "and works."), ("a page fails", "would not bring the newsletter back")]
)
def test_so_does_what_trying_it_has_shown(said, trial, words):
    make_backup(tried_at=timezone.now(), trial=trial)

    assert words in said()


def test_without_a_place_for_them_the_owner_is_told(said, settings):
    settings.BACKUP_URL = ""

    assert "No backup is made by itself." in said()


def test_each_program_stands_under_its_machine_with_its_version_and_why_it_sends_nothing(said, admin_client):
    make_program("web", "alpha", clock_ahead=timedelta(seconds=61))
    make_program("worker", "beta", site="other")
    make_program("clock", "beta", beat_at=timezone.now() - timedelta(hours=9))

    page = markup(admin_client.get(reverse("admin:settings_machines"), headers={"Accept-Language": "en"}))

    assert reverse("admin:settings_machines") in said()
    alpha, beta = page.partition("beta:/data")[::2]
    assert "alpha:/data" in alpha
    assert "0.2.0 (a1) · running" in alpha
    assert "Its clock is +61 seconds off the database’s." in alpha
    assert "Sends nothing: the web server has another SITE_URL." in beta
    assert "0.2.0 (a1) · last seen" in beta
