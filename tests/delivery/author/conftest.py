"""An author with an address, and the outbox in which their mails are kept."""

import pytest
from django.contrib.auth.models import User

from newsletter.mail.mailers import mailer_from_url


@pytest.fixture
def box(settings, tmp_path, publication):
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=tmp_path / "box")}
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    return tmp_path / "box"
