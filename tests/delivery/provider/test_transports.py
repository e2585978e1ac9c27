"""Each class of answer, from a real SMTP server and from Anymail over a real HTTP one."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from newsletter.delivery.provider.outcomes import REFUSALS_MAX, ProviderRejection, ProviderUnavailable, SendStatus
from newsletter.delivery.provider.transports import transport_for
from newsletter.mail.mailers import mailer_from_url
from newsletter.mail.message import MailContent, build_mail


def mail_to(address):
    return build_mail(
        MailContent(subject="第七期", html="<p>管理</p>", text="管理"),
        sender=("Gipi電子報", "news@news.example.org"),
        to=("", address),
        reply_to="",
        headers={"Message-ID": f"<{address}>"},
    )


@pytest.fixture
def transport(bulk_smtp):
    opened = transport_for("bulk")
    yield opened
    opened.close()


def test_an_accepted_message_is_sent(transport, bulk_smtp):
    outcome = transport.send(mail_to("a@example.org"))

    assert outcome.status is SendStatus.SENT
    assert outcome.reply.startswith("250 ")
    assert bulk_smtp.received()[0].message["Subject"] == "第七期"


def test_a_refused_recipient_has_failed_and_the_next_is_served(transport, bulk_smtp):
    refused = transport.send(mail_to("refuse-1@example.org"))
    served = transport.send(mail_to("b@example.org"))

    assert (refused.status, refused.reply[:3]) == (SendStatus.FAILED, "550")
    assert served.status is SendStatus.SENT
    assert bulk_smtp.readers() == {"b@example.org"}


def test_a_connection_cut_after_the_dot_is_uncertain(transport, bulk_smtp):
    outcome = transport.send(mail_to("cut-after-data-x@example.org"))

    assert outcome.status is SendStatus.UNCERTAIN
    assert bulk_smtp.copies() == {"cut-after-data-x@example.org": 1}


def test_a_connection_cut_before_the_body_is_certainly_not_sent(transport, bulk_smtp):
    with pytest.raises(ProviderUnavailable, match="closed the connection"):
        transport.send(mail_to("cut-before-data-9-x@example.org"))

    assert bulk_smtp.received() == []
    assert transport.send(mail_to("b@example.org")).status is SendStatus.SENT


def test_many_refusals_in_a_row_are_about_each_reader(transport):
    """A mailing would stop and ask: these are single mails, each of its own."""
    answers = {transport.send(mail_to(f"refuse-1-{number}@example.org")).status for number in range(REFUSALS_MAX + 1)}

    assert answers == {SendStatus.FAILED}


def test_a_server_that_falls_silent_before_the_message_is_away_when_the_mailers_time_is_over(settings, tmp_path):
    over = threading.Event()
    server, thread = _one_line_server(b"220 hi", b"250 hi", then=over.wait)
    url = f"smtp://127.0.0.1:{server.getsockname()[1]}?timeout=0.2"
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(url, outbox=tmp_path)}
    transport = transport_for("bulk")

    with pytest.raises(ProviderUnavailable, match="no answer in time"):
        transport.send(mail_to("a@example.org"))

    over.set()
    transport.close()
    server.close()
    thread.join(5)


def test_an_idle_connection_that_was_closed_is_opened_again(transport, bulk_smtp):
    transport.send(mail_to("a@example.org"))
    bulk_smtp.stop()
    bulk_smtp.start()

    assert transport.send(mail_to("b@example.org")).status is SendStatus.SENT


def test_a_busy_server_is_away(transport):
    with pytest.raises(ProviderUnavailable, match="421"):
        transport.send(mail_to("busy-9-x@example.org"))


def _one_line_server(*replies, then=lambda: None):
    """Serve one SMTP connection whose replies are given, in order; keep it open until `then` returns."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _peer = server.accept()
        with connection, connection.makefile("rwb") as stream:
            for reply in replies:
                stream.write(reply + b"\r\n")
                stream.flush()
                if not stream.readline():
                    return
            then()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return server, thread


def test_a_mail_into_the_outbox_is_sent_and_a_second_try_makes_no_second_file(settings, tmp_path):
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=tmp_path / "outbox")}
    transport = transport_for("bulk")

    outcomes = [transport.send(mail_to("a@example.org")).status for _ in range(2)]

    assert outcomes == [SendStatus.SENT, SendStatus.SENT]
    assert len(list((tmp_path / "outbox").rglob("*.eml"))) == 1


@pytest.fixture
def api(settings):
    """Postmark's API on loopback; its next answer is `api.answer` = (status, body), or None to hang up."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if server.answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, body = server.answer
            self.send_response(status)
            self.send_header("Location", self.path)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def do_GET(self):
            server.followed = True

        def log_message(self, *_words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.followed = False
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    settings.MAILERS = settings.MAILERS | {
        "bulk": {
            "BACKEND": "anymail.backends.postmark.EmailBackend",
            "OPTIONS": {"server_token": "t", "api_url": f"http://127.0.0.1:{server.server_port}/"},
        }
    }
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def postmark_says(code=0, **fields):
    return {"ErrorCode": code, "Message": "OK", "To": "a@example.org", "MessageID": "m-1", "SubmittedAt": ""} | fields


def test_an_api_that_accepts_has_sent_and_names_the_message(api):
    api.answer = (200, postmark_says())

    outcome = transport_for("bulk").send(mail_to("a@example.org"))

    assert (outcome.status, outcome.provider_id) == (SendStatus.SENT, "m-1")


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (422, SendStatus.FAILED),
        (400, SendStatus.FAILED),
        (500, SendStatus.UNCERTAIN),
        (302, SendStatus.UNCERTAIN),
        (307, SendStatus.UNCERTAIN),
    ],
)
def test_an_api_that_answers_with_an_error(api, status, answer):
    api.answer = (status, {"ErrorCode": 300, "Message": "Invalid"})

    assert transport_for("bulk").send(mail_to("a@example.org")).status is answer
    assert not api.followed


@pytest.mark.parametrize(
    ("status", "problem"), [(401, ProviderRejection), (403, ProviderRejection), (429, ProviderUnavailable)]
)
def test_an_api_that_refuses_us_or_asks_to_slow_down(api, status, problem):
    api.answer = (status, {"ErrorCode": 10, "Message": "Bad or missing API token"})

    with pytest.raises(problem):
        transport_for("bulk").send(mail_to("a@example.org"))


def test_an_api_that_is_down_is_away(api):
    api.shutdown()
    api.server_close()

    with pytest.raises(ProviderUnavailable):
        transport_for("bulk").send(mail_to("a@example.org"))
