"""The author rehearses by one click, reads what is found while it goes on, and is asked before he sends without."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.urls import reverse

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.desk import auto_rehearsal, tasks
from tests.factories import make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.usefixtures("clock")
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


@pytest.fixture
def desk(author):
    make_publication(cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0), sender_email="news@news.example.org")
    return author


@pytest.fixture
def issue(desk):
    """Its share links lead to other sites: a body with one at a port of no web page stands for those."""
    return make_issue(make_post("管理槓桿", body="[本機](http://8.8.8.8:8080/)"), number=7, subject="第七期")


@pytest.fixture
def offline(monkeypatch):
    """No test asks anybody: only an address that is never asked is left to be looked at."""
    links = auto_rehearsal.rehearse
    monkeypatch.setattr(
        auto_rehearsal,
        "rehearse",
        lambda *args: (r := links(*args))._replace(links=[one for one in r.links if "8.8.8.8" in one]),
    )


def screen(issue, name="rehearsal"):
    return reverse(f"admin:issue_{name}", args=[issue.pk])


def work():
    tasks.look_outside(Rehearsal.objects.latest("pk").pk)


def choice(issue, **chosen):
    seen = freeze_letter(issue).content_hash
    return {"when": "slot", "slot": SLOT.isoformat(), "at": "", "seen": seen} | chosen


def test_a_click_begins_and_what_is_here_is_told_at_once(desk, issue, offline):
    make_subscriber("reader@example.org")
    make_subscriber("left@example.org", state="unsubscribed")

    response = desk.post(screen(issue), follow=True)

    assert response.context["standing"] == "running"
    assert response.headers["Refresh"] == "2"
    assert "1 reader gets it." in response.text
    assert "Left out: unsubscribed: 1" in response.text
    assert "0 of 1 links to other sites have been asked." in response.text


def test_the_page_rests_when_a_worker_has_looked_outside(desk, issue, offline):
    desk.post(screen(issue))

    work()

    response = desk.get(screen(issue))
    assert response.context["standing"] == "valid"
    assert "Refresh" not in response.headers
    assert "Not asked, because web pages are at ports 80 and 443" in response.text


def test_a_task_that_comes_twice_looks_once(desk, issue, offline):
    desk.post(screen(issue))

    work()
    work()

    remarks = Rehearsal.objects.get().remarks
    assert len([one for one in remarks if "Not asked, because" in one["text"]]) == 1


def test_a_sender_that_is_nobodys_is_told(desk, issue, offline, settings):
    make_publication(sender_email="news@example.com")
    settings.MAIL_URL = "smtp://mail.example.org"
    desk.post(screen(issue))

    work()

    response = desk.get(screen(issue))
    assert response.context["standing"] == "faulty"
    assert "Mail would come from news@example.com, an address nobody owns" in response.text


def test_without_a_worker_the_page_says_so_and_offers_to_begin_again(desk, issue, offline, clock):
    desk.post(screen(issue))
    clock.shift(timedelta(minutes=4))

    response = desk.get(screen(issue))

    assert response.context["standing"] == "stuck"
    assert "no worker goes on with it" in response.text
    assert "Rehearse again" in response.text


def test_a_segment_is_rehearsed_by_itself(desk, issue, offline):
    make_subscriber("student@example.org", tags="課程")
    make_subscriber("other@example.org")

    response = desk.post(screen(issue), {"segment": "+課程"}, follow=True)

    assert response.context["segment"] == "+課程"
    assert Rehearsal.objects.get().segment == "+課程"
    assert "not in this segment: 1" in response.text
    assert desk.get(screen(issue)).context["standing"] == "none"


def test_readers_are_counted_once_while_nobody_has_the_issue(issue, django_assert_num_queries):
    make_subscriber("a@example.org")
    make_subscriber("b@example.org").suppress("manual")

    with django_assert_num_queries(4):  # states, who rests, who is suppressed, mailings before
        remarks = list(auto_rehearsal.audience_remarks(issue, "", NOW))

    assert [one.text for one in remarks] == ["有 1 位讀者會收到。", "不會收到：已停寄 1 位"]


def test_only_the_author_rehearses(client, issue):
    client.logout()

    assert client.post(screen(issue)).status_code == 302
    assert not Rehearsal.objects.exists()


def test_a_remark_about_the_words_of_a_post_leads_to_it(desk, issue, offline):
    post = issue.items.get().post
    post.body = "文字,半形"
    post.save()

    desk.post(screen(issue))

    post_url = reverse("admin:posts_post_change", args=[post.pk])
    assert f'“管理槓桿”: 1 place <a href="{post_url}">Open the post</a>' in desk.get(screen(issue)).text


# --- Before sending ---


def test_an_issue_that_was_rehearsed_is_scheduled_without_a_question(desk, issue, offline):
    desk.post(screen(issue))
    work()

    page = desk.get(screen(issue, "send"))
    desk.post(screen(issue, "send"), choice(issue))

    assert 'name="unrehearsed"' not in page.text
    assert Mailing.objects.get().send_at == SLOT


def test_a_rehearsal_that_found_an_error_is_shown_and_asks_the_author_first(desk, issue, offline):
    desk.post(screen(issue))
    work()
    Rehearsal.objects.update(remarks=[{"topic": "size", "level": "error", "text": "太大了", "hint": "刪一篇"}])

    refused = desk.post(screen(issue, "send"), choice(issue))

    assert "太大了" in refused.text
    assert 'name="unrehearsed"' in refused.text
    assert "This issue has no valid rehearsal. Rehearse it, or tick the box below." in refused.text
    assert not Mailing.objects.exists()
    assert desk.post(screen(issue, "send"), choice(issue, unrehearsed="on")).status_code == 302
    assert Mailing.objects.get().send_at == SLOT


@pytest.mark.parametrize("state", ["none", "outdated", "running"])
def test_a_press_begins_the_rehearsal_that_is_missing_and_the_next_one_schedules(desk, issue, offline, state):
    if state != "none":
        desk.post(screen(issue))
    if state == "outdated":
        work()
        issue.subject = "改了"
        issue.save()

    early = desk.post(screen(issue, "send"), choice(issue))

    assert Rehearsal.objects.count() == (2 if state == "outdated" else 1)
    assert "The rehearsal is still under way. It takes some seconds: press once more then." in early.text
    assert 'name="unrehearsed"' not in early.text  # nobody need tick a box because it is not over
    assert not Mailing.objects.exists()
    work()
    assert desk.post(screen(issue, "send"), choice(issue)).status_code == 302
    assert Mailing.objects.get().send_at == SLOT


def test_the_rehearsal_for_everybody_is_none_for_a_segment(desk, issue, offline):
    make_subscriber("student@example.org", tags="課程")
    desk.post(screen(issue))
    work()

    assert desk.get(screen(issue, "send"), {"segment": "+課程"}).context["standing"] == "none"
    refused = desk.post(screen(issue, "send"), choice(issue, segment="+課程"))

    assert refused.context["standing"] == "running"
    assert Rehearsal.objects.latest("pk").segment == "+課程"
    assert not Mailing.objects.exists()


# --- In the dialog ---


def dialog(issue):
    return screen(issue, "send") + "?dialog"


def test_the_dialog_says_where_a_missing_rehearsal_is_begun_and_looking_begins_none(desk, issue, offline):
    begin = f'data-begin="{screen(issue)}"'
    assert begin in desk.get(dialog(issue)).text
    assert not Rehearsal.objects.exists()

    desk.post(screen(issue))
    running = desk.get(dialog(issue)).text
    work()
    over = desk.get(dialog(issue)).text

    assert 'data-rehearsed="running"' in running
    assert 'data-rehearsed="valid"' in over
    for page in (running, over):
        assert "data-begin" not in page
        assert 'name="unrehearsed"' not in page


def test_what_is_typed_wrongly_is_answered_by_the_dialog_and_what_is_right_by_the_address_of_the_mailing(
    desk, issue, offline
):
    desk.post(screen(issue))
    work()

    wrong = desk.post(dialog(issue), choice(issue, when="at", at="2020-01-01T08:00"))
    right = desk.post(dialog(issue), choice(issue))

    assert "desk/schedule.html" in {template.name for template in wrong.templates}
    assert "desk/send.html" not in {template.name for template in wrong.templates}
    assert wrong.context["form"].errors.keys() == {"at"}
    assert right.json() == {"url": reverse("admin:mailing", args=[Mailing.objects.get().pk])}
    assert "is approved. The first mail leaves on" in desk.get(right.json()["url"]).text


# --- Preview ---
