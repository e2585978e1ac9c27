"""Every mail that the app can send, as benchmarks/letters makes them, keeps the rules that are the same for all.

One test, because to make them takes seconds; what a rule's name says must be true of each mail.
"""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from django.utils import translation

from benchmarks.letters.collect import writer
from benchmarks.letters.variants import ODD, Variant
from benchmarks.letters.world import KINDS, NOTE, Scene, every_mail
from newsletter.delivery.letter.losses import HTML_BYTES_MAX
from newsletter.desk import demo
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post
from tests.support.english import chinese_in, speak_english
from tests.support.letters import links_in_html, links_in_text

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LOOKS = Publication.MailLook.values
ONLY = [  # a quarter of all, for the time it takes: every kind in every look, and issues that are hard to write
    *(f"*-{look}" for look in LOOKS),
    *(f"issue-{look}-3-mixed" for look in LOOKS),
    *("issue-letter-1-*", "issue-digest-8-*", "issue-magazine-8-full", "issue-letter-wide"),
    *(f"issue-letter-{odd}" for odd in ODD),
    *("welcome-letter-quotes", "notice-finished-letter-subject-200", "reminder-approve-digest-quotes"),
]
TO_THE_LIST = {"issue", "correction", "test", "course"}
BY_HAND = {"answer", "quote"}  # the author's own words to one reader
LIST = {"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Owner", "List-Post", "List-Archive"}
OF_THE_LIST = dict.fromkeys(TO_THE_LIST, LIST) | {
    "welcome": {"List-Unsubscribe"},
    "missed": {"List-Unsubscribe"},
    "welcome-first": {"List-Unsubscribe"},
}
HEAD, TAG = re.compile(r"<head>.*?</head>", re.DOTALL), re.compile(r"<[^>]*>")


class Parsed:
    """A mail as a reader's program sees it."""

    def __init__(self, name, octets):
        self.kind, _look, self.odd = re.fullmatch(f"(.*?)-({'|'.join(LOOKS)})-?(.*)", name).groups()
        self.octets = octets
        self.message = message_from_bytes(octets, policy=policy.default)
        self.html, self.text = (self.message.get_body((part,)).get_content() for part in ("html", "plain"))


def both_parts_lead_to_the_same_addresses(mail):
    return links_in_html(mail.html) == links_in_text(mail.text) != set()


def both_parts_say_about_as_much(mail):
    """The preheader counts: who compares the parts does not ask what a style sheet hides."""
    length, other = (len(" ".join(part.split())) for part in (mail.text, TAG.sub("", HEAD.sub("", mail.html))))
    return 0.6 <= length / other <= 1.7


def nothing_is_left_of_a_slot(mail):
    return not re.search("[\x02\x03]", mail.html + mail.text)


def gmail_shows_the_whole(mail):
    return len(mail.html.encode()) <= HTML_BYTES_MAX


def any_relay_takes_it(mail):
    """RFC 5322 sections 2.1.1 and 2.3: 7 bits, at most 998 octets a line, CR and LF only together."""
    lines = mail.octets.split(b"\r\n")
    return mail.octets.isascii() and all(len(line) <= 998 and not re.search(b"[\r\n]", line) for line in lines)


def its_headers_are_read_without_a_fault(mail):
    return not any(field.defects for field in mail.message.values())


def an_odd_issue_is_read_as_it_was_written(mail):
    if mail.kind != "issue" or mail.odd not in ODD:
        return True
    wanted = ODD[mail.odd]
    people = [mail.message[field].addresses[0].display_name for field in ("To", "From")]
    words = re.sub(r"｜No\. \d+$", "", mail.message["Subject"])
    return [words, *people] == [wanted.subject, wanted.name, wanted.sender_name or Publication.objects.current().name]


def no_filter_takes_its_subject_for_spam(mail):
    """SpamAssassin's SUBJ_ALL_CAPS looks at Latin letters alone; rspamd's LONG_SUBJ begins above 200 characters."""
    letters = "".join(re.findall("[A-Za-z]", mail.message["Subject"]))
    return not letters.isupper() and len(mail.message["Subject"]) <= 200


def only_what_goes_to_the_list_says_that_it_does(mail):
    return {name for name in mail.message if name.startswith("List-")} == OF_THE_LIST.get(mail.kind, set())


def all_others_are_automatic(mail):
    said = mail.message["Auto-Submitted"]
    return said is None if mail.kind in TO_THE_LIST | BY_HAND else said == "auto-generated"


def its_message_id_is_of_the_senders_domain(mail):
    return mail.message["Message-ID"].endswith("@letters.example.org>")


RULES = [
    both_parts_lead_to_the_same_addresses,
    both_parts_say_about_as_much,
    nothing_is_left_of_a_slot,
    gmail_shows_the_whole,
    any_relay_takes_it,
    its_headers_are_read_without_a_fault,
    an_odd_issue_is_read_as_it_was_written,
    no_filter_takes_its_subject_for_spam,
    only_what_goes_to_the_list_says_that_it_does,
    all_others_are_automatic,
    its_message_id_is_of_the_senders_domain,
]


def test_every_mail_keeps_every_rule(db, tmp_path, pictures_made_once):
    demo.load(NOW)
    write = writer(tmp_path)

    for made in every_mail(NOW, sender="newsletter@letters.example.org", to="reader@example.net", only=ONLY):
        write(made)

    mails = {file.stem: Parsed(file.stem, file.read_bytes()) for file in tmp_path.glob("*.eml")}
    assert {f"{kind}-{look}" for kind in KINDS for look in LOOKS} <= {name.removesuffix("-3-mixed") for name in mails}
    assert [(rule.__name__, name) for name, mail in mails.items() for rule in RULES if not rule(mail)] == []
    assert len({mail.message["Message-ID"] for mail in mails.values()}) == len(mails)


@pytest.mark.exhaustive
def test_no_mail_of_an_english_newsletter_has_a_chinese_word(db, pictures_made_once):
    demo.load(NOW)
    speak_english()
    variant, found = Variant(subject="Leverage", name="Anna"), {}

    for number, (kind, entry) in enumerate(KINDS.items(), 100):
        issue = make_issue(make_post(f"Leverage {number}", body="Text."), number=number, subject="Leverage")
        with translation.override("en"):
            mail = entry.build(Scene(variant, issue, "reader@example.org", NOW, number)).message()
        html = re.sub("</?span[^>]*>", "", mail.get_body(("html",)).get_content())  # what the text is made of
        found[kind] = set(chinese_in("\n".join([*map(str, mail.values()), html]))) - set(chinese_in(NOTE))

    assert {kind: words for kind, words in found.items() if words and kind not in BY_HAND} == {}
