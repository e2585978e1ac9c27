import smtplib
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = pytest.mark.exhaustive

LETTER = "Message-ID: <{}@e.org>\r\nSubject: x\r\n\r\n{}\r\n"


def letter(name: str, body: str = "Hello.") -> str:
    return LETTER.format(name, body)


@pytest.fixture
def client(smtp):
    with smtplib.SMTP("127.0.0.1", smtp.port, timeout=10) as connection:
        yield connection


def test_what_was_answered_by_250_is_in_the_log(smtp, client):
    client.sendmail("a@e.org", ["b@e.org", "c@e.org"], letter("one", "..dots\r\n.\r\nend"))

    copies = smtp.received()

    assert [copy.rcpt for copy in copies] == ["b@e.org", "c@e.org"]
    assert {copy.message_id for copy in copies} == {"<one@e.org>"}
    assert copies[0].text == "..dots\n.\nend\n"
    assert smtp.copies_per_reader() == {1}


def test_a_reader_called_refuse_is_refused_for_good(smtp, client):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("a@e.org", ["refuse-1@e.org"], letter("one"))

    assert refused.value.recipients == {"refuse-1@e.org": (550, b"5.1.1 No such reader here")}
    assert smtp.received() == []


def test_a_reader_called_greylist_2_is_accepted_the_third_time(smtp, client):
    for _try in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@e.org", ["greylist-2-x@e.org"], letter("one"))
    client.sendmail("a@e.org", ["greylist-2-x@e.org"], letter("one"))

    assert len(smtp.received()) == 1


def test_a_connection_cut_after_the_dot_has_been_accepted(smtp, client):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@e.org", ["cut-after-data@e.org"], letter("one"))

    assert [copy.rcpt for copy in smtp.received()] == ["cut-after-data@e.org"]


def test_a_connection_cut_before_the_message_has_not_been_accepted(smtp, client):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@e.org", ["cut-before-data-1@e.org"], letter("one"))

    assert smtp.received() == []


def test_a_busy_server_says_so_and_hangs_up(smtp, client):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as busy:
        client.sendmail("a@e.org", ["busy@e.org"], letter("one"))

    assert busy.value.recipients == {"busy@e.org": (421, b"4.3.2 Too busy")}
    assert client.sock is None


def test_a_message_can_be_rejected_after_it_has_come(smtp, client):
    with pytest.raises(smtplib.SMTPDataError) as rejected:
        client.sendmail("a@e.org", ["reject-data@e.org"], letter("one"))

    assert rejected.value.smtp_code == 554
    assert smtp.received() == []


def test_a_slow_server_has_the_message_before_it_answers(smtp, client):
    client.sock.settimeout(0.3)

    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@e.org", ["slow-5@e.org"], letter("one"))

    assert len(smtp.received()) == 1


def test_a_server_may_think_about_every_message(tmp_path):
    server = Smtp(tmp_path, reply_seconds=5)
    server.start()
    try:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
            client.sock.settimeout(0.3)
            with pytest.raises(smtplib.SMTPServerDisconnected):
                client.sendmail("a@e.org", ["b@e.org"], letter("one"))
        assert len(server.to("b@e.org")) == 1
    finally:
        server.stop()


def test_at_a_shut_gate_an_answer_waits_until_it_is_opened(smtp, client):
    smtp.hold_at(2)
    client.sendmail("a@e.org", ["b@e.org"], letter("one"))
    with ThreadPoolExecutor(1) as thread:
        second = thread.submit(client.sendmail, "a@e.org", ["c@e.org"], letter("two"))
        wait_until(lambda: smtp.to("c@e.org"))
        assert wait([second], timeout=0.3).not_done == {second}

        smtp.hold_at(3)
        assert second.result(timeout=5) == {}

    smtp.let_go()
    client.sendmail("a@e.org", ["d@e.org"], letter("three"))


def test_a_command_that_comes_with_the_end_of_the_handshake_is_answered(smtp_tls):
    with socket.create_connection(("127.0.0.1", smtp_tls.port), timeout=10) as line:
        line.recv(1000)
        line.sendall(b"EHLO e.org\r\nSTARTTLS\r\n")
        while b"220 2.0.0" not in line.recv(1000):
            pass
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(smtp_tls.pem))
        session = context.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")

        speak(session.do_handshake, line, to_client, to_server)
        session.write(b"EHLO e.org\r\n")
        line.sendall(to_server.read())  # the end of the handshake, and the command

        assert speak(lambda: session.read(4), line, to_client, to_server) == b"250-"


def speak(step, line, to_client, to_server):
    """Return what a step of TLS returns, once enough has come; what it has to say last is not sent yet."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            line.sendall(to_server.read())
            to_client.write(line.recv(20_000))


def test_the_log_outlives_the_server(smtp, client):
    client.sendmail("a@e.org", ["b@e.org"], letter("one"))
    smtp.kill()
    smtp.start()

    assert smtp.wait_for("b@e.org").message["Subject"] == "x"


def test_the_server_is_quicker_than_what_is_measured(smtp, client):
    began = time.perf_counter()
    for number in range(300):
        client.sendmail("a@e.org", [f"{number}@e.org"], letter("one", "a" * 20_000))

    assert len(smtp.readers()) == 300
    assert 300 / (time.perf_counter() - began) > 100  # ten times that on a quiet machine
