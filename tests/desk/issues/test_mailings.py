"""One mailing on its way: what its page tells, what the author can do, and what became of each copy."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.desk.accounts.sessions import IS_NEW_KEY, PROVEN_AT_KEY
from newsletter.desk.issues.copies import PER_PAGE
from newsletter.desk.issues.mailings import wait_text
from newsletter.desk.next_step import wait
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import assert_valid, flash_messages, markup

pytestmark = pytest.mark.usefixtures("clock")
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)  # 10:39 in Taipei
SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)  # the next one: 08:00 in Taipei
HOLD = timedelta(minutes=3)
STATE = Delivery.State


@pytest.fixture
def desk(author):
    """A client that is logged in as the author."""
    make_publication(cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0))
    return author


@pytest.fixture
def scheduled(desk) -> Mailing:
    issue = make_issue(make_post("管理槓桿"), number=7, subject="第七期")
    return approving.approve(issue, send_at=SLOT, now=NOW, hold=HOLD)


@pytest.fixture
def sending(desk) -> Mailing:
    """A mailing to three readers, of whom one has got it."""
    for _ in range(3):
        make_subscriber()
    issue = make_issue(make_post("管理槓桿"), number=7, subject="第七期")
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.filter(seq=0).update(state=STATE.SENT)
    mailing.batches.update(sent=1, cursor=1)
    return mailing


def screen(mailing: Mailing, name: str = "", *args: str) -> str:
    return reverse(f"admin:mailing{'_' * bool(name)}{name}", args=[mailing.pk, *args])


def state_of(mailing: Mailing) -> str:
    mailing.refresh_from_db()
    return mailing.state


def open_actions(page) -> list[str]:
    apart = page.context["at_once"]
    shown = [*page.context["actions"], *page.context["seldom"], *([apart] if apart else [])]
    return [one["name"] for one in shown]


# --- How fast it goes ---


def test_a_look_at_the_figures_costs_six_queries(desk, sending, django_assert_num_queries):
    shape = desk.get(screen(sending, "moving")).json()["shape"]

    with django_assert_num_queries(6):  # publication, session, user, session list, mailing, counts
        desk.get(screen(sending, "moving"), {"shape": shape})


# --- The page ---


def test_a_scheduled_mailing_says_when_it_leaves_and_what_can_be_done(desk, scheduled):
    page = desk.get(screen(scheduled))

    assert re.search(r'state-when">[^<]*08:00<', page.text)
    assert open_actions(page) == ["cancel", "pause", "move", "refreeze", "at_once"]
    assert screen(scheduled, "move") in page.text


def test_a_mailing_on_its_way_shows_its_progress(desk, sending):
    page = desk.get(screen(sending))

    assert '<span data-figure="sent">1</span>of<span data-figure="total">3</span>sent.' in markup(page)
    assert '<progress max="3" value="1"' in markup(page)
    assert open_actions(page) == ["cancel", "pause"]
    counters = re.findall(r'data-tally="(\w+)" *(hidden)?', markup(page))
    assert [name for name, is_hidden in counters if not is_hidden] == ["queued", "sent"]


def test_a_page_without_a_script_stands_still_and_has_a_link_to_look_again(desk, sending):
    page = desk.get(screen(sending))

    assert "Refresh" not in page.headers
    assert f'<noscript><p class="help">These are the figures of this moment.<a href="{screen(sending)}">' in markup(
        page
    )


@pytest.mark.parametrize(
    ("before", "seconds"), [(timedelta(days=6), 60), (timedelta(minutes=59), 5), (timedelta(seconds=119), 1.5)]
)
def test_a_page_on_which_little_happens_is_asked_less_often(desk, scheduled, clock, before, seconds):
    clock.move_to(SLOT - before)
    desk.force_login(User.objects.get())

    answer = desk.get(screen(scheduled, "moving")).json()

    assert (answer["again_in"], answer["starts_in"]) == (seconds, before.total_seconds())


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=12, hours=3), "12 days"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(hours=1), "1 h 0 min"),
        (timedelta(minutes=59, seconds=59), "59 min 59 s"),
        (timedelta(minutes=1), "1 min 0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(milliseconds=1), "1 s"),
    ],
)
def test_a_wait_is_told_to_the_second_below_an_hour_and_is_never_nothing(left, words):
    with translation.override("en"):
        assert wait_text(left) == words


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(days=6, hours=21), "7 days"),  # from 11:00 on Tuesday to 8:00 on the Tuesday after
        (timedelta(hours=48), "2 days"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
    ],
)
def test_a_wait_of_days_is_counted_as_the_calendar_and_today_count_it(desk, scheduled, clock, before, words):
    clock.move_to(SLOT - before)
    desk.force_login(User.objects.get())

    page, answer = desk.get(screen(scheduled)), desk.get(screen(scheduled, "moving")).json()

    assert f"data-countdown>{words}</span>" in page.text
    days = answer["starts_in_days"]
    assert words in {f"{days} days", "47 h 59 min"}
    with translation.override("en"):
        assert wait(SLOT, Publication.objects.current().zone, SLOT - before) == f"in {days} days"


# --- What a page that is open asks ---


def test_the_figures_are_told_without_a_look_into_the_ledger(desk, sending):
    shape = desk.get(screen(sending, "moving")).json()["shape"]

    with CaptureQueriesContext(connection) as queries:
        answer = desk.get(screen(sending, "moving"), {"shape": shape}).json()

    assert answer["figures"] == {
        "queued": "2",
        "sending": "0",
        "sent": "1",
        "deferred": "0",
        "failed": "0",
        "uncertain": "0",
        "skipped": "0",
        "total": "3",
    }
    assert (answer["finished"], answer["again_in"], answer["is_sending"]) == (1, 1.5, True)
    assert "html" not in answer
    asked = [query["sql"] for query in queries]
    assert [sql for sql in asked if "delivery_delivery" in sql] == []
    assert [sql for sql in asked if '"html"' in sql] == []
    assert len(asked) <= 8  # session, user, roles, the mailing, its batches, its last step


def test_other_numbers_are_no_other_shape_and_another_state_is(desk, sending):
    first = desk.get(screen(sending, "moving")).json()["shape"]
    sending.batches.update(sent=2, cursor=2)
    second = desk.get(screen(sending, "moving")).json()["shape"]
    sending.pause("535 authentication failed")
    third = desk.get(screen(sending, "moving"), {"shape": second}).json()

    assert first == second != third["shape"]
    assert "Issue 7 is stopped: the mail server refuses it." in third["html"]
    assert "535 authentication failed" in third["html"]
    assert "<html" not in third["html"]


def test_a_finished_mailing_is_not_asked_about_once_it_is_counted(desk, sending):
    sending.batches.update(state=Batch.State.DONE, sent=3)
    sending.deliveries.update(state=STATE.SENT)
    sending.finish(NOW)
    before = desk.get(screen(sending, "moving")).json()["again_in"]
    breakdown.count_next_mailing(NOW)

    assert (before, desk.get(screen(sending, "moving")).json()["again_in"]) == (5, 0)


def test_cancelling_stands_first_in_every_state_and_what_is_seldom_wanted_behind_more(desk, scheduled):
    def names():
        context = desk.get(screen(scheduled)).context
        return [one["name"] for one in context["actions"]], [one["name"] for one in context["seldom"]]

    waiting = names()
    desk.post(screen(scheduled, "pause"))

    assert waiting == (["cancel", "pause", "move"], ["refreeze"])
    assert names() == (["cancel", "resume"], ["refreeze"])


def test_one_press_on_the_page_of_the_hold_cancels_and_what_cannot_be_undone_stands_apart(desk, scheduled):
    page = markup(desk.get(screen(scheduled)))
    bar = page.partition('data-part="actions"')[2]

    form = re.search(rf'<form method="post" action="{screen(scheduled, "cancel")}">.*?</form>', bar)
    assert form is not None
    assert 'type="submit" class="default"' in form[0]
    assert screen(scheduled, "at_once") not in bar
    assert screen(scheduled, "at_once") in page.partition('data-part="apart"')[2]


def test_a_provider_that_is_left_alone_for_a_while_is_told(desk, sending):
    sending.wait_for_provider(NOW, "421 try later")

    text = desk.get(screen(sending)).text

    assert "the next try is at 10:39:05. It said:" in text
    assert "421 try later" in text


@pytest.mark.parametrize(
    ("language", "lead", "why"),
    [
        ("en", "Issue 7 is stopped: the mail server takes mails", "so nobody knows whether they arrive: it hung up"),
        ("zh-hant", "第 7 期停下來了：郵件伺服器收了信", "沒有人知道信是否寄達：it hung up"),
    ],
)
def test_a_mail_server_that_never_answers_is_the_reason_on_the_page_and_on_today(desk, sending, language, lead, why):
    """A mail to the author would go by the same server."""
    Publication.objects.update(language=language)
    sending.pause("it hung up", Mailing.Cause.SILENT)

    page, today = desk.get(screen(sending)), desk.get(reverse("admin:index"))

    assert lead in heading(page)
    assert why in page.text
    assert why in today.text


def test_a_post_that_was_withdrawn_after_approval_is_told(desk, scheduled):
    Post.objects.all().withdraw(NOW)

    assert "“管理槓桿” will not be public when the issue is sent." in desk.get(screen(scheduled)).text


def test_the_page_costs_the_same_with_many_readers(desk, sending):
    def queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            desk.get(screen(sending))
        return len(queries)

    few = queries()
    for no in range(1, 9):
        Batch.objects.create(mailing=sending, no=no, lo=no * 500, hi=no * 500 + 500, cursor=no * 500)

    assert queries() == few


# --- Pause, resume, cancel ---


def test_a_pause_holds_until_it_is_resumed(desk, scheduled):
    paused = desk.post(screen(scheduled, "pause"))
    state = state_of(scheduled)
    resumed = desk.post(screen(scheduled, "resume"))

    assert (state, state_of(scheduled), scheduled.send_at) == ("paused", "scheduled", SLOT)
    assert flash_messages(paused) == ["Paused. No further mail leaves until you resume it."]
    assert flash_messages(resumed)[-1] == "It is scheduled again. The first mail leaves on Dec. 1, 2026, 08:00."


def test_resuming_after_the_slot_gives_the_hold_again(desk, scheduled, clock):
    desk.post(screen(scheduled, "pause"))
    clock.move_to(SLOT + timedelta(hours=1))
    desk.force_login(User.objects.get())

    desk.post(screen(scheduled, "resume"))

    assert (state_of(scheduled), scheduled.send_at) == ("scheduled", SLOT + timedelta(hours=1) + HOLD)


def test_resuming_after_the_start_goes_on_where_it_stopped(desk, sending):
    desk.post(screen(sending, "pause"))
    question = desk.get(screen(sending, "resume"))

    response = desk.post(screen(sending, "resume"))

    assert "2 readers still wait for it. Those who have it do not get it again." in question.text
    assert state_of(sending) == "sending"
    assert flash_messages(response)[-1] == "It goes on where it stopped. Nobody gets it twice."


def test_a_cancel_during_the_hold_reaches_nobody(desk, scheduled):
    question = desk.get(screen(scheduled, "cancel"))

    response = desk.post(screen(scheduled, "cancel"))

    assert "No mail has left, so nobody gets it. You can send the issue again later." in question.text
    again = reverse("admin:issue_send", args=[scheduled.issue_id])
    assert flash_messages(response) == [f'Cancelled. Nobody got it. <a href="{again}">Schedule it again</a>']
    assert state_of(scheduled) == "cancelled"
    assert beginning.begin_due(SLOT) == []


def test_a_cancel_on_the_way_says_how_many_have_it(desk, sending):
    question = desk.get(screen(sending, "cancel"))

    response = desk.post(screen(sending, "cancel"))

    assert "2 readers who still wait will not get it. What has left cannot be called back." in question.text
    assert flash_messages(response) == ["Cancelled. 1 reader has got it already; nobody else will."]


def test_a_cancelled_issue_can_be_sent_to_the_rest(desk, sending):
    desk.post(screen(sending, "cancel"))

    page = desk.get(screen(sending))

    assert "Send it to those who have not got it" in page.text
    assert desk.get(reverse("admin:issue_send", args=[sending.issue_id])).status_code == 200


# --- Without waiting ---


def test_an_author_who_does_not_want_to_wait_ends_the_hold(desk, scheduled):
    make_subscriber()
    question = desk.get(screen(scheduled, "at_once"))

    response = desk.post(screen(scheduled, "at_once"))

    assert "The first mail leaves within seconds, to 1 reader. What has left cannot be called back." in question.text
    assert flash_messages(response) == ["It is being sent. The first mail leaves within seconds."]
    assert (state_of(scheduled), scheduled.send_at) == ("scheduled", NOW)
    assert [begun.pk for begun in beginning.begin_due(NOW)] == [scheduled.pk]
    history = [(entry.text, entry.actor) for entry in desk.get(screen(scheduled)).context["entries"]]
    assert ("Not waited any longer: to be sent at once", "gipi · on the desk") in history


def test_what_has_begun_has_no_hold_to_end(desk, scheduled, clock):
    desk.post(screen(scheduled, "at_once"))
    beginning.begin_due(NOW)

    assert open_actions(desk.get(screen(scheduled))) == ["cancel", "pause"]


def test_a_new_browser_proves_who_it_is_before_it_ends_a_hold(desk, scheduled):
    session = desk.session
    session.update({IS_NEW_KEY: True, PROVEN_AT_KEY: 0})
    session.save()

    response = desk.post(screen(scheduled, "at_once"))

    assert response.templates[0].name == "desk/proof.html"
    assert (state_of(scheduled), scheduled.send_at) == ("scheduled", SLOT)


# --- Copies that wait for another try ---


@pytest.mark.parametrize(
    ("batch", "deferred"),
    [
        ({"cursor": 2, "sent": 1}, 1),  # in the first pass: one before the cursor has no answer
        ({"cursor": 2, "sent": 1, "in_flight": 1}, 0),  # it is being handed over
        ({"cursor": 3, "sent": 1, "failed": 1, "uncertain": 1}, 0),
        ({"cursor": 0, "sent": 2, "pass_no": 1}, 0),  # a lane died, and those behind the cursor have answers
        ({"cursor": 0, "sent": 1, "pass_no": 2}, 2),  # all that are left after the first pass
        ({"cursor": 1, "sent": 1, "pass_no": 3, "in_flight": 1}, 1),
        ({"cursor": 3, "sent": 2, "skipped": 1, "state": Batch.State.DONE}, 0),
    ],
)
def test_copies_that_were_put_off_are_told_apart_from_those_that_wait(desk, sending, batch, deferred):
    sending.batches.update(**{"sent": 0} | batch)

    figures = desk.get(screen(sending, "moving")).json()["figures"]

    settled = sum(int(figures[name]) for name in ("sending", "sent", "failed", "uncertain", "skipped"))
    assert int(figures["deferred"]) == deferred
    assert int(figures["queued"]) == 3 - settled - deferred


# --- Two tabs ---


def test_a_second_click_on_cancel_is_no_error(desk, scheduled):
    desk.post(screen(scheduled, "cancel"))

    response = desk.post(screen(scheduled, "cancel"), follow=True)

    assert response.status_code == 200
    assert "Nothing was changed: this mailing is cancelled by now." in response.text


# --- Another text, another time ---


def test_the_current_text_replaces_the_approved_one(desk, scheduled):
    Issue.objects.update(subject="新標題")

    response = desk.post(screen(scheduled, "refreeze"))

    scheduled.refresh_from_db()
    assert (scheduled.subject, scheduled.send_at) == ("新標題", SLOT)
    assert flash_messages(response) == ["The mailing carries the current text now."]


def test_a_text_that_would_lose_something_replaces_the_approved_one_only_when_the_author_says_so(desk, scheduled):
    Post.objects.update(body="開頭。\n\n<script>\nlet 乙 = 1\n</script>")

    asked = desk.get(screen(scheduled, "refreeze"))
    refused = desk.post(screen(scheduled, "refreeze"))

    before, box = scheduled.content_hash, asked.context["lost_digest"]
    scheduled.refresh_from_db()
    assert scheduled.content_hash == before
    assert "let 乙 = 1" in asked.text
    assert f'name="acknowledged_digest" value="{box}"' in asked.text
    assert "let 乙 = 1" in refused.text
    assert desk.post(screen(scheduled, "refreeze"), {"acknowledged_digest": box}).status_code == 302
    scheduled.refresh_from_db()
    assert scheduled.content_hash != before


def test_a_mailing_on_its_way_keeps_its_text(desk, sending):
    Issue.objects.update(subject="新標題")

    response = desk.post(screen(sending, "refreeze"))

    sending.refresh_from_db()
    assert sending.subject == "第七期"
    assert flash_messages(response)[0].startswith("Nothing was changed: this mailing is being sent by now.")


def test_a_scheduled_mailing_is_moved(desk, scheduled):
    later = SLOT + timedelta(days=14)

    response = desk.post(screen(scheduled, "move"), {"when": "slot", "slot": later.isoformat()})

    scheduled.refresh_from_db()
    assert scheduled.send_at == later
    words = "The first mail leaves on Dec. 15, 2026, 08:00; cancel before then and nobody gets it."
    assert flash_messages(response) == [f"Moved. {words}"]


def test_a_move_before_a_post_is_public_is_refused(desk):
    issue = make_issue(make_post("下週", published_at=SLOT - timedelta(days=1)))
    mailing = approving.approve(issue, send_at=SLOT, now=NOW, hold=HOLD)

    response = desk.post(screen(mailing, "move"), {"when": "now"})

    mailing.refresh_from_db()
    assert mailing.send_at == SLOT
    assert "“下週” will not be public when the issue is sent." in response.text


# --- What became of each copy ---


def test_failed_copies_are_listed_with_their_reasons(desk, sending):
    copy = sending.deliveries.select_related("subscriber").get(seq=1)
    sending.deliveries.filter(seq=1).update(state=STATE.FAILED, reply="550 no such user", attempts=1)
    sending.batches.update(failed=1)

    page = desk.get(screen(sending, "deliveries", "failed"))

    assert [row.seq for row in page.context["rows"]] == [1]
    assert "550 no such user" in page.text
    assert str(copy.subscriber) in page.text


def test_a_deferred_copy_is_found_in_a_batch_that_is_open(desk, sending):
    sending.deliveries.filter(seq=2).update(state=STATE.DEFERRED, reply="451 greylisted")
    sending.batches.update(pass_no=2, cursor=0, not_before=NOW + timedelta(minutes=5))

    assert [row.seq for row in desk.get(screen(sending, "deliveries", "deferred")).context["rows"]] == [2]


@pytest.fixture
def long_list(desk) -> Mailing:
    """A mailing of 3,000 in batches of ten, of which every batch has one failure, and the first has them all."""
    issue = make_issue(make_post())
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    Batch.objects.bulk_create(
        Batch(mailing=mailing, no=no, lo=no * 10, hi=no * 10 + 10, cursor=no * 10, failed=10 if no == 0 else 1)
        for no in range(300)
    )
    failed = {*range(10), *range(15, 3000, 10)}
    Delivery.objects.bulk_create(
        Delivery(mailing=mailing, seq=seq, state=STATE.FAILED if seq in failed else STATE.SENT) for seq in range(3000)
    )
    return mailing


def test_leafing_through_the_failures_shows_each_once_and_none_twice(desk, long_list):
    seen, url = [], screen(long_list, "deliveries", "failed")
    after = ""
    while after is not None:
        context = desk.get(url, {"after": after} if after != "" else {}).context
        assert len(context["rows"]) <= PER_PAGE
        seen += [row.seq for row in context["rows"]]
        after = context["following"]

    assert seen == [*range(10), *range(15, 3000, 10)]


def test_a_page_of_the_list_reads_only_batches_that_can_hold_a_row(desk, long_list):
    with CaptureQueriesContext(connection) as queries:
        desk.get(screen(long_list, "deliveries", "failed"))

    [query] = [query["sql"] for query in queries if 'FROM "delivery_delivery"' in query["sql"]]
    assert f"LIMIT {PER_PAGE + 1}" in query
    assert "OFFSET" not in query
    assert query.count(" OR ") < PER_PAGE


# --- Doors ---


@pytest.mark.parametrize("name", ["", "move", "pause", "resume", "refreeze", "cancel"])
def test_the_screens_are_the_authors_alone(client, desk, scheduled, name):
    client.force_login(User.objects.create_user("guest", is_staff=True))

    assert client.post(screen(scheduled, name)).status_code == 403
    assert state_of(scheduled) == "scheduled"


# --- The sentence on top, and the one filled button ---


def heading(response) -> str:
    return " ".join(response.context["lead"].split()) if response.context else ""


def filled(html: str) -> list[str]:
    """The names of the filled buttons of a mailing's page."""
    found = re.findall(r'<(?:a|input)[^>]*data-action="\w+"[^>]*>', html)
    return [
        re.search(r'data-action="(\w+)"', tag)[1] for tag in found if 'class="default"' in tag or "class" not in tag
    ]


def test_the_hold_says_in_one_sentence_when_it_leaves_to_how_many_and_that_a_cancel_still_helps(desk, scheduled):
    for _ in range(1001):
        make_subscriber()

    said = heading(desk.get(screen(scheduled)))

    assert re.sub(r"<[^>]+>", "", said) == "Issue 7 leaves in 7 days to 1,001 readers, and can still be cancelled."


def test_one_button_is_filled_where_there_is_something_to_do_next(desk, sending):
    under_way = filled(desk.get(screen(sending)).text)
    sending.pause("535 authentication failed")
    paused = filled(desk.get(screen(sending)).text)

    assert (under_way, paused) == ([], ["resume"])


def test_the_page_with_its_words_for_the_script_is_valid(desk, sending):
    assert_valid(desk.get(screen(sending)).text)
