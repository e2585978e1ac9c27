"""Each rule of the headers is held by a check: a message that breaks one of them is found out.

The message is built and written as it is sent; then one header is taken away, doubled, encoded, made too long or given
another value, and `broken` must name the rule. So a mistake in headers.py or message.py that has one of these
effects makes `test_an_issue_keeps_every_rule` or its neighbour fail.
"""

import base64
import re

import pytest

from newsletter.mail import headers
from newsletter.mail.message import MailContent, build_mail

URL = "https://news.example.org/unsubscribe/1abcdefghijklmnop/"
LETTER = MailContent("管理槓桿：讓管理變省力的四個技巧「𠮷」🎉", "<p>好</p>", "好\n")
LIST = headers.MailingList(
    list_id="issues.news.example.org",
    owner="gipi@example.org",
    help_url="https://news.example.org/about/",
    archive_url="https://news.example.org/issues/",
)
VALUES = {  # unfolded, as they stand in the octets
    "From": r"(=\?utf-8\?b\?[\w+/=]+\?= )+<news@news\.example\.org>",
    "To": r"(=\?utf-8\?b\?[\w+/=]+\?= )+<reader@example\.net>",
    "Reply-To": r"gipi@example\.org",
    "Subject": r"=\?utf-8\?b\?[\w+/=]+\?=( =\?utf-8\?b\?[\w+/=]+\?=)*",
    "Date": r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}",
    "Message-ID": r"<[\w.]+@news\.example\.org>",
    "MIME-Version": r"1\.0",
    "Content-Type": r'multipart/alternative; boundary="=_newsletter"',
}
OF_A_LIST = {
    "Precedence": "list",
    "List-Id": r"<issues\.news\.example\.org>",
    "List-Unsubscribe": r"<https://[^>\s]{1,64}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "List-Help": r"<https://[^>\s]+>",
    "List-Owner": r"<mailto:gipi@example\.org>",
    "List-Post": "NO",
    "List-Archive": r"<https://[^>\s]+>",
    "Archived-At": r"<https://[^>\s]+/issues/42/>",
    "Feedback-ID": r"42:issue:newsletter:[0-9a-f]{10}",
}
AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
RULES = {"issue": VALUES | OF_A_LIST, "notice": VALUES | AUTOMATIC}


def octets_of(kind):
    own = {"Message-ID": headers.message_id(kind, 3, 41, domain="news.example.org")}
    feedback = headers.feedback_id(42, "issue", domain="news.example.org")
    archived_at = "https://news.example.org/issues/42/"
    listed = headers.list_headers(LIST, URL, web_url=archived_at, feedback=feedback)
    mail = build_mail(
        LETTER,
        sender=("Gipi電子報，「第一名」", "news@news.example.org"),
        to=('王「小」明, "𠮷"', "reader@example.net"),
        reply_to="gipi@example.org",
        headers=own | (listed if kind == "issue" else headers.auto_submitted_headers()),
    )
    return mail.message().as_bytes().partition(b"\n\n")[0] + b"\n"


def broken(head, kind):
    """Return the names of the headers that break a rule, and "lines" for one that is too long or not 7-bit."""
    fields = re.findall(r"^([\w-]+): (.*(?:\n[ \t].*)*)\n", head.decode("latin-1"), re.MULTILINE)
    wrong = set()
    for name, rule in RULES[kind].items():
        values = [re.sub(r"\n[ \t]", " ", value) for other, value in fields if other.lower() == name.lower()]
        if len(values) != 1 or not re.fullmatch(rule, values[0]):
            wrong.add(name)
    long = any(len(line) > (76 if b"=?" in line else 998) for line in head.split(b"\n"))
    return wrong | ({"lines"} if long or not head.isascii() else set())


def changed(head, name, change):
    """Return the head with `change` applied to the value of one header."""
    field = re.compile(rb"^(" + name.encode() + rb": )(.*(?:\n[ \t].*)*)\n", re.MULTILINE)
    assert len(field.findall(head)) == 1
    return field.sub(lambda found: change(found[1], found[2]), head)


MUTANTS = {
    "removed": lambda _name, _value: b"",
    "doubled": lambda name, value: (name + value + b"\n") * 2,
    "encoded": lambda name, value: name + b"=?utf-8?b?" + base64.b64encode(b"=" + value)[:50] + b"??=\n",
    "too long": lambda name, value: name + value + b"x" * 1000 + b"\n",
    "in 8 bits": lambda name, value: name + value + "電".encode() + b"\n",
    "folded inside": lambda name, value: name + value[:2] + b"\n " + value[2:] + b"\n",
    "emptied": lambda name, _value: name + b"\n",
}


@pytest.mark.parametrize("kind", RULES)
def test_an_issue_or_a_notice_keeps_every_rule(kind):
    assert broken(octets_of(kind), kind) == set()


@pytest.mark.parametrize("kind", RULES)
def test_every_mutant_of_a_header_is_found_out(kind):
    head = octets_of(kind)
    mutants = {(name, mutant): changed(head, name, MUTANTS[mutant]) for name in RULES[kind] for mutant in MUTANTS}

    assert [one for one, octets in mutants.items() if one[0] not in broken(octets, kind)] == []


@pytest.mark.parametrize("kind", RULES)
def test_nothing_is_written_that_no_rule_knows(kind):
    names = set(re.findall(r"^([\w-]+):", octets_of(kind).decode(), re.MULTILINE))

    assert names == set(RULES[kind])
