"""The mail server on the desk: entered, tried, kept secret, and used at once."""

import pytest

from newsletter.desk.accounts.sessions import PROVEN_AT_KEY
from newsletter.desk.settings.mail_server import MailServerForm, initial_of
from newsletter.mail.mailers import Mailers
from newsletter.operation import diagnosis
from newsletter.publication.changes import Change
from newsletter.publication.mail_server import MailServer, mail_url, may_connect, saved_url
from tests.factories import make_helper, make_publication
from tests.support.page_checks import assert_accessible, assert_valid

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
PAGE = "/admin/settings/mail/"
SAVED_URL = "newsletter.publication.mail_server.saved_url"


@pytest.fixture
def owner(client, settings, tmp_path):
    settings.MAIL_URL = settings.BULK_MAIL_URL = ""
    settings.PRIVATE_MAIL_SERVERS = True
    settings.MAILERS = Mailers({"default": "", "bulk": ""}, outbox=tmp_path / "outbox", saved_url=SAVED_URL)
    make_publication(sender_email="hello@example.org")
    client.force_login(make_helper("owner", name="gipi", email="gipi@example.org"))
    return client


def typed(smtp=None, **others) -> dict[str, str]:
    where = {"host": "127.0.0.1", "port": str(smtp.port)} if smtp else {}
    return {"kind": "smtp", "security": "smtp", "address": "gipi@example.org"} | where | others


def said(response) -> list[tuple[str, str]]:
    return [tuple(step) for step in response.context["steps"]]


@pytest.mark.servers
def test_a_server_that_takes_the_letter_is_saved_and_all_mail_leaves_by_it(owner, smtp, settings):
    response = owner.post(PAGE, typed(smtp), follow=True)

    assert [dot for dot, _text in said(response)[:3]] == ["good", "warn", "good"]
    assert said(response)[2][1].startswith("127.0.0.1 has taken the mail to gipi@example.org. It answered: 250 ")
    assert smtp.readers() == {"gipi@example.org"}
    assert settings.MAILERS["bulk"]["OPTIONS"]["port"] == smtp.port
    assert Change.objects.get().by == "gipi"
    assert not list(diagnosis.outbox_findings(None))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "127.0.0.1", "port": "1"}, "The mail server 127.0.0.1:1 does not answer: Connection refused."),
        ({"host": "no-such.invalid"}, "There is no server of the name no-such.invalid."),
        ({"host": "127.0.0.1", "options": "speed=9"}, "unknown option &#x27;speed&#x27;."),
        ({"kind": "mailgun", "host": "mg.example.org"}, "mailgun:// needs api_key."),
        (
            {"kind": "resend", "password": "re_1", "options": "signing_secret=a"},
            "Keys of webhooks belong in MAIL_URL.",
        ),
    ],
)
def test_what_cannot_send_is_not_saved_and_named(owner, fields, words):
    response = owner.post(PAGE, typed(**fields))

    assert words in response.text
    assert not MailServer.objects.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "localhost"])
def test_a_private_network_is_refused_unless_the_environment_allows_it(owner, settings, host):
    settings.PRIVATE_MAIL_SERVERS = False

    assert "is in a private network" in owner.post(PAGE, typed(host=host)).text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "postal", "host": "8.8.8.8"}, "is no address of a service"),
        ({"kind": "unisender-go", "host": "go1.unisender.ru:22"}, "is no address of a service"),
        ({"kind": "unisender-go", "host": "127.0.0.1\\@go1.unisender.ru"}, "This is no address of a server."),
        ({"options": "api_url=https://127.0.0.1/"}, "is no address of a service"),
        ({"options": "api_url=http://127.0.0.1%5C@api.eu.mailgun.net/v3"}, "is no address of a service"),
        ({"options": "api_url=https://api.eu.mailgun.net:8443/v3"}, "is no address of a service"),
        ({"options": "api_url=https://[::1"}, "is no address of a service"),
        ({"options": "nonsense=x"}, "unknown option &#x27;nonsense&#x27;. Known: api_url, message_stream, timeout"),
        ({"options": "requests_timeout=abc"}, "unknown option"),
        ({"options": "timeout=abc"}, "timeout must be seconds"),
        ({"options": "fail_silently=1"}, "unknown option"),
        ({"options": "debug_api_requests=1"}, "unknown option"),
        ({"options": "send_defaults=x"}, "unknown option"),
        ({"options": "server_token=zz"}, "unknown option"),
        ({"kind": "ses", "host": "eu-west-1", "password": ""}, "Amazon SES needs both of its keys"),
        ({"kind": "ses", "host": "eu-west-1", "user": "AKIA", "password": ""}, "Amazon SES needs both of its keys"),
        ({"kind": "ses", "host": "eu-west-1", "user": "u", "options": "client_params=x"}, "unknown option"),
    ],
)
def test_only_known_addresses_and_options_of_a_service_are_taken(owner, settings, fields, words):
    """A request to another address could read a private network, and its answer is shown."""
    settings.PRIVATE_MAIL_SERVERS = False

    response = owner.post(PAGE, typed(**{"kind": "postmark", "password": "key"} | fields))

    assert words in response.text
    assert not said(response)


def test_a_service_in_europe_is_chosen_from_the_list(settings):
    settings.PRIVATE_MAIL_SERVERS = False
    form = MailServerForm(typed(kind="sparkpost-eu", password="key", options="subaccount=5"), saved="")

    assert form.is_valid(), form.errors
    assert form.entry["OPTIONS"] == {
        "api_key": "key",
        "subaccount": "5",
        "api_url": "https://api.eu.sparkpost.com/api/v1",
    }
    assert initial_of(form.url) | {"user": ""} == {
        "kind": "sparkpost-eu",
        "security": "",
        "host": "",
        "port": None,
        "user": "",
        "options": "subaccount=5",
    }


@pytest.mark.parametrize(
    ("address", "port", "is_allowed"),
    [("8.8.8.8", 587, True), ("8.8.8.8", 443, False), ("::1", 587, False)],
)
def test_public_addresses_are_reached_at_the_ports_of_mail(settings, address, port, is_allowed):
    settings.PRIVATE_MAIL_SERVERS = False

    assert may_connect(address, port) is is_allowed


def test_the_saved_password_is_shown_nowhere_and_lies_encrypted(owner):
    MailServer.objects.keep("smtp+tls://gipi:s%40cret@mail.example.org:587")

    page = owner.get(PAGE).text

    assert 'value="mail.example.org"' in page
    assert "s@cret" not in page
    assert "cret" not in MailServer.objects.get().sealed


@pytest.mark.servers
def test_an_empty_password_keeps_the_saved_one_for_the_same_server_alone(owner, smtp):
    MailServer.objects.keep(f"smtp://127.0.0.1:{smtp.port}")
    owner.post(PAGE, typed(smtp, user="", options="rate=10"))
    assert saved_url() == f"smtp://127.0.0.1:{smtp.port}?rate=10"

    MailServer.objects.keep("smtp+tls://gipi:secret@mail.example.org:587")
    owner.post(PAGE, typed(smtp, user=""))

    assert "secret" not in saved_url()


@pytest.mark.parametrize(
    "url",
    [
        "smtp+tls://gipi:a%3Ab@mail.example.org:587",
        "smtps://mail.example.org:2465",
        "resend://re_1@",
        "mailjet://a:b@",
        "mailgun://k@mg.example.org?api_url=https://api.eu.mailgun.net/v3",
    ],
)
def test_a_form_filled_from_a_saved_address_makes_the_same_address(url):
    fields = initial_of(url)
    form = MailServerForm({**fields, "port": fields["port"] or "", "address": "a@example.org"}, saved=url)
    form.full_clean()

    assert form.url == url


def test_the_environment_wins_and_the_page_says_so(owner, settings):
    settings.MAIL_URL = settings.BULK_MAIL_URL = "smtp://mail.example.net"
    settings.MAILERS = Mailers(dict.fromkeys(("default", "bulk"), settings.MAIL_URL), outbox=None, saved_url=SAVED_URL)
    MailServer.objects.keep("smtp://other.example.org:25")

    page = owner.get(PAGE).text

    assert "smtp mail.example.net:25" in page
    assert "<form method" not in page.partition('id="content-main"')[2]
    assert mail_url() == "smtp://mail.example.net"


def test_a_lost_secret_key_is_said_and_nothing_ends_in_the_outbox(owner, settings):
    key, settings.SECRET_KEY = settings.SECRET_KEY, "a former one"
    MailServer.objects.keep("smtp://mail.example.org:25")
    settings.SECRET_KEY = key

    [finding] = diagnosis.outbox_findings(None)

    assert finding.id == "mail.unreadable"
    assert settings.MAILERS["bulk"]["OPTIONS"]["host"] == "unreadable.invalid"
    assert "cannot be read" in owner.get(PAGE).text


def test_a_former_secret_key_still_reads_it(owner, settings):
    MailServer.objects.keep("smtp://mail.example.org:25")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"

    assert saved_url() == "smtp://mail.example.org:25"


def test_the_first_one_is_seen_at_once_by_a_process_that_saw_none(owner):
    sealed = MailServer.objects.keep("smtp://mail.example.org:25").sealed
    MailServer.objects.all().delete()
    assert saved_url() == ""

    MailServer.objects.create(pk=1, sealed=sealed)  # by another process, whose cache is its own

    assert saved_url() == "smtp://mail.example.org:25"


def test_who_owns_nothing_does_not_see_the_page(client, owner):
    client.force_login(make_helper("editor", name="mei"))

    assert client.get(PAGE).status_code == 403


def test_an_old_proof_is_asked_for_again(client, owner):
    session = client.session
    session[PROVEN_AT_KEY] = 0
    session.save()

    assert client.get(PAGE).status_code == 403


@pytest.mark.browser
def test_the_page_can_be_read_by_everybody(desk, server, settings):
    settings.MAIL_URL = ""
    for width, scheme in [(1280, "light"), (320, "dark")]:
        desk.set_viewport_size({"width": width, "height": 900})
        desk.emulate_media(color_scheme=scheme)
        desk.goto(server.url + PAGE)

        assert_accessible(desk)
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")

    desk.get_by_label("Over").select_option("resend")
    assert not desk.get_by_label("Server").is_visible()
    assert_valid(desk.content())
