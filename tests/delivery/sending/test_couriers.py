"""What the SMTP courier is told by settings, and what it tells its lane."""

from types import SimpleNamespace

import pytest
from anymail.exceptions import AnymailRecipientsRefused
from django.core.mail.backends.base import BaseEmailBackend

from newsletter.delivery.ledger import claims
from newsletter.delivery.letter.compiled import return_path_maker
from newsletter.delivery.models import Mailing
from newsletter.delivery.provider.outcomes import REFUSALS_MAX
from newsletter.delivery.provider.smtp_pool import ConnectionLimits
from newsletter.delivery.sending import lane
from newsletter.delivery.sending.couriers import DjangoCourier, SmtpCourier, smtp_limits
from newsletter.mail import tokens
from newsletter.mail.mailers import mailer_from_url
from subscribers.models import Subscriber
from tests.factories import make_publication, make_subscriber


def test_the_lease_is_renewed_while_a_server_takes_its_time(make_mailing, run, bulk_smtp, monkeypatch):
    renewed, renew = [], claims.renew_lease
    monkeypatch.setattr(lane, "LEASE_SECONDS", 0)
    monkeypatch.setattr(claims, "renew_lease", lambda *about: renewed.append(about) or renew(*about))
    make_subscriber("slow-1-x@example.org")
    mailing = make_mailing("")

    run(mailing, SmtpCourier("bulk", mailing))

    assert mailing.counts().sent == 1
    assert renewed


@pytest.mark.parametrize(
    ("query", "send_rate", "load"),
    [
        ("", None, ConnectionLimits(128, first=4)),
        ("?per_connection=100", None, ConnectionLimits(128, 100, first=4)),
        ("?lines=9&per_connection=100", None, ConnectionLimits(9, 100)),
        ("", 50.0, ConnectionLimits(64, 0, 50.0)),
        ("?rate=20&lines=3", 50.0, ConnectionLimits(3, 0, 20.0)),
    ],
)
def test_the_load_is_what_address_and_rate_say(settings, tmp_path, query, send_rate, load):
    settings.SEND_RATE = send_rate
    settings.MAILERS = {"bulk": mailer_from_url(f"smtp://mail.example.org{query}", outbox=tmp_path)}

    assert smtp_limits("bulk") == load


def test_each_copy_comes_back_to_an_address_that_says_whose_it_was(make_mailing, run, bulk_smtp):
    make_publication(bounces_to="bounces@back.電子報.tw")
    mailing = make_mailing("ab")

    run(mailing, SmtpCourier("bulk", mailing))

    senders = {received.rcpt: received.sender for received in bulk_smtp.received()}
    for delivery in mailing.deliveries.select_related("subscriber"):
        local, _at, domain = senders[delivery.subscriber.email].partition("@")
        word, _plus, token = local.partition("+")
        assert (word, domain) == ("bounces", "back.xn--ols95ej89e.tw")
        assert tokens.is_valid(token, "bounce", mailing.token_salt)
        assert divmod(tokens.unverified_id(token), 2**24) == (mailing.pk, delivery.seq)


def test_after_a_restore_a_returned_copy_is_not_taken_for_one_of_another_mailing(make_mailing):
    make_publication(bounces_to="bounces@example.org")
    mailing = make_mailing("a")
    lost = return_path_maker(mailing)(0)

    Mailing.objects.update(token_salt=tokens.new_salt())

    assert return_path_maker(Mailing.objects.get())(0) != lost


@pytest.mark.parametrize("courier", [SmtpCourier, DjangoCourier])
def test_the_links_of_each_copy_open_their_own_reader_and_no_other(make_mailing, run, bulk_smtp, courier):
    mailing = make_mailing("abc")

    run(mailing, courier("bulk", mailing))

    copies = bulk_smtp.received()
    assert len(copies) == 3
    for copy in copies:
        text = copy.message.get_body(("plain",)).get_content()
        for purpose in ("unsubscribe", "preferences", "feedback"):
            token = text.partition(f"/{purpose}/")[2].partition("/")[0]
            assert Subscriber.objects.for_token(token, purpose).email == copy.rcpt
        assert Subscriber.objects.get(email=copy.rcpt).unsubscribe_url in copy.message["List-Unsubscribe"]


def test_copies_come_back_to_the_sender_where_nothing_else_is_said(make_mailing, run, bulk_smtp):
    mailing = make_mailing("a")

    run(mailing, SmtpCourier("bulk", mailing))

    assert [received.sender for received in bulk_smtp.received()] == [mailing.sender_email]


# --- STARTTLS ---


@pytest.fixture
def bulk_tls(settings, smtp_tls, tmp_path):
    """The bulk mailer is a real SMTP server that is spoken to after STARTTLS."""
    url = smtp_tls.url.replace("smtp://", "smtp+tls://")
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(url, outbox=tmp_path)}
    return smtp_tls


def test_copies_travel_encrypted_to_a_server_that_can_show_who_it_is(make_mailing, run, bulk_tls, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(bulk_tls.pem))
    mailing = make_mailing("abcdefgh")

    run(mailing, SmtpCourier("bulk", mailing))

    assert mailing.counts().sent == 8
    assert bulk_tls.copies_per_reader() == {1}
    assert {copy.encrypted for copy in bulk_tls.received()} == {True}
    assert {len(copy.html) > 1000 for copy in bulk_tls.received()} == {True}


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(make_mailing, run, bulk_tls):
    mailing = make_mailing("abc")

    run(mailing, SmtpCourier("bulk", mailing))

    mailing.refresh_from_db()
    assert mailing.counts().queued == 3
    assert bulk_tls.received() == []


def test_without_starttls_at_the_server_nothing_leaves_in_the_clear(make_mailing, run, settings, smtp, tmp_path):
    url = smtp.url.replace("smtp://", "smtp+tls://")
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(url, outbox=tmp_path)}
    mailing = make_mailing("abc")

    run(mailing, SmtpCourier("bulk", mailing))

    assert mailing.counts().queued == 3
    assert smtp.received() == []


@pytest.mark.parametrize(("rate", "window"), [(10, 20), (2_000, 80), (14_000, 500)])
def test_a_window_is_what_leaves_within_a_moment(make_mailing, rate, window):
    courier = SmtpCourier("bulk", make_mailing("a"))
    courier.smtp = SimpleNamespace(pool=SimpleNamespace(rate=rate))

    assert courier.window == window


# --- Message by message, refused in a row ---


class Refusing(BaseEmailBackend):
    """A mailer that refuses everybody whose address does not begin with "good"."""

    def send_messages(self, messages):
        if not messages[0].to[0].startswith("good"):
            raise AnymailRecipientsRefused(messages[0].to[0])
        return 1


@pytest.fixture
def refusing_mailer(settings):
    settings.MAILERS = settings.MAILERS | {"bulk": {"BACKEND": f"{__name__}.Refusing"}}


def test_a_mailer_that_refuses_one_reader_after_the_other_refuses_us(make_mailing, run, refusing_mailer):
    for number in range(REFUSALS_MAX + 5):
        make_subscriber(f"r{number}@example.org")
    mailing = make_mailing("")

    run(mailing, DjangoCourier("bulk", mailing))

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    assert mailing.counts().queued == REFUSALS_MAX + 5


def test_a_mailer_that_takes_one_reader_meant_the_others(make_mailing, run, refusing_mailer):
    for number in range(REFUSALS_MAX + 5):
        make_subscriber(f"{'good' if number == 10 else 'r'}{number}@example.org")
    mailing = make_mailing("")

    run(mailing, DjangoCourier("bulk", mailing))

    assert mailing.counts().failed == REFUSALS_MAX + 4
    assert mailing.counts().sent == 1
