"""security.txt, as RFC 9116 asks."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from newsletter.publication.disclosure import validate_contact
from tests.factories import make_publication

ADDRESS = "/.well-known/security.txt"


def fields(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines())


@pytest.mark.django_db
def test_whoever_finds_a_hole_learns_whom_to_tell(client):
    make_publication(security_contact="security@example.org")

    with time_machine.travel("2026-11-24T20:00:00Z", tick=False):
        response = client.get(ADDRESS)

    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text == (
        "Contact: mailto:security@example.org\n"
        "Expires: 2027-05-23T00:00:00Z\n"
        "Preferred-Languages: en\n"
        "Canonical: https://news.example.org/.well-known/security.txt\n"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("set_to", "contact"),
    [
        ({"reply_to": "", "sender_email": "letter@example.org"}, "mailto:letter@example.org"),
        ({"reply_to": "gipi@example.org"}, "mailto:gipi@example.org"),
        (
            {"reply_to": "gipi@example.org", "security_contact": "https://example.org/holes"},
            "https://example.org/holes",
        ),
        ({"security_contact": "o'hara+100%@example.org"}, "mailto:o%27hara%2B100%25@example.org"),
    ],
)
def test_without_a_contact_it_is_where_replies_go(client, set_to, contact):
    make_publication(**set_to)

    assert fields(client.get(ADDRESS).text)["Contact"] == contact


@pytest.mark.django_db
def test_it_never_expires_while_it_is_asked_for(client):
    """RFC 9116 section 2.5.5: in the future, and less than a year away."""
    make_publication()
    now = datetime.now(UTC)

    expires_at = datetime.fromisoformat(fields(client.get(ADDRESS).text)["Expires"])

    assert now + timedelta(days=170) < expires_at < now + timedelta(days=365)


@pytest.mark.parametrize("contact", ["security@example.org", "https://example.org/holes?lang=en"])
def test_an_address_or_a_page_is_a_contact(contact):
    validate_contact(contact)
