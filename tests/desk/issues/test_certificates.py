"""The certificate as a page and as a file."""

import hashlib

import pytest
from django.contrib.auth.models import User

from newsletter.delivery import certificate
from newsletter.delivery.models import Batch, Delivery
from newsletter.delivery.models.history import Certificate, Step
from newsletter.mail.mailers import mailer_from_url, provider_name
from tests.desk.issues.test_mailings import NOW, desk, screen, sending  # noqa: F401 - fixtures
from tests.support.pages import markup

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def paper(sending) -> Certificate:  # noqa: F811
    sending.deliveries.exclude(seq=0).update(state=Delivery.State.FAILED, reply="550 5.1.1 no")
    sending.batches.update(failed=2, state=Batch.State.DONE)
    sending.finish(NOW)
    [issued] = certificate.issue_due(NOW)
    return issued


def test_the_mailing_leads_to_its_certificate(desk, paper):  # noqa: F811
    assert screen(paper.mailing, "certificate", "1") in desk.get(screen(paper.mailing)).text


def test_the_page_says_what_became_of_every_copy(desk, paper):  # noqa: F811
    text = markup(desk.get(screen(paper.mailing, "certificate", "1")))

    assert "Certificate no. 1" in text
    assert "550 5.1.1: 2" in text
    assert paper.sha256 in text
    assert paper.mailing.content_hash in text


def test_an_outbox_is_named_in_words_on_pages_and_as_ever_in_the_file(desk, paper, settings, tmp_path):  # noqa: F811
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=tmp_path)}
    Step.objects.filter(what=Step.What.BEGUN).update(detail=provider_name(settings.MAILERS["bulk"]))
    document = paper.document | {"providers": [{"since": NOW.isoformat(), "provider": "outbox"}]}
    Certificate.objects.filter(pk=paper.pk).update(document=document)

    page, certified = desk.get(screen(paper.mailing)).text, desk.get(screen(paper.mailing, "certificate", "1")).text

    words = "the outbox: kept on this server, mailed to nobody"
    assert f"<dd>{words}</dd>" in page
    assert f"Provider: {words}" in page
    assert words in certified
    assert desk.get(screen(paper.mailing, "certificate_json", "1")).json()["providers"][0]["provider"] == "outbox"


def test_the_file_has_the_hash_that_the_page_shows(desk, paper):  # noqa: F811
    response = desk.get(screen(paper.mailing, "certificate_json", "1"))

    assert hashlib.sha256(response.content).hexdigest() == paper.sha256
    assert response.headers["Content-Disposition"].endswith('certificate-1.json"')


def test_one_that_was_never_issued_has_no_page(desk, paper):  # noqa: F811
    for name in ("certificate", "certificate_json"):
        assert desk.get(screen(paper.mailing, name, "2")).status_code == 404


def test_certificates_are_the_authors_alone(client, desk, paper):  # noqa: F811
    client.force_login(User.objects.create_user("guest", is_staff=True))

    assert client.get(screen(paper.mailing, "certificate", "1")).status_code == 403
