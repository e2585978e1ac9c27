import base64
import re
import zlib

import pytest
from django.urls import reverse

from newsletter.delivery.ledger.flight_recorder import RowMark
from newsletter.delivery.models import LedgerPlace, Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.operation import diagnosis
from tests.delivery.conftest import NOW, issue, make_mailing, publication  # noqa: F401 - fixtures

ADDRESS = "/admin/restored/"


@pytest.fixture
def mailing(make_mailing):  # noqa: F811
    return make_mailing("ab")


@pytest.fixture
def restored(mailing):
    batch = mailing.batches.get()
    marks = base64.b64encode(zlib.compress(bytes([RowMark.SENT, RowMark.WAITING]))).decode()
    Restoration.objects.create(noticed_at=NOW, departures=3, records=[[batch.pk, 1, batch.lo, marks]])
    return mailing


def test_the_page_says_what_is_missing(admin_client, restored):
    page = admin_client.get(ADDRESS).content.decode()

    assert "3 readers had left or were erased since" in page
    assert "1 copy has left" in page
    assert "who has paused since gets the next issue" in page
    assert reverse("admin:mailing", args=[restored.pk]) in page
    assert Restoration.undecided().exists()


def test_a_database_that_was_only_moved_is_asked_about_by_one_sentence_and_two_buttons(admin_client, mailing):
    Restoration.objects.create(noticed_at=NOW)
    mailing.batches.update(sent=1)
    LedgerPlace.objects.create(identity="here", seen_at=NOW)

    page = admin_client.get(ADDRESS).content.decode()

    assert "If it was only moved, go on" in page
    assert "Last sign of life: " in page
    assert "1 of 2 copies are known to have left" in " ".join(page.split())
    assert re.findall(r'name="choice"\s+value="(\w+)"', page) == ["go_on", "cancel"]


def test_after_a_downtime_the_mailing_s_page_decides_by_one_press(admin_client, mailing):
    mailing.pause("Nothing was running here.", Mailing.Cause.DOWNTIME)

    page = admin_client.get(reverse("admin:mailing", args=[mailing.pk])).content.decode()

    assert "Nothing was running here." in page
    for action, title in {"resume": "Go on", "cancel": "Nobody else gets it"}.items():
        address = reverse(f"admin:mailing_{action}", args=[mailing.pk])
        assert f'<form method="post" action="{address}">' in page
        assert f'value="{title}"' in page
    assert "Read and decide" in admin_client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("choice", "state", "sent"),
    [("count", "sending", 1), ("go_on", "sending", 0), ("cancel", "cancelled", 0)],
)
def test_one_button_decides(admin_client, restored, choice, state, sent):
    answer = admin_client.post(ADDRESS, {"choice": choice}, follow=True)

    assert "Sending goes on as you have decided." in answer.content.decode()
    restored.refresh_from_db()
    assert (restored.state, restored.counts().sent) == (state, sent)
    assert not Restoration.undecided().exists()


def test_home_and_doctor_say_it_until_it_is_decided(admin_client, restored):
    assert "The database was put back, copied or moved" in admin_client.get("/admin/").content.decode()
    assert "database.restored" in [finding.id for finding in diagnosis.editor_findings(NOW)]

    admin_client.post(ADDRESS, {"choice": "go_on"})

    assert "The database was put back, copied or moved" not in admin_client.get("/admin/").content.decode()
