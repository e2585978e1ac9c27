import inspect
from importlib import import_module
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import mailers
from django.core.mail.backends.smtp import EmailBackend
from django.test import override_settings

from newsletter.mail.mailers import PROVIDERS, Mailers, SendLimits, mailer_from_url

OUTBOX = Path("/nowhere/outbox")
SMTP = "django.core.mail.backends.smtp.EmailBackend"
# One URL for each provider as its owner would write it, and what Anymail is to be told.
EXAMPLES = {
    "brevo://xkeysib-1@": {"api_key": "xkeysib-1"},
    "mailersend://token@": {"api_token": "token"},
    "mailgun://key@mg.example.org": {"api_key": "key", "sender_domain": "mg.example.org"},
    "mailgun://key@mg.example.org?api_url=https%3A%2F%2Fapi.eu.mailgun.net%2Fv3": {
        "api_key": "key",
        "sender_domain": "mg.example.org",
        "api_url": "https://api.eu.mailgun.net/v3",
    },
    "mailjet://public:private@": {"api_key": "public", "secret_key": "private"},
    "mailtrap://token@?sandbox_id=7": {"api_token": "token", "sandbox_id": "7"},
    "mandrill://key@": {"api_key": "key"},
    "postal://key@postal.example.org": {"api_key": "key", "api_url": "https://postal.example.org/api/v1"},
    "postal://key@postal.example.org:8443": {"api_key": "key", "api_url": "https://postal.example.org:8443/api/v1"},
    "postmark://token@?message_stream=broadcast": {"server_token": "token", "message_stream": "broadcast"},
    "resend://re_1@?timeout=10": {"api_key": "re_1", "requests_timeout": 10.0},
    "scaleway://project:secret@nl-ams": {"project_id": "project", "secret_key": "secret", "region": "nl-ams"},
    "sendgrid://SG.a%2Fb@": {"api_key": "SG.a/b"},
    "sparkpost://key@?subaccount=5": {"api_key": "key", "subaccount": "5"},
    "unisender-go://key@go1.unisender.ru": {
        "api_key": "key",
        "api_url": "https://go1.unisender.ru/en/transactional/api/v1",
    },
}


def options_of(url):
    return mailer_from_url(url, outbox=OUTBOX)["OPTIONS"]


def test_without_a_url_mail_goes_to_the_outbox():
    assert mailer_from_url("", outbox=OUTBOX) == {
        "BACKEND": "newsletter.mail.outbox.OutboxBackend",
        "OPTIONS": {"directory": "/nowhere/outbox"},
    }


@pytest.mark.parametrize(
    ("url", "port", "use_ssl", "use_tls"),
    [
        ("smtp://localhost", 25, False, False),
        ("smtp://localhost:2525", 2525, False, False),
        ("smtp://localhost:587", 587, False, True),
        ("smtp://localhost:587?tls=false", 587, False, False),
        ("smtp://localhost:2525?tls=true", 2525, False, True),
        ("smtp://localhost?tls=1", 587, False, True),
        ("smtp+tls://localhost", 587, False, True),
        ("smtp+tls://localhost:25", 25, False, True),
        ("smtps://localhost", 465, True, False),
        ("smtps://localhost:587?tls=true", 587, True, False),
    ],
)
def test_smtp_speaks_the_tls_that_the_url_asks_for(url, port, use_ssl, use_tls):
    mailer = mailer_from_url(url, outbox=OUTBOX)

    assert mailer == {
        "BACKEND": SMTP,
        "OPTIONS": {"host": "localhost", "port": port, "timeout": 60, "use_ssl": use_ssl, "use_tls": use_tls},
    }


def test_user_and_password_are_percent_decoded():
    options = options_of("smtp://gipi%40example.org:p%2F%3A%40ss@mail.example.org:587?timeout=5")

    assert options["username"] == "gipi@example.org"
    assert options["password"] == "p/:@ss"
    assert options["timeout"] == 5


@pytest.mark.parametrize("url", ["smtp://localhost", "smtps://u:p@localhost", "smtp+tls://localhost"])
def test_django_takes_the_options_as_they_are(url):
    with override_settings(MAILERS={"default": mailer_from_url(url, outbox=OUTBOX)}):
        assert isinstance(mailers["default"], EmailBackend)


@pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")
@pytest.mark.parametrize("url", EXAMPLES)
def test_anymail_takes_the_options_of_each_provider(url):
    mailer = mailer_from_url(url, outbox=OUTBOX)

    assert mailer["OPTIONS"] == EXAMPLES[url]
    with override_settings(MAILERS={"default": mailer}):
        backend = mailers["default"]
    assert f"{type(backend).__module__}.EmailBackend" == mailer["BACKEND"]


def test_every_backend_of_anymail_is_in_the_table():
    folder = Path(inspect.getfile(import_module("anymail.backends"))).parent
    no_providers = {"__init__", "base", "base_requests", "console", "test", "sendinblue"}

    assert {file.stem for file in folder.glob("*.py")} - no_providers == {one.module for one in PROVIDERS.values()}


def test_amazon_finds_its_keys_itself_or_in_the_url():
    assert mailer_from_url("ses://", outbox=OUTBOX) == {
        "BACKEND": "anymail.backends.amazon_ses.EmailBackend",
        "OPTIONS": {},
    }
    assert options_of("ses://AKIA:se%2Fcret@eu-central-1?configuration_set_name=news&timeout=9") == {
        "configuration_set_name": "news",
        "client_params": {
            "region_name": "eu-central-1",
            "aws_access_key_id": "AKIA",
            "aws_secret_access_key": "se/cret",
            "config": {"read_timeout": 9.0},
        },
    }


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "gopher://user:hunter2@host",
            f"unknown scheme 'gopher'. Known: smtp, smtp+tls, smtps, {', '.join(PROVIDERS)}",
        ),
        ("user:hunter2@host", "unknown scheme 'user'."),
        ("smtp://user:hunter2@", "smtp:// needs a host, such as smtp://localhost"),
        ("smtp://user:hunter2@host:99999", "host or port cannot be read."),
        ("smtp://user:hunt/er2@host", "host or port cannot be read."),
        ("smtp://user:hunter2@host?tls=maybe", "tls must be true or false, got 'maybe'"),
        ("smtp://user:hunter2@host?starttls=1", "unknown option 'starttls'. Known: timeout, tls"),
        ("smtp://user:hunter2@host?timeout=soon", "timeout must be seconds between 0 and 3600, got 'soon'"),
        ("smtp://user:hunter2@host?timeout=0", "timeout must be seconds between 0 and 3600, got '0'"),
        (
            "mailgun://mg.example.org",
            "mailgun:// needs api_key. Write it like mailgun://API_KEY@SENDER_DOMAIN",
        ),
        ("mailjet://hunter2@", "mailjet:// needs secret_key. Write it like mailjet://API_KEY:SECRET_KEY@"),
        ("postal://postal.example.org", "postal:// needs api_key. Write it like postal://API_KEY@HOST"),
    ],
)
def test_what_cannot_be_understood_is_said_without_the_password(url, message):
    with pytest.raises(ImproperlyConfigured) as caught:
        mailer_from_url(url, outbox=OUTBOX)

    assert str(caught.value).startswith(message)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("name", "variable"), [("default", "MAIL_URL"), ("bulk", "BULK_MAIL_URL")])
def test_a_wrong_url_is_reported_by_the_name_of_its_own_variable(name, variable):
    with pytest.raises(ImproperlyConfigured, match=f"^{variable}: smtp:// needs a host"):
        Mailers({"default": "", "bulk": ""} | {name: "smtp://"}, outbox=OUTBOX, saved_url="")


# --- How fast ---


@pytest.mark.parametrize("url", ["smtp://host", "smtps://user:password@host", "postmark://token@", "ses://eu-west-1"])
def test_every_url_may_say_how_fast_and_no_backend_hears_of_it(url, tmp_path):
    plain = mailer_from_url(url, outbox=tmp_path)

    limited = mailer_from_url(f"{url}?rate=14&domain_rate=Gmail.com:20,yahoo.com.tw:0.5,*:50", outbox=tmp_path)

    limits = SendLimits(14, {"gmail.com": 20, "yahoo.com.tw": 0.5, "*": 50})
    assert limited == plain | {"LIMITS": limits}
    assert "LIMITS" not in plain


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("rate=fast", "rate must be a number of messages per second above 0, got 'fast'"),
        ("rate=0", "rate must be a number of messages per second above 0, got '0'"),
        ("rate=inf", "rate must be a number of messages per second above 0, got 'inf'"),
        ("domain_rate=gmail.com", "domain_rate is written like gmail.com:20,*:50, got 'gmail.com'"),
        ("domain_rate=gmail.com:-1", "domain_rate must be a number of messages per second above 0, got '-1'"),
    ],
)
def test_a_limit_that_is_none_is_refused(query, message, tmp_path):
    with pytest.raises(ImproperlyConfigured) as refused:
        mailer_from_url(f"smtp://user:hunter2@host?{query}", outbox=tmp_path)

    assert str(refused.value) == message


# --- Keys of webhooks ---


@pytest.mark.parametrize(
    ("url", "webhooks"),
    [
        ("mailgun://key@mg.example.org?webhook_signing_key=k", {"mailgun": {"webhook_signing_key": "k"}}),
        ("resend://re_1@?signing_secret=whsec_a+b/c%3D", {"resend": {"signing_secret": "whsec_a+b/c="}}),
        ("ses://eu-west-1?topics=arn%3Aa,arn:b", {"amazon_ses": {"topics": "arn:a,arn:b"}}),
        (
            "smtp://localhost?mailgun_webhook_signing_key=k&postal_webhook_key=p",
            {"mailgun": {"webhook_signing_key": "k"}, "postal": {"webhook_key": "p"}},
        ),
    ],
)
def test_keys_of_webhooks_are_kept_apart_from_what_the_backend_is_told(url, webhooks):
    mailer = mailer_from_url(url, outbox=OUTBOX)

    assert mailer["WEBHOOKS"] == webhooks
    assert mailer["OPTIONS"] == options_of(url.partition("?")[0])
