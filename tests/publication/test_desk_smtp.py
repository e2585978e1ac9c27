"""The mail server of the desk, whose name leads elsewhere by the time a mail goes out."""

from functools import partial

import pytest
from django.core.mail import EmailMessage, mailers

from newsletter.mail.mailers import Mailers
from newsletter.publication.desk_smtp import AddressRefused
from newsletter.publication.models import MailServer

pytestmark = pytest.mark.django_db

send = partial(EmailMessage, "Hello", "Hello.", "gipi@example.org", ["ben@example.org"])


@pytest.fixture
def inside(settings, tmp_path, smtp):
    """A server on loopback that the desk has by its name."""
    MailServer.objects.keep(smtp.url.replace("127.0.0.1", "localhost"))
    saved_url = "newsletter.publication.mail_server.saved_url"
    settings.MAILERS = Mailers({"default": "", "bulk": ""}, outbox=tmp_path, saved_url=saved_url)
    return smtp


def test_a_name_that_leads_inside_by_now_gets_no_mail(inside, settings):
    settings.PRIVATE_MAIL_SERVERS = False

    with pytest.raises(AddressRefused, match=r"leads to 127\.0\.0\.1"):
        mailers["default"].send_messages([send()])
    assert inside.copies() == {}


def test_an_operator_may_allow_it(inside, settings):
    settings.PRIVATE_MAIL_SERVERS = True

    mailers["default"].send_messages([send()])

    assert inside.copies() == {"ben@example.org": 1}
