"""Three days after an issue its author gets one letter about it: whatever jumps, dies or is switched off."""

from datetime import timedelta
from html.parser import HTMLParser

import pytest
import time_machine

from newsletter.delivery import results, tasks
from newsletter.delivery.author import result_letters
from newsletter.delivery.links.counting import LinkCount
from newsletter.delivery.models import Mailing, ResultLetter
from newsletter.issues.models import Issue, Vote
from newsletter.mail.mailers import mailer_from_url
from subscribers.models import Sentence
from tests.delivery.results.issues import FORTNIGHT, HOUR, LONG_AGO, NOW, come, sent
from tests.factories import make_helper, make_publication
from tests.support.letters import mails_in
from tests.support.processes import free_port

AFTER = NOW + HOUR + timedelta(hours=72)  # it took an hour
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _readers(publication):
    come(3, LONG_AGO)


def told(box, now):
    """Look, tell, and return the subjects of all mails so far."""
    result_letters.record_due(now)
    result_letters.send_due(now)
    return [mail["Subject"] for mail in mails_in(box)]


def parts(mail) -> tuple[str, str]:
    return tuple(mail.get_body((kind,)).get_content() for kind in ("html", "plain"))


class Links(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.found = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.found.add(dict(attrs)["href"])


# --- Once, at its time ---


def test_the_letter_comes_72_hours_after_the_last_copy_and_once(box):
    sent(7, NOW)

    before = told(box, AFTER - timedelta(seconds=1))
    at, again, later = (told(box, AFTER + after) for after in (timedelta(), DAY, 20 * DAY))

    assert before == []
    assert at == again == later == ["Three days later: #7 第 7 期"]


def test_the_wake_up_for_the_author_brings_it(box):
    sent(7, NOW)

    with time_machine.travel(AFTER):
        tasks.tell_author()

    assert "Three days later: #7 第 7 期" in [mail["Subject"] for mail in mails_in(box)]


def test_a_clock_that_jumps_ahead_and_back_brings_no_second_letter(box):
    sent(7, NOW)

    assert len(told(box, AFTER + 400 * DAY)) == 0  # nobody reads of an issue of last year
    assert len(told(box, AFTER)) == 1
    assert len(told(box, AFTER - 10 * DAY)) == 1
    assert len(told(box, AFTER + DAY)) == 1


def test_an_issue_of_two_mailings_is_told_of_once(box):
    first = sent(7, NOW)
    second = Mailing.objects.get(pk=first.pk)
    second.pk, second.number = None, 2
    second.save(force_insert=True)

    assert len(told(box, AFTER)) == 1
    assert len(told(box, AFTER + DAY)) == 1


@pytest.mark.parametrize("change", [{"kind": "correction"}, {"state": "cancelled"}, {"state": "sending"}])
def test_a_correction_and_what_was_not_sent_bring_none(box, change):
    mailing = sent(7, NOW)
    Mailing.objects.filter(pk=mailing.pk).update(**change)

    assert told(box, AFTER) == []


def test_a_mailing_that_was_opened_again_is_waited_for(box):
    mailing = sent(7, NOW)
    result_letters.record_due(AFTER)
    Mailing.objects.filter(pk=mailing.pk).update(state="sending")
    under_way = told(box, AFTER)
    Mailing.objects.filter(pk=mailing.pk).update(state="sent")

    assert (len(under_way), len(told(box, AFTER + DAY))) == (0, 1)


def test_nobody_is_told_while_the_letter_is_off_nor_of_that_issue_afterwards(box):
    sent(7, NOW)
    make_publication(tells_results=False)
    off = told(box, AFTER)
    make_publication(tells_results=True)

    assert off == []
    assert told(box, AFTER + HOUR) == []


def test_switching_it_off_stops_a_letter_that_waits(box, settings):
    settings.MAILERS = settings.MAILERS | {
        "default": mailer_from_url(f"smtp://127.0.0.1:{free_port()}", outbox=box.parent)
    }
    sent(7, NOW)
    told(box, AFTER)
    make_publication(tells_results=False)
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=box)}

    assert told(box, AFTER + DAY) == []


# --- What it says ---


def test_the_letter_says_what_the_page_knows(box):
    for number in range(1, 7):
        at = NOW - (7 - number) * FORTNIGHT
        sent(number, at)
        come(20, at + HOUR)
    last = sent(7, NOW, failed=1)
    come(60, NOW + HOUR)
    reader = last.deliveries.last().subscriber
    last.issue.feedback.give(reader, last.issue, "helpful", NOW)
    Sentence.objects.store(reader, "feedback", "第三段<b>很受用</b>。\n謝謝。", NOW, issue=7)

    for number in range(1, 7):
        ResultLetter.objects.create(issue=Mailing.objects.get(issue__number=number).issue, mailing=last, at=NOW)
    told(box, AFTER)

    html, text = parts(mails_in(box)[0])
    for part in (html, text):
        assert "Sent to 122 readers." in part
        assert "1 was refused at once." in part
        assert "before: 20, 20, 20, 20, 20, 20" in part
        assert "opened" not in part.lower()
    assert "第三段&lt;b&gt;很受用&lt;/b&gt;。<br>" in html
    assert "> 第三段<b>很受用</b>。" in text


def test_links_that_were_followed_have_a_part_once_they_are_counted(publication):
    from dataclasses import replace

    found = results.issue_result(sent(7, NOW), AFTER)
    counted = replace(found, followed_links=(LinkCount("https://example.org/essay", "essay", 12, 0, ()),))

    without, with_links = (
        str(result_letters.build_result_letter(one, ["g@example.org"]).body) for one in (found, counted)
    )

    assert "Links that were followed" not in without
    assert "12 · https://example.org/essay" in with_links


def test_the_letter_has_the_answers_to_the_question(box):
    mailing = sent(7, NOW)
    Issue.objects.filter(pk=mailing.issue_id).update(question="先寫什麼？", question_choices="會議\n帶人")
    Vote.objects.put(mailing.issue, "browser 1", 2, "")

    told(box, AFTER)

    html, text = parts(mails_in(box)[0])
    assert ">先寫什麼？</h2>" in html
    assert "100% (1)" in html
    assert "\n先寫什麼？\n\n會議: 0% (0)\n帶人: 100% (1)\n" in text.replace("\r\n", "\n")


def test_sentences_are_for_those_who_may_see_readers(box):
    mailing = sent(7, NOW)
    Sentence.objects.store(mailing.deliveries.last().subscriber, "feedback", "很受用", NOW, issue=7)
    make_helper("editor", email="lin@example.org")
    told(box, AFTER)

    letter = mails_in(box)[0]

    assert {one.addr_spec for one in letter["To"].addresses} == {"gipi@example.org", "lin@example.org"}
    assert "很受用" not in "".join(parts(letter))


def test_the_letter_speaks_chinese(box):
    make_publication(language="zh-hant")
    sent(7, NOW)

    assert told(box, AFTER) == ["三天後的成果：第 7 期 第 7 期"]
    text = parts(mails_in(box)[0])[1]
    assert "伺服器收下" in text
    assert "新讀者：" in text
