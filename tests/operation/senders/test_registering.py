"""Where a sender can register."""

import pytest

from newsletter.mail.authentication import Resolver
from newsletter.operation.senders import facts, registering
from tests.factories import make_publication

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("url", "names"),
    [
        (
            "smtp+tls://mail.gipi.tw",
            ["Google Postmaster Tools", "Yahoo Complaint Feedback Loop", "Microsoft SNDS, JMRP"],
        ),
        ("ses://eu-west-1", ["Google Postmaster Tools", "Yahoo Complaint Feedback Loop"]),
        ("smtp+tls://smtp.sendgrid.net", ["Google Postmaster Tools", "Yahoo Complaint Feedback Loop"]),
    ],
)
def test_by_ip_address_registers_only_who_has_one(settings, tmp_path, name_server, url, names):
    settings.BULK_MAIL_URL, settings.DKIM_DIR = url, tmp_path
    make_publication(sender_email="hello@gipi.tw")

    found = registering.registrations(facts.gather(Resolver()))

    assert [one.name for one in found] == names
    assert all(one.url.startswith("https://") for one in found)
