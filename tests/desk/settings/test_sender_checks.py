"""Whether mail can leave and be believed, on the page of the sender: the DNS as it is now, a mail to oneself."""

import pytest
from django.contrib.auth.models import Permission

from newsletter.desk.settings import sender_checks
from newsletter.mail import email_authentication, mailers, outbox
from newsletter.mail.mailers import mailer_from_url
from tests.factories import make_helper, make_publication
from tests.support.page_checks import assert_accessible, assert_valid

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
PAGE, DNS, TEST = "/admin/settings/sender/", "/admin/settings/sender/dns/", "/admin/settings/sender/test/"
GOOD = {
    ("gipi.tw", "TXT"): ['"v=spf1 a:mail.gipi.tw -all"'],
    ("_dmarc.gipi.tw", "TXT"): ['"v=DMARC1; p=none"'],
    ("gipi.tw", "MX"): ["10 mail.gipi.tw."],
    ("mail.gipi.tw", "A"): ["192.0.2.25"],
    ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.gipi.tw."],
}


@pytest.fixture
def owner(client, settings, tmp_path, name_server):
    settings.MAIL_URL = settings.BULK_MAIL_URL = "smtp://mail.gipi.tw"
    settings.DKIM_DIR = tmp_path / "dkim"
    settings.DKIM_DIR.mkdir()
    name_server.records |= GOOD
    make_publication(sender_email="hello@gipi.tw")
    client.force_login(make_helper("owner", name="gipi", email="gipi@example.org"))
    return client


def states(response) -> dict[str, str]:
    return {row.record.kind: str(row.state) for row in response.context["rows"]}


# --- The DNS ---


def test_records_that_are_there_are_shown_as_they_are(owner):
    response = owner.get(DNS)

    assert states(response) == {
        "SPF": "in order", "DKIM": "the provider's", "DMARC": "in order", "MX": "in order", "PTR": "in order",
    }  # fmt: skip
    assert "v=spf1 a:mail.gipi.tw -all" in response.text
    assert "10 mail.gipi.tw" in response.text


@pytest.mark.parametrize(
    ("missing", "kind", "advice"),
    [
        (("gipi.tw", "TXT"), "SPF", "Publish, as TXT of gipi.tw: v=spf1 a:mail.gipi.tw ~all"),
        (("_dmarc.gipi.tw", "TXT"), "DMARC", "Publish, as TXT of _dmarc.gipi.tw: v=DMARC1; p=none"),
        (("gipi.tw", "MX"), "MX", "Publish an MX record that names a mail server."),
    ],
)
def test_what_is_missing_is_said_with_the_record_to_publish(owner, name_server, missing, kind, advice):
    del name_server.records[missing]

    response = owner.get(DNS)

    assert states(response)[kind] == "missing"
    assert advice in response.text


def test_a_record_of_a_stranger_is_text_and_no_markup(owner, name_server):
    name_server.records["_dmarc.gipi.tw", "TXT"] = ['"v=DMARC1; p=none; <script>alert(1)</script>"']

    assert "<script>alert" not in owner.get(DNS).text


def test_a_part_that_does_not_answer_is_not_known_and_the_others_are_shown(owner, name_server):
    name_server.fails = {"_dmarc.gipi.tw"}

    response = owner.get(DNS)

    assert states(response) == {
        "SPF": "in order", "DKIM": "the provider's", "DMARC": "not known", "MX": "in order", "PTR": "in order",
    }  # fmt: skip
    assert "The DNS did not answer (TXT _dmarc.gipi.tw: NoNameservers)" in response.text


def test_without_a_name_server_it_says_so_of_everything(owner, name_server, monkeypatch):
    monkeypatch.setattr(email_authentication, "QUERY_SECONDS", 0.1)
    name_server.stop()

    response = owner.get(DNS)

    assert response.status_code == 200
    assert {"not known"} == set(states(response).values()) - {"the provider's"}


def test_nobody_asks_for_a_made_up_domain(owner, name_server):
    make_publication(sender_email="gipi@example.org")

    response = owner.get(DNS)

    assert name_server.asked == []
    assert "an address nobody owns" in response.text


def test_the_places_where_senders_register_are_linked(owner):
    assert "https://postmaster.google.com/" in owner.get(DNS).text


def test_the_page_of_the_mail_service_about_its_records_is_linked(owner, settings):
    settings.BULK_MAIL_URL = "sendgrid://key@"

    page = owner.get(DNS).text

    assert "Records for SendGrid" in page
    assert 'href="https://support.sendgrid.com/hc/en-us/articles/21415314709147"' in page


def test_a_server_of_ones_own_has_no_records_of_a_service(owner):
    assert "Records for" not in owner.get(DNS).text


@pytest.mark.exhaustive
@pytest.mark.browser
def test_the_page_can_be_read_by_everybody(desk, server, settings, tmp_path, name_server):
    settings.MAIL_URL = settings.BULK_MAIL_URL = "sendgrid://key@"
    settings.DKIM_DIR = tmp_path / "dkim"
    name_server.records |= GOOD | {("_dmarc.gipi.tw", "TXT"): ['"v=DMARC1; p=none; pct=100"']}
    name_server.fails = {"s1._domainkey.gipi.tw"}
    make_publication(sender_email="hello@gipi.tw")

    for width, scheme in [(1280, "light"), (375, "dark"), (320, "light")]:
        desk.set_viewport_size({"width": width, "height": 900})
        desk.emulate_media(color_scheme=scheme)
        desk.goto(server.url + DNS)

        assert_accessible(desk)
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert_valid(desk.content())


# --- A mail to oneself ---


@pytest.fixture
def way(settings, tmp_path):
    """Set where mails leave by a URL; another one for issues if it is given."""

    def choose(url: str, bulk: str = "") -> None:
        folder = tmp_path / "outbox"
        settings.MAILERS = {
            "default": mailer_from_url(url, outbox=folder),
            "bulk": mailer_from_url(bulk or url, outbox=folder),
        }

    return choose


def told(client, address: str) -> list[str]:
    response = client.post(TEST, {"address": address}, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    return [str(one) for one in response.context["messages"]]


@pytest.mark.servers
@pytest.mark.exhaustive
def test_a_mail_arrives_and_the_answer_of_the_server_is_shown(owner, way, smtp):
    way(smtp.url)

    [words] = told(owner, "gipi@example.org")
    [copy] = smtp.received()

    assert words.startswith("127.0.0.1 has taken the mail to gipi@example.org. It answered: 250 ")
    assert (copy.rcpt, copy.message["Auto-Submitted"]) == ("gipi@example.org", "auto-generated")
    assert "the way that issues take" in " ".join(copy.text.split())
    assert "hello@gipi.tw" in copy.html


@pytest.mark.servers
@pytest.mark.exhaustive
def test_two_ways_are_both_tried(owner, way, smtp):
    way("", bulk=smtp.url)

    first, second = told(owner, "gipi@example.org")

    assert first == "No mail server is set, so nothing has left: the mail to gipi@example.org lies in the outbox here."
    assert second.startswith("127.0.0.1 has taken")
    assert len(smtp.received()) == 1


@pytest.mark.servers
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("refuse-1@example.org", "127.0.0.1 refused the mail to refuse-1@example.org: 550"),
        ("greylist-9-a@example.org", "127.0.0.1 does not take it now: 451"),
    ],
)
def test_a_refusal_is_shown_in_the_words_of_the_server(owner, way, smtp, address, words):
    way(smtp.url)

    assert told(owner, address)[0].startswith(words)
    assert smtp.received() == []


def test_a_server_that_is_away_is_named(owner, way):
    way("smtp://127.0.0.1:1")

    assert told(owner, "gipi@example.org")[0].startswith("127.0.0.1 does not take it, nothing was sent: ")


def test_a_secret_of_the_provider_is_told_nobody(way, settings):
    way("smtp://user:secret@mail.gipi.tw", bulk="postmark://token@")

    assert (mailers.provider_host(settings.MAILERS["default"]), mailers.provider_host(settings.MAILERS["bulk"])) == (
        "mail.gipi.tw",
        "postmark",
    )


@pytest.mark.parametrize("alias", ["default", "bulk"])
@pytest.mark.parametrize("language", ["en", "zh-hant"])
def test_the_mail_is_in_the_language_of_the_publication(alias, language):
    make_publication(name="Gipi", language=language, sender_email="hello@gipi.tw")

    letter = sender_checks.test_mail("gipi@example.org", alias)
    octets = letter.message().as_bytes()

    assert letter.subject.isascii() is (language == "en")
    assert "hello@gipi.tw" in outbox.body_part(octets, "plain")
    assert "hello@gipi.tw" in outbox.body_part(octets, "html")


def test_who_may_only_look_sends_nothing(client, way, tmp_path):
    make_publication()
    helper = make_helper(name="mei")
    helper.user_permissions.set(Permission.objects.filter(codename="view_publication"))
    client.force_login(helper)
    way("")

    assert client.post(TEST, {"address": "mei@example.org"}).status_code == 403
    assert client.get(DNS).status_code == 200
    assert "Send a test mail" not in client.get(PAGE).text
    assert not (tmp_path / "outbox").exists()
