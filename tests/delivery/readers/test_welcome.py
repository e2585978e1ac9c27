from datetime import date, time, timedelta

import pytest

from newsletter.delivery.readers.single_mails import send_due
from newsletter.delivery.readers.welcome import WelcomeMailQueue
from newsletter.issues.models import StartingPoint
from newsletter.mail.mailers import mailer_from_url
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post, make_publication, make_subscriber


@pytest.fixture
def smtp_default(settings, smtp, tmp_path):
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url(smtp.url, outbox=tmp_path)}
    return smtp


@pytest.fixture
def reader(publication):
    return make_subscriber("new@example.org")


def test_a_new_reader_is_welcomed_once(reader, smtp_default):
    assert [send_due(WelcomeMailQueue, NOW), send_due(WelcomeMailQueue, NOW)] == [1, 0]
    assert smtp_default.copies() == {"new@example.org": 1}


def test_the_welcome_brings_the_latest_issue(reader, smtp_default):
    make_issue(make_post("管理槓桿"), number=4, subject="第四期", sent_at=NOW)

    send_due(WelcomeMailQueue, NOW)

    text = smtp_default.received()[0].text
    assert "第四期" in text
    assert "https://news.example.org/issues/4/" in text
    assert reader.unsubscribe_url in text


def test_without_an_issue_the_welcome_says_what_will_come(reader, smtp_default):
    send_due(WelcomeMailQueue, NOW)

    assert "The first issue is being written." in smtp_default.received()[0].text


def test_a_server_that_is_down_costs_nobody_his_welcome(reader, smtp_default):
    smtp_default.stop()
    assert send_due(WelcomeMailQueue, NOW) == 0

    smtp_default.start()
    assert send_due(WelcomeMailQueue, NOW) == 1


def test_a_greylisted_welcome_comes_later(publication, smtp_default):
    make_subscriber("greylist-1-x@example.org", confirmed_at=NOW)

    greeted = [send_due(WelcomeMailQueue, NOW + timedelta(minutes=minutes)) for minutes in (0, 9, 10)]

    assert greeted == [0, 0, 1]


def test_a_mailbox_that_stays_full_is_given_up(publication, smtp_default):
    make_subscriber("greylist-9-x@example.org", confirmed_at=NOW - timedelta(days=3))

    send_due(WelcomeMailQueue, NOW)
    send_due(WelcomeMailQueue, NOW + timedelta(hours=1))

    assert Subscriber.objects.get().welcomed_at == NOW


def test_silence_after_the_dot_is_not_answered_by_a_second_mail(publication, smtp_default):
    make_subscriber("cut-after-data-x@example.org")

    send_due(WelcomeMailQueue, NOW)
    send_due(WelcomeMailQueue, NOW)

    assert smtp_default.copies() == {"cut-after-data-x@example.org": 1}


def test_the_author_s_own_words_begin_the_letter_in_both_parts(publication, reader, smtp_default):
    make_publication(welcome="很高興**認識**你。[關於我](/about/)", promise="Every two weeks.")

    send_due(WelcomeMailQueue, NOW)

    letter = smtp_default.received()[0]
    assert "<strong>認識</strong>" in letter.html
    assert 'href="https://news.example.org/about/"' in letter.html
    assert "認識" in letter.text
    assert "You are now a reader of" not in letter.text


def test_three_posts_are_handed_over_each_with_why(reader, smtp_default):
    for number, title in enumerate(["一", "二", "三", "四"]):
        StartingPoint.objects.create(post=make_post(title * 3), reason=f"why {title}", position=number)
    StartingPoint.objects.create(post=make_post("草稿", published_at=None), reason="not yet", position=0)

    send_due(WelcomeMailQueue, NOW)

    text = smtp_default.received()[0].text
    assert [f"why {title}" in text for title in "一二三四"] == [True, True, True, False]
    assert "一一一" in text
    assert "草稿" not in text


def test_it_says_when_the_next_issue_is_due_where_the_author_lives(reader, smtp_default):
    make_publication(cadence_anchor_on=date(2026, 12, 1), cadence_at=time(0, 30), time_zone="Asia/Taipei")

    send_due(WelcomeMailQueue, NOW)

    assert "The next issue is due on Dec. 1, 2026." in " ".join(smtp_default.received()[0].text.split())


def test_one_question_is_asked_and_the_answer_goes_to_the_author(reader, smtp_default):
    make_publication(welcome_question="What do you <hope> to read?", reply_to="gipi@example.org")

    send_due(WelcomeMailQueue, NOW)

    letter = smtp_default.received()[0]
    assert "What do you &lt;hope&gt; to read?" in letter.html
    assert "Just reply to this letter" in letter.text
    assert letter.message["Reply-To"] == "gipi@example.org"


def test_the_welcome_calls_its_reader_by_name_and_who_gave_none_by_the_authors_word(publication, smtp_default):
    make_publication(welcome="{name|friend}, glad you are here.")
    make_issue(make_post("管理槓桿"), number=4, introduction="{name|朋友}，你好。", sent_at=NOW)
    make_subscriber("new@example.org")
    make_subscriber("ming@example.org", name="Ming & Co")

    send_due(WelcomeMailQueue, NOW)

    said = {mail.rcpt: mail for mail in smtp_default.received()}
    named, unnamed = (next(mail for to, mail in said.items() if who in to) for who in ("ming@", "new@"))
    assert "Ming & Co, glad you are here." in named.text
    assert "Ming &amp; Co, glad you are here." in named.html
    assert "friend, glad you are here." in unnamed.text
    assert "朋友，你好。" in unnamed.text
