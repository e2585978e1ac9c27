import base64
import zlib

import pytest
from django.urls import reverse

from newsletter.delivery.ledger.flight_recorder import RowMark
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
    assert "The database comes from a backup" in admin_client.get("/admin/").content.decode()
    assert "database.restored" in [finding.id for finding in diagnosis.editor_findings(NOW)]

    admin_client.post(ADDRESS, {"choice": "go_on"})

    assert "The database comes from a backup" not in admin_client.get("/admin/").content.decode()
