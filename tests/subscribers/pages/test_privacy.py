"""The privacy notice: what is really stored and configured, and the version that a consent names."""

import re

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from newsletter.mail.mailers import mailer_from_url
from subscribers import own_data, privacy
from subscribers.models import Consent
from subscribers.models.consents import IP_LIFETIME
from tests.factories import make_publication
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_views import body

PAGE = "/privacy/"


@pytest.fixture
def provider(settings, tmp_path):
    def choose(url, bulk=""):
        settings.MAILERS = {
            "default": mailer_from_url(url, outbox=tmp_path),
            "bulk": mailer_from_url(bulk or url, outbox=tmp_path),
        }

    return choose


@pytest.mark.parametrize(("language", "own"), [("en", "What happens to your data"), ("zh-hant", "你的資料怎麼用")])
def test_the_notice_stands_there_once_in_the_language_of_the_site(client, language, own):
    make_publication(language=language)

    page = body(client.get(PAGE))

    assert re.findall(r"<h1>\s*(.+?)\s*</h1>", page) == [own]
    assert page.count("<dt>") == 8
    assert ("What happens to your data" in page, "你的資料怎麼用" in page) == (language == "en", language != "en")


def test_there_is_one_notice_for_every_form(client):
    make_publication(language="en")

    page = body(client.get("/subscribe/"))

    assert f'href="{PAGE}"' in page
    assert "<dt>" not in page


@pytest.mark.parametrize("is_open", [True, False])
def test_it_is_open_whether_readers_are_taken_or_not(client, is_open):
    make_publication(takes_readers=is_open)

    assert client.get(PAGE).status_code == 200
    assert f'href="{PAGE}"' in body(client.get("/"))
    assert (f'href="{PAGE}"' in body(client.get("/subscribe/"))) is True


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (("postmark://token@",), "handed over to postmark, which"),
        (("smtp://user:secret@mail.gipi.tw",), "handed over to mail.gipi.tw, which"),
        (("smtp://mail.gipi.tw", "ses://"), "handed over to mail.gipi.tw, amazon_ses, which"),
        (("",), "Nobody else gets it."),
    ],
)
def test_the_provider_is_the_one_that_is_configured(client, provider, urls, said):
    provider(*urls)

    page = body(client.get(PAGE))

    assert said in page
    assert "secret" not in page
    assert "token" not in page


@pytest.mark.parametrize(("mailbox", "is_said"), [("imaps://b@mail.example.org", True), ("pipe:", True), ("", False)])
def test_returned_mail_is_spoken_of_where_it_is_read(client, settings, mailbox, is_said):
    settings.MAILBOX_URL = mailbox
    make_publication()

    page = body(client.get(PAGE))

    assert ("Letters that come back, and automatic replies, are deleted after 30 days." in page) is is_said
    assert "secret" not in page


@pytest.mark.parametrize("secrets", [["hook:word"], []])
def test_reports_of_the_mail_service_are_spoken_of_where_they_are_taken(client, settings, secrets):
    settings.WEBHOOK_SECRET = secrets
    make_publication()

    page = body(client.get(PAGE))

    said = "what the mail service reports of a letter: arrived, refused, called unwanted."
    assert (said in page) is bool(secrets)
    assert "hook:word" not in page


def test_the_author_and_the_contact_are_named(client):
    make_publication(name="Gipi電子報", author="Gipi", reply_to="reply@gipi.tw")

    page = body(client.get(PAGE))

    assert 'Gipi, publisher of <span class="name">Gipi電子報</span>. Write to reply@gipi.tw.' in page


def test_a_consent_names_the_notice_that_was_shown(sign_up, client, reader, provider):
    asked, confirmed = Consent.objects.order_by("pk")
    before = privacy.notice_version(privacy.notice_text())
    provider("postmark://token@")
    sign_up("second@example.org")
    later = Consent.objects.order_by("-pk").first()

    assert asked.notice == confirmed.notice
    assert privacy.notice_version(asked.notice.words) == before
    assert privacy.notice_version(later.notice.words) == privacy.notice_version(privacy.notice_text()) != before
    assert f"version {before}" in str(own_data.all_chapters(reader, ""))


def test_the_version_of_the_page_is_that_of_the_record(client, reader):
    version = privacy.notice_version(Consent.objects.first().notice.words)

    assert f"Version {version}." in body(client.get(PAGE))


def test_the_words_are_those_of_the_publications_language(client):
    make_publication(language="zh-hant")
    with translation.override("en"):
        assert "不放 cookie" in privacy.notice_text()


def test_nobody_changes_which_notice_a_consent_names(reader):
    with pytest.raises(IntegrityError), transaction.atomic():
        Consent.objects.update(notice=None)


def test_leaving_needs_no_notice(reader):
    reader.unsubscribe(NOW)

    assert Consent.objects.get(kind=Consent.Kind.WITHDREW).notice is None


@pytest.mark.parametrize("counts", [True, False])
def test_it_says_by_itself_whether_links_are_counted(client, counts):
    make_publication()
    before = privacy.notice_version(privacy.notice_text())
    make_publication(counts_links=counts)

    page = body(client.get(PAGE))

    assert ("how often a link of an issue was followed" in page) is counts
    assert ("Global Privacy Control" in page) is counts
    assert ("no link leads over a counter" in page) is not counts
    assert (privacy.notice_version(privacy.notice_text()) != before) is counts


def test_the_commission_in_taiwan_is_named_to_readers_of_a_newsletter_there_alone(client):
    make_publication(time_zone="Asia/Taipei")
    at_home = client.get("/privacy/").text
    make_publication(time_zone="Europe/Berlin")

    assert "Commission in Taiwan" in at_home
    assert "Taiwan" not in client.get("/privacy/").text


# --- What the law of Taiwan asks for (section 8 I 4): period, region, who gets it, and in which way ---


@pytest.mark.parametrize(("place", "said"), [("臺灣", "which stands here: 臺灣."), ("", "On the server of this site.")])
def test_it_names_the_region_where_data_is_kept(client, place, said):
    make_publication(data_place=place, language="en")

    page = body(client.get(PAGE))

    assert said in page
    assert "Programs there use it to send letters" in page


@pytest.mark.parametrize(
    ("url", "said"), [("/backup", "until they are replaced, after a year"), ("", "they are replaced.")]
)
def test_it_says_that_backups_have_what_was_deleted(client, settings, url, said):
    settings.BACKUP_URL = url
    make_publication(language="en")

    page = body(client.get(PAGE))

    assert said in page


def test_it_names_when_the_network_of_a_consent_goes(client):
    make_publication(language="en")

    assert IP_LIFETIME.days == 365
    assert "The IP address from which you agreed is deleted after a year." in body(client.get(PAGE))


def test_a_salted_hash_is_called_a_pseudonym(client, reader):
    make_publication(language="en")
    pages = [client.get(PAGE), client.get(path_of(reader.data_url(NOW)) + "erase/")]
    pages.append(client.post(path_of(reader.data_url(NOW)) + "erase/"))

    for page in pages:
        assert "a pseudonym of your address" in body(page)
        assert "does not say who you are" not in body(page)
        assert "看不出你是誰" not in body(page)
