"""The question of an issue at the desk: asked where it is composed, its result on the page of its mailing."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.planning import approving, beginning
from newsletter.issues.models import Issue, KeptText, Vote
from tests.factories import make_issue, make_post, make_publication
from tests.posts.test_release import form_data

ASKED = {"question": "先寫什麼？", "question_choices": "會議\n帶人"}


@pytest.fixture
def desk(author):
    make_publication(sender_email="news@news.example.org")
    return author


@pytest.fixture
def issue(desk):
    return make_issue(make_post(), number=7)


def save(desk, issue, *, accept="text/html", **typed):
    address = reverse("admin:issues_issue_change", args=[issue.pk])
    sent = form_data(desk.get(address).text, "issue_form") | typed
    return desk.post(address, sent, headers={"accept": accept})


def kept(issue):
    issue.refresh_from_db()
    return issue.question, issue.choices


def test_a_question_is_kept_with_its_answers_one_a_line(desk, issue):
    save(desk, issue, question="先寫什麼？", question_choices=" 會議 \r\n\r\n帶人\r\n會議")

    assert kept(issue) == ("先寫什麼？", ["會議", "帶人"])


def test_each_field_of_an_issue_stands_on_its_page_once(desk, issue):
    page = desk.get(reverse("admin:issues_issue_change", args=[issue.pk])).text

    fields = ("subject", "introduction", "closing", "question")
    assert {field: len(re.findall(rf'name="{field}"', page)) for field in fields} == dict.fromkeys(fields, 1)


def test_an_issue_that_left_with_half_a_question_can_still_be_saved(desk, issue):
    Issue.objects.update(question="？", question_choices="會議", sent_at=timezone.now())

    assert save(desk, issue, closing="再見。").status_code == 302

    assert Issue.objects.get().closing == "再見。"


@pytest.mark.parametrize("answers", ["", "會議", "1\n2\n3\n4\n5\n6", "長" * 41 + "\n短"])
def test_a_question_without_two_to_five_short_answers_is_refused(desk, issue, answers):
    assert save(desk, issue, question="？", question_choices=answers).status_code == 200

    assert kept(issue) == ("", [])


def test_a_question_that_is_still_typed_saves_itself_and_asks_nobody(desk, issue):
    answer = save(desk, issue, accept="application/json", _auto="1", question="？", question_choices="會議")

    assert answer.json()["outcome"] == "saved"
    assert kept(issue) == ("？", [])


def test_a_question_is_fixed_once_its_letter_is_approved(desk, issue):
    Issue.objects.update(**ASKED)
    issue.refresh_from_db()
    approving.approve(issue, send_at=timezone.now() + timedelta(days=2), now=timezone.now(), hold=timedelta())

    save(desk, issue, question="別的？", question_choices="甲\n乙", shows_result="on")

    assert kept(issue) == ("先寫什麼？", ["會議", "帶人"])
    assert issue.shows_result


def test_the_author_sees_the_result_and_keeps_it_for_the_next_issue_by_one_press(desk, issue):
    Issue.objects.update(**ASKED)
    issue.refresh_from_db()
    now = timezone.now()
    mailing = approving.approve(issue, send_at=None, now=now, hold=timedelta())
    beginning.plan_mailing(mailing, now)
    mailing.finish(now)
    issue.mark_sent(now)
    for voter, choice in (("a", 1), ("b", 2), ("c", 2)):
        Vote.objects.put(issue, voter, choice, "多寫 <圖>" if voter == "c" else "")

    page = desk.get(reverse("admin:mailing", args=[mailing.pk])).text
    desk.post(reverse("admin:mailing_question", args=[mailing.pk]))

    assert "67% (2)" in page
    assert "多寫 &lt;圖&gt;" in page
    text = "**In issue 7 you were asked: 先寫什麼？**\n\n- 會議: 33% (1)\n- 帶人: 67% (2)"
    assert KeptText.objects.get(kind="introduction").text == text
