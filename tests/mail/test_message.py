import base64
import email
import email.policy
import re

import pytest
from anymail.backends.test import EmailBackend as AnymailBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from newsletter.mail.message import MailContent, build_mail, shorten_subject

LONG_URL = "https://news.example.org/" + "unsubscribe/" * 12
LETTER = MailContent("第 42 期：管理槓桿", "<p>你好，<a href='https://e.x/'>看</a></p>", "你好，看 https://e.x/\n")


def make_mail(letter=LETTER, **changes):
    given = {
        "sender": ("Gipi電子報", "news@example.org"),
        "to": ("王「小」明", "reader@example.com"),
        "reply_to": "gipi@example.org",
        "headers": {},
    }
    return build_mail(letter, **(given | changes))


def octets_of(mail):
    return mail.message(policy=email.policy.SMTP).as_bytes()


def received(mail):
    return email.message_from_bytes(octets_of(mail), policy=email.policy.default)


def text_of(part):
    return part.get_content().replace("\r\n", "\n")


def lines_of(mail):
    return octets_of(mail).decode("ascii").split("\r\n")


@pytest.mark.parametrize(
    "name", ["List-Unsubscribe", "List-Help", "Archived-At", "X-Long", "Feedback-ID", "Message-ID"]
)
def test_a_long_header_for_machines_stays_one_line_as_it_is(name):
    mail = make_mail(headers={name: f"<{LONG_URL}>, <mailto:leave@example.org>"})

    assert f"{name}: <{LONG_URL}>, <mailto:leave@example.org>" in lines_of(mail)


def test_a_mail_says_who_to_whom_and_what():
    message = received(make_mail())

    assert message["Subject"] == "第 42 期：管理槓桿"
    assert [(one.display_name, one.addr_spec) for one in message["From"].addresses] == [
        ("Gipi電子報", "news@example.org")
    ]
    assert [(one.display_name, one.addr_spec) for one in message["To"].addresses] == [
        ("王「小」明", "reader@example.com")
    ]
    assert message["Reply-To"] == "gipi@example.org"
    assert not message.defects


def test_both_parts_are_utf8_in_base64():
    message = received(make_mail())

    assert message.get_content_type() == "multipart/alternative"
    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part["Content-Transfer-Encoding"] for part in parts] == ["base64", "base64"]
    assert [part.get_content_charset() for part in parts] == ["utf-8", "utf-8"]
    assert text_of(parts[0]) == LETTER.text
    assert text_of(parts[1]) == LETTER.html + "\n"


def test_a_mail_without_html_is_one_part_of_text():
    mail = make_mail()
    mail.alternatives = []

    message = received(mail)

    assert message.get_content_type() == "text/plain"
    assert message["Content-Transfer-Encoding"] == "base64"


def test_no_line_is_longer_than_a_server_takes_and_all_are_ascii():
    mail = make_mail(
        MailContent("題" * 200, "<p>" + "字" * 20_000 + "</p>", "字" * 20_000), sender=("名" * 80, "a@b.tw")
    )

    octets = octets_of(mail)

    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 78
    assert octets.count(b"\n") == octets.count(b"\r\n")


@pytest.mark.parametrize(
    "name", ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
)
def test_each_mandatory_header_stands_there_once(name):
    given = {"date": "Tue, 24 Nov 2026 08:00:00 +0800", "message-id": "<issue.1.2@example.org>"}

    assert len(received(make_mail(headers=given)).get_all(name)) == 1
    assert len(received(make_mail()).get_all(name)) == 1


def test_date_and_message_id_are_the_ones_that_were_given():
    given = {"Date": "Tue, 24 Nov 2026 08:00:00 +0800", "Message-ID": "<issue.1.2@example.org>"}

    message = received(make_mail(headers=given))

    assert message["Date"] == "Tue, 24 Nov 2026 08:00:00 +0800"
    assert message["Message-ID"] == "<issue.1.2@example.org>"


def test_a_line_break_in_a_header_is_refused_when_the_mail_is_built():
    with pytest.raises(ValueError, match="X-Test may not contain line breaks"):
        make_mail(headers={"X-Test": "a\nBcc: spy@example.org"})


@pytest.mark.parametrize("field", ["sender", "to"])
def test_an_address_with_a_chinese_local_part_is_refused(field):
    with pytest.raises(ValueError, match=r"^Cannot mail to '王@example.org': an address is name@domain"):
        make_mail(**{field: ("", "王@example.org")})


@pytest.mark.parametrize("name", ["Gipi電子報", 'a "b", c', "王「小」明 🎉𠮷", "a\\b", ""])
def test_djangos_smtp_backend_finds_the_bare_address(name):
    backend = SmtpBackend(host="localhost", alias="default")
    mail = make_mail(sender=(name, "news@example.org"), to=(name, "reader@電子報.tw"))

    assert backend.prep_address(mail.from_email) == "news@example.org"
    assert [backend.prep_address(one) for one in mail.recipients()] == ["reader@xn--ols95ej89e.tw"]


def test_anymail_is_handed_names_headers_and_both_parts():
    mail = make_mail(to=('王, "小"明', "reader@example.com"), headers={"List-Help": f"<{LONG_URL}>"})

    AnymailBackend(alias="default").send_messages([mail])

    sent = mail.anymail_test_params
    assert (sent["from"].display_name, sent["from"].addr_spec) == ("Gipi電子報", "news@example.org")
    assert (sent["to"][0].display_name, sent["to"][0].addr_spec) == ('王, "小"明', "reader@example.com")
    assert [one.addr_spec for one in sent["reply_to"]] == ["gipi@example.org"]
    assert dict(sent["extra_headers"]) == {"List-Help": f"<{LONG_URL}>"}
    assert (sent["subject"], sent["text_body"], sent["html_body"]) == (LETTER.subject, LETTER.text, LETTER.html)


def test_an_attachment_travels_along():
    mail = make_mail()
    mail.attach("calendar.ics", b"BEGIN:VCALENDAR\r\n", "application/octet-stream")

    message = received(mail)

    assert message.get_content_type() == "multipart/mixed"
    assert message["MIME-Version"] == "1.0"
    assert [part.get_filename() for part in message.iter_attachments()] == ["calendar.ics"]
    assert text_of(message.get_body(("plain",))) == LETTER.text


def test_a_copy_to_others_is_addressed_as_the_reader_is():
    mail = make_mail()
    mail.cc = ['"編輯, 二號" <editor@example.org>', "second@example.org"]

    head = octets_of(mail).decode("ascii").replace("\r\n", "\n")

    [field] = re.findall(r"^Cc: (.*(?:\n .*)*)", head, re.MULTILINE)
    words = base64.b64encode("編輯, 二號".encode()).decode()
    assert field == f"=?utf-8?b?{words}?=\n <editor@example.org>,\n second@example.org"


def test_who_sends_in_anothers_name_keeps_a_bare_address():
    mail = make_mail()
    mail.extra_headers["Sender"] = '"寄件人, 二號" <desk@example.org>'

    words = base64.b64encode("寄件人, 二號".encode()).decode()
    assert f"Sender: =?utf-8?b?{words}?=\r\n <desk@example.org>\r\n" in octets_of(mail).decode("ascii")


@pytest.mark.parametrize(
    "name", ["Message-ID", "Feedback-ID", "Archived-At", "Precedence", "Auto-Submitted", "Date", "List-Id", "X-Other"]
)
def test_a_header_for_machines_is_refused_rather_than_encoded(name):
    mail = make_mail()
    mail.extra_headers[name] = "電"

    with pytest.raises(ValueError, match=f"{name} must be ASCII"):
        octets_of(mail)


def test_a_subject_is_cut_where_filters_take_it_for_too_long():
    assert shorten_subject("題" * 200) == "題" * 200
    assert shorten_subject("題" * 201) == "題" * 199 + "…"
