import smtplib

import pytest

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


def test_a_connection_cut_after_the_dot_has_been_accepted(smtp, client):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@e.org", ["cut-after-data@e.org"], letter("one"))

    assert [copy.rcpt for copy in smtp.received()] == ["cut-after-data@e.org"]


def test_a_connection_cut_before_the_message_has_not_been_accepted(smtp, client):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@e.org", ["cut-before-data-1@e.org"], letter("one"))

    assert smtp.received() == []


def test_the_log_outlives_the_server(smtp, client):
    client.sendmail("a@e.org", ["b@e.org"], letter("one"))
    smtp.kill()
    smtp.start()

    assert smtp.wait_for("b@e.org").message["Subject"] == "x"
