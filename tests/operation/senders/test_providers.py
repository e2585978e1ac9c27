"""What is written down of each mail service is complete, and can be shown."""

import pytest

from newsletter.mail import mailers
from newsletter.operation.senders.providers import BOUNCES, DKIM, PROVIDERS, SPF, of_host


def test_each_service_that_mails_can_leave_by_is_described():
    assert PROVIDERS.keys() == mailers.PROVIDERS.keys()


@pytest.mark.parametrize("service", PROVIDERS.values(), ids=PROVIDERS)
def test_each_has_its_source_and_a_key_to_publish(service):
    assert service.source.startswith("https://")
    assert service.menu
    assert {one.purpose for one in service.records} <= {SPF, DKIM, BOUNCES}
    assert any(one.purpose == DKIM for one in service.records)


@pytest.mark.parametrize("service", PROVIDERS.values(), ids=PROVIDERS)
def test_selectors_and_places_are_those_of_its_records(service):
    names = " ".join(one.name for one in service.records)
    if service.return_path:
        assert service.return_path.removesuffix(".{domain}") in names
    if "KEY" not in names and service.selectors and "SELECTOR" not in names:
        assert f"{service.selectors[0]}._domainkey" in names


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("smtp.postmarkapp.com", "Postmark"),
        ("email-smtp.eu-west-1.amazonaws.com", "Amazon SES"),
        ("mail.gipi.tw", None),
        ("smtp.postmarkapp.com.evil.example", None),
        ("amazonaws.com", None),
    ],
)
def test_a_service_is_known_by_its_smtp_server(host, name):
    found = of_host(host)

    assert (found.name if found else None) == name
