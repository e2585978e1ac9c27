import email
import email.policy
import re
from email.header import decode_header, make_header

import pytest

from newsletter.mail import headers
from tests.support.product import ROOT

LIST = headers.MailingList(
    list_id="issues.news.example.org",
    owner="gipi@example.org",
    help_url="https://news.example.org/about/",
    archive_url="https://news.example.org/issues/",
)
URL = "https://news.example.org/unsubscribe/abc/"
NASTY_NAMES = [
    "Gipi電子報",
    "王「小」明",
    'The "Real" Gipi',
    "Gipi, Inc.",
    "電子報，「第一名」",
    "🎉 派對",
    "𠮷野家",
    "堃",
    "a\\b",
    "Gipi (管理)",
    "<script>@;:,",
    "=?utf-8?q?fake?=",
    "Wang; a=?b?=",
    "Gipi",
    "O'Neil & Söhne",
    "two  spaces",
    " edge ",
    "x" * 80,
    "名" * 80,
]


def _field(text):
    return email.message_from_string(text + "\n", policy=email.policy.compat32)


def _decoded(text, name):
    return str(make_header(decode_header(_field(text)[name])))


# --- what they say ---


def test_the_message_id_differs_by_kind_by_ids_and_by_secret(settings):
    ids = {
        headers.message_id("issue", 3, 41, domain="example.org"),
        headers.message_id("welcome", 3, 41, domain="example.org"),
        headers.message_id("issue", 34, 1, domain="example.org"),
    }
    settings.SECRET_KEY = "another"
    ids.add(headers.message_id("issue", 3, 41, domain="example.org"))

    assert len(ids) == 4


def test_the_message_id_of_a_chinese_domain_is_ascii():
    assert headers.message_id("issue", 1, domain="電子報.tw").endswith("@xn--ols95ej89e.tw>")


@pytest.mark.parametrize(("kind", "part"), [("issue", "a\r\nBcc: spy@example.org"), ("期", 1), ("issue", "x" * 1000)])
def test_a_message_id_that_cannot_be_written_as_it_is_is_refused(kind, part):
    with pytest.raises(ValueError, match=r"^Message-ID "):
        headers.message_id(kind, part, domain="example.org")


def test_a_mail_to_the_list_says_everything_that_mail_clients_ask_for():
    fields = headers.list_headers(
        LIST,
        URL,
        web_url="https://news.example.org/issues/42/",
        feedback="3:issue:newsletter:0123456789",
    )

    assert fields == {
        "Precedence": "list",
        "List-Id": "<issues.news.example.org>",
        "List-Unsubscribe": "<https://news.example.org/unsubscribe/abc/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Help": "<https://news.example.org/about/>",
        "List-Owner": "<mailto:gipi@example.org>",
        "List-Post": "NO",
        "List-Archive": "<https://news.example.org/issues/>",
        "Archived-At": "<https://news.example.org/issues/42/>",
        "Feedback-ID": "3:issue:newsletter:0123456789",
    }


def test_without_https_there_is_a_link_to_leave_but_no_one_click():
    fields = headers.list_headers(LIST, "http://127.0.0.1:8000/unsubscribe/abc/")

    assert fields["List-Unsubscribe"] == "<http://127.0.0.1:8000/unsubscribe/abc/>"
    assert "List-Unsubscribe-Post" not in fields


@pytest.mark.parametrize("path", ["離開", "a\r\nBcc: spy@example.org", "x" * 1000])
def test_a_header_of_the_list_that_cannot_be_written_as_it_is_is_refused(path):
    with pytest.raises(ValueError, match=r"^List-Unsubscribe "):
        headers.list_headers(LIST, URL + path)


def test_the_feedback_id_has_four_fields_and_the_last_is_the_senders():
    first = headers.feedback_id(3, "issue", domain="example.org").split(":")
    second = headers.feedback_id(4, "correction", domain="Example.org").split(":")

    assert first[:3] == ["3", "issue", "newsletter"]
    assert first[3] == second[3]
    assert 5 <= len(first[3]) <= 15


def test_an_automatic_mail_asks_machines_not_to_answer():
    assert headers.auto_submitted_headers() == {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


@pytest.mark.parametrize("value", ["a\r\nBcc: x@example.org", "a\nb", "a\x00b", "a\x7fb"])
def test_a_line_break_in_a_value_is_refused(value):
    with pytest.raises(ValueError, match="X-Test may not contain line breaks or control characters, got"):
        headers.validate_header("X-Test", value)


def test_a_value_that_cannot_be_one_line_is_refused():
    with pytest.raises(ValueError, match=r"^X-Test is longer than 998 characters$"):
        headers.validate_header("X-Test", "x" * 991)

    assert headers.validate_header("X-Test", "x" * 990)


def test_a_return_path_carries_a_token_and_an_ascii_domain():
    found = headers.return_path("bounces@電子報.tw", "abc")

    assert found == "bounces+abc@xn--ols95ej89e.tw"


def test_a_return_path_that_servers_may_refuse_is_not_written():
    token = "x" * 24
    assert len(headers.return_path("b" * 39 + "@example.org", token).partition("@")[0]) == 64

    with pytest.raises(ValueError, match="has no room for a token: at most 39 characters before the @"):
        headers.return_path("b" * 40 + "@example.org", token)


# --- how they are written ---


def test_a_chinese_subject_of_any_length_comes_back_and_no_line_is_long():
    for length in [*range(1, 60), 100, 200]:
        subject = ("管理槓桿，讓管理變省力的四個技巧「𠮷」🎉" * 20)[:length]

        text = headers.format_text_header("Subject", subject, "\r\n")

        assert text.isascii(), length
        assert max(map(len, text.split("\r\n"))) <= 76, length
        assert all(len(word) <= 75 for word in text.split()), length
        assert _decoded(text, "Subject") == subject
        parsed = email.message_from_string(text + "\r\n", policy=email.policy.default)
        assert parsed["Subject"] == subject


def test_each_encoded_word_holds_whole_characters():
    text = headers.format_text_header("Subject", "堃𠮷🎉" * 30, "\n")

    words = [part.decode("utf-8") for part, _charset in [decode_header(word)[0] for word in text.split()[1:]]]

    assert "".join(words) == "堃𠮷🎉" * 30


def test_a_long_ascii_subject_is_folded_at_spaces_and_not_encoded():
    subject = " ".join(f"word{number}" for number in range(40))

    text = headers.format_text_header("Subject", subject, "\r\n")

    assert "=?" not in text
    assert max(map(len, text.split("\r\n"))) <= 76
    assert text.replace("\r\n ", " ") == f"Subject: {subject}\r\n"


def test_a_subject_that_only_begins_like_an_encoded_word_is_written_as_it_is():
    assert headers.format_text_header("Subject", "What is a=?b?= for", "\n") == "Subject: What is a=?b?= for\n"


@pytest.mark.parametrize("subject", [" edge ", "two  spaces", "=?utf-8?q?fake?="])
def test_a_subject_that_would_change_on_the_way_is_encoded(subject):
    text = headers.format_text_header("Subject", subject, "\n")

    assert text.startswith("Subject: =?utf-8?b?")
    assert _decoded(text, "Subject") == subject


@pytest.mark.parametrize("break_", ["\n", "\r", "\x0b", "\u2028", "\x85"])
def test_a_subject_of_two_lines_is_refused(break_):
    with pytest.raises(ValueError, match="Subject may not contain line breaks"):
        headers.format_text_header("Subject", f"one{break_}two", "\n")


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_a_nasty_name_comes_back_with_its_address(name):
    text = headers.format_address_header("To", [(name, "reader@example.org")], "\r\n")

    assert text.isascii()
    assert max(map(len, text.split("\r\n"))) <= 78
    [(found, address)] = email.utils.getaddresses([_field(text)["To"]])
    assert address == "reader@example.org"
    assert str(make_header(decode_header(found))) == name
    parsed = email.message_from_string(text + "\r\n", policy=email.policy.default)["To"].addresses
    assert [one.addr_spec for one in parsed] == ["reader@example.org"]
    if len(name) < 15:  # the modern parser of Python 3.13 puts a space between two encoded words
        assert parsed[0].display_name == name


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Wang, Xiao-Ming; a=?b?=", ['"Wang, Xiao-Ming; a=?b?="']),
        ("a=?b?=", ['"a=?b?="']),
        (f"Letters of {'x' * 60} and of {'y' * 8}", [f"Letters of {'x' * 60}", f"and of {'y' * 8}"]),
    ],
)
def test_a_name_in_ascii_is_encoded_only_where_it_must_be(name, lines):
    """Rspamd adds 1.5 points for base64 without need: TO_EXCESS_BASE64, FROM_EXCESS_BASE64."""
    text = headers.format_address_header("To", [(name, "reader@example.org")], "\r\n")

    assert text == "\r\n ".join([f"To: {lines[0]}", *lines[1:], "<reader@example.org>\r\n"])


def test_a_name_of_two_lines_is_refused():
    with pytest.raises(ValueError, match="A name may not contain line breaks or control characters, got"):
        headers.format_address_header("To", [("x\r\nBcc: spy@example.org", "a@example.org")], "\r\n")


def test_a_chinese_domain_is_written_in_punycode():
    text = headers.format_address_header("To", [("", "gipi@電子報.tw")], "\n")

    assert text == "To: gipi@xn--ols95ej89e.tw\n"


@pytest.mark.parametrize(
    "address", ["王@example.org", "nobody", "@example.org", "a@", "a b@example.org", "a@x.org,b@x.org", "a@x\n.org", ""]
)
def test_what_is_no_address_is_refused_by_name(address):
    with pytest.raises(ValueError, match=r"Cannot mail to .*: an address is name@domain, with an ASCII name"):
        headers.ascii_address(address)


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_a_mailbox_in_unicode_is_read_back(name):
    assert headers.parse_mailbox(headers.format_mailbox(name, "a@example.org")) == (name, "a@example.org")


def test_the_guide_names_every_header_and_the_function_that_decides_it():
    part = (ROOT / "docs" / "letter.md").read_text().split("\n## Headers\n")[1].split("\n## ")[0]
    named = [
        name.strip() for names in re.findall(r"^\| ([A-Z][^|]+) \|", part, re.MULTILINE) for name in names.split(",")
    ]
    functions = re.findall(r"`(\w+)`(?=[^|]*\|[^|]*\|$)", part, re.MULTILINE)
    options = {"unsubscribe_address": "a@e.org", "web_url": URL, "feedback": "1:issue:x:y"}

    written = headers.list_headers(LIST, URL, **options) | headers.auto_submitted_headers()

    assert [name for name in written if name not in named] == []
    assert [name for name in functions if not hasattr(headers, name)] == []
    assert len(functions) > 5
