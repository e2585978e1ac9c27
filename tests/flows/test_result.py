"""An issue is sent, three days pass, and its author has one letter about it: it says what the page and the JSON say."""

import pytest

from tests.flows.seeds import compose_issue_1, speak_english
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]

READERS = ["a@example.org", "b@example.org", "c@example.org"]
AUTHOR, SUBJECT = "gipi@example.org", "Three days later: #1 第一期"
THREE_DAYS_PASS = """
from datetime import timedelta
from django.contrib.auth.models import User
from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue
from subscribers.models import Sentence, Subscriber

User.objects.create_superuser("gipi", "gipi@example.org", "pw")
mailing, back = Mailing.objects.get(), timedelta(hours=72, minutes=1)
reader = Subscriber.objects.get(email="a@example.org")
mailing.issue.feedback.give(reader, mailing.issue, "helpful", mailing.finished_at)
Sentence.objects.store(reader, "feedback", "很受用。", mailing.finished_at, issue=1)
Subscriber.objects.get(email="b@example.org").unsubscribe(mailing.finished_at)
Mailing.objects.update(planned_at=mailing.planned_at - back, finished_at=mailing.finished_at - back)
Issue.objects.update(sent_at=mailing.issue.sent_at - back)
answer = mailing.pk
"""
LETTERS = """
from newsletter.delivery.models import ResultLetter
answer = list(ResultLetter.objects.values_list("issue__number", "tries", "due_at"))
"""
NUMBERS = """
from django.test import Client
from django.contrib.auth.models import User
client = Client()
client.force_login(User.objects.get(username="gipi"))
answer = client.get("/admin/delivery/mailing/{pk}/result.json", headers={{"host": "127.0.0.1"}}).json()
"""


def test_three_days_after_an_issue_its_author_has_one_letter_about_it(make_product, smtp):
    product = make_product(mail_url=smtp.url)
    compose_issue_1(product, READERS)
    speak_english(product)
    product.start()
    product.command("send_issue", "1", "--no-hold", "--wait")
    assert smtp.to(AUTHOR) == []

    pk = product.shell(THREE_DAYS_PASS)
    letter = smtp.wait_for(AUTHOR, subject=SUBJECT, seconds=90)
    wait_until(lambda: product.shell(LETTERS) == [[1, 1, None]], 30, what=product.log_tails)

    assert "Sent to 3 readers. That means the mail server has accepted them" in letter.text
    assert "Said “helpful”: 1" in letter.text
    assert "Readers who left: 1" in letter.text
    assert "> 很受用。" in letter.text
    assert f"/admin/delivery/mailing/{pk}/" in letter.html
    numbers = product.shell(NUMBERS.format(pk=pk))
    assert (numbers["copies"]["sent"], numbers["numbers"]["helpful"]["count"]) == (3, 1)
    assert (numbers["numbers"]["left"]["count"], numbers["sentences"]) == (1, ["很受用。"])
    assert [one.message["Subject"] for one in smtp.to(AUTHOR)].count(SUBJECT) == 1
