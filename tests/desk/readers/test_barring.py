"""A suppression list as an author brings it: tried first, then done, in steps that a kill does not double."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from newsletter.desk import tasks
from newsletter.desk.jobs import working
from newsletter.desk.models import Errand
from subscribers.models import Suppression
from tests.factories import make_publication, make_subscriber

pytestmark = pytest.mark.django_db
READERS = "/admin/subscribers/subscriber/"
LIST = "email,reason\na@example.org,HardBounce\nb@example.org,\nc@example.org,enabled\nnobody,bounce\n"


@pytest.fixture(autouse=True)
def publication(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_publication(language="en")


def send(client, content=LIST, reason="complained"):
    octets = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("list.csv", octets)
    page = client.post(f"{READERS}bar/", {"file": file, "reason": reason}, follow=True)
    tasks.work_on_errands()
    return page


def test_a_list_is_tried_and_then_done(admin_client):
    make_subscriber("b@example.org")
    assert f'href="{READERS}bar/"' in admin_client.get(f"{READERS}health/").text

    send(admin_client)

    errand = Errand.objects.get()
    page = admin_client.get(f"{READERS}errands/{errand.pk}/").text
    assert (errand.state, errand.counts["suppressed"], errand.counts["readers"]) == ("tried", 2, 1)
    assert not Suppression.objects.exists()
    assert "Suppress them" in page
    assert "Nothing was written yet." in page

    admin_client.post(f"{READERS}errands/{errand.pk}/bar/", follow=True)
    tasks.work_on_errands()

    errand.refresh_from_db()
    assert errand.state == "done"
    assert errand.counts == {"rows": 4, "suppressed": 2, "mailed": 1, "rejected": 1, "readers": 1}
    assert dict(Suppression.objects.values_list("email", "reason")) == {
        "a@example.org": "bounced",
        "b@example.org": "complained",
    }
    refused = admin_client.get(f"{READERS}errands/{errand.pk}/files/refused.csv")
    assert b"".join(refused.streaming_content).decode("utf-8-sig").splitlines()[1].startswith("nobody,bounce,")


def test_a_worker_that_is_killed_doubles_nothing(admin_client, monkeypatch):
    monkeypatch.setattr("subscribers.importers.chunks.BATCH_SIZE", 2)
    send(admin_client, "".join(f"r{one}@example.org\n" for one in range(5)))
    errand = Errand.objects.get()
    admin_client.post(f"{READERS}errands/{errand.pk}/bar/")
    Errand.objects.filter(pk=errand.pk).update(state="running", cursor=0, counts={}, lease_until=None, worker="")
    Suppression.objects.all().delete()

    mine = Errand.objects.get(pk=errand.pk)
    Errand.objects.filter(pk=errand.pk).update(worker="mine")
    mine.worker = "mine"
    going = working.steps_of(mine)
    assert not working.commit(mine, next(going), timezone.now())
    going.close()  # killed behind the first step
    Errand.objects.filter(pk=errand.pk).update(lease_until=None, worker="")
    tasks.work_on_errands()

    errand.refresh_from_db()
    assert (errand.state, errand.counts["suppressed"]) == ("done", 5)
    assert Suppression.objects.count() == 5
