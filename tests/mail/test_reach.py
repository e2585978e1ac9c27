import pytest

from newsletter.mail import reach
from newsletter.mail.mailers import mailer_from_url
from newsletter.mail.reach import Gap


@pytest.fixture
def missing(settings, tmp_path):
    """Return a function that says what an installation with these variables lacks."""

    def ask(mail_url, site_url, *, is_given=True):
        settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(mail_url, outbox=tmp_path)}
        settings.SITE_URL, settings.SITE_URL_IS_GIVEN = site_url, is_given
        return [part.gap for part in reach.missing_parts()]

    return ask


def test_with_a_mail_server_and_an_address_nothing_is_missing(missing):
    assert missing("smtp://mail.example.org", "https://news.example.org") == []
    assert reach.obstacle() == ""


@pytest.mark.parametrize("mail_url", ["smtp://mail.example.org", "postmark://token@", "smtp://10.0.0.5:25"])
@pytest.mark.parametrize(
    ("site_url", "is_given"),
    [("http://127.0.0.1:8000", False), ("http://192.168.1.5:8000", False), ("http://localhost:8000", True)],
)
def test_no_issue_leaves_by_a_real_mail_server_without_an_address(english, missing, mail_url, site_url, is_given):
    assert missing(mail_url, site_url, is_given=is_given) == [Gap.ADDRESS]
    assert reach.obstacle() == (
        f"No issue leaves yet. Every link in the letter leads to {site_url}, which no reader can open. "
        "Set SITE_URL to the site’s public address, such as https://news.example.org, and restart."
    )


@pytest.mark.parametrize("mail_url", ["smtp://127.0.0.1:2525", "smtp://[::1]:25", "postal://key@localhost:8025"])
def test_a_mail_server_on_this_machine_asks_for_no_address(missing, mail_url):
    assert missing(mail_url, "http://127.0.0.1:8000", is_given=False) == []


def test_an_address_in_a_private_network_counts_if_somebody_gave_it(missing):
    assert missing("smtp://mail.example.org", "http://intranet:8000") == []


def test_without_a_mail_server_both_steps_are_named(missing):
    assert missing("", "http://127.0.0.1:8000", is_given=False) == [Gap.MAIL_SERVER, Gap.ADDRESS]
    assert missing("", "https://news.example.org") == [Gap.MAIL_SERVER]


@pytest.mark.parametrize(
    ("url", "opens"),
    [
        ("https://news.example.org/p/1", True),
        ("https://8.8.8.8/", True),
        ("http://127.0.0.1:8000/p/1", False),
        ("http://[::1]/", False),
        ("http://192.168.1.5:8000/", False),
        ("http://localhost/", False),
        ("http://intranet/", False),
        ("http://nas.local/", False),
    ],
)
def test_a_link_says_by_its_host_whether_a_reader_elsewhere_could_open_it(url, opens):
    assert reach.opens_from_afar(url) == opens
