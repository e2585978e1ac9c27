"""The next step: a table from top to bottom, and what holds for every combination of facts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import RehearsalStatus
from newsletter.desk import next_step
from newsletter.desk.next_step import CHECKLIST_RULES, NEXT, STEP_RULES, DeskFacts, checklist, choose_step
from newsletter.issues.models import Issue
from newsletter.mail.characters import single_line
from newsletter.posts.models import Post

TAIPEI = ZoneInfo("Asia/Taipei")
NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
SLOT = datetime(2026, 12, 4, 0, 0, tzinfo=UTC)  # Friday, 08:00
ALL = frozenset(right for row in STEP_RULES for right in row.needs)


def make_issue(*, number: int = 42, subject: str = "主旨", posts: int = 3) -> Issue:
    issue = Issue(pk=7, number=number, subject=subject)
    issue.items_count = posts
    return issue


def make_mailing(number: int = 42, *, sent: int = 0, missed: int = 0, **fields: Any) -> Mailing:
    """One that waits for its slot, unless `fields` say otherwise."""
    fields = {"pk": 9, "state": "scheduled", "send_at": SLOT} | fields
    mailing = Mailing(issue=Issue(pk=7, number=number), **fields)
    mailing.sent_copies, mailing.failed_copies, mailing.uncertain_copies = sent, missed, 0
    return mailing


def make_result(missed: int = 8, at: datetime = NOW - timedelta(hours=1)) -> Mailing:
    return make_mailing(41, sent=3071, missed=missed, pk=8, state="sent", finished_at=at)


LACKING, COMPLETE, EMPTY = make_issue(subject=" "), make_issue(), make_issue(posts=0)
REHEARSED = {"issue": COMPLETE, "rehearsal": "valid"}
MOVING = {"state": "sending", "planned_at": NOW, "sent": 1200, "total": 3124}
STOPPED = MOVING | {"state": "paused", "paused_by": "author"}
LATE = {"state": "paused", "paused_by": "late"}
CORRECTION = {"kind": "correction"}
IN_TWO_MINUTES = NOW + timedelta(minutes=2)
NEW = [Post(title="甲")]


def facts(**known: Any) -> DeskFacts:
    """Facts of an owner with posts and readers, overridden by `known`."""
    is_in_use = dict.fromkeys(("has_posts", "has_published", "has_sent"), True)
    usual = is_in_use | {"readers": 3124, "next_number": 42, "new_number": 43}
    return DeskFacts(**({"rights": ALL, "zone": TAIPEI, "slot": SLOT} | usual | known))


FIRST = {"has_sent": False, "has_posts": False, "has_published": False, "readers": 0, "next_number": 1, "new_number": 1}
TITLED = Post(pk=3, title="題")
CASES = [  # facts, the sentence and the button, as the author reads them
    (
        {"issue": LACKING},
        "第 42 期預計 12/4（五）08:00 寄給 3,124 位讀者，還缺：主旨。",
        "補上主旨",
    ),
    (FIRST | {"lacks_sender": True}, "還沒有文章，從第一篇開始吧。", "寫第一篇"),
    (
        FIRST | {"has_posts": True, "has_published": True, "lacks_sender": True},
        "信還沒有寄件人，先設定一個你自己的信箱。",
        "設定寄件人",
    ),
    (
        FIRST | {"has_posts": True, "has_published": True, "newly": 1, "left_out": NEW, "lacks_mail_server": True},
        "還沒有郵件伺服器，信寄不到讀者手上。",
        "設定郵件伺服器",
    ),
    (
        FIRST | {"has_posts": True, "has_published": True, "newly": 1, "left_out": NEW, "lacks_address": True},
        "網站還沒有對外的網址，讀者打不開信裡的連結，所以還不能寄。",
        "看怎麼設定",
    ),
    (FIRST | {"has_posts": True, "draft": TITLED}, "〈題〉還是草稿，發布後就能放進第 1 期。", "繼續寫"),
    ({"newly": 1, "left_out": NEW}, "〈甲〉已經發布，還沒放進任何一期。", "編第 42 期"),
    (
        {"newly": 3, "left_out": NEW, "issue": COMPLETE},
        "〈甲〉和另外 2 篇已經發布，還沒放進任何一期。",
        "放進第 42 期",
    ),
    (
        {"issue": EMPTY, "left_out_count": 2},
        "第 42 期預計 12/4（五）08:00 寄給 3,124 位讀者，裡面還是空的，有 2 篇文章可以放。",
        "挑文章",
    ),
    (
        {"issue": EMPTY, "draft": TITLED},
        "第 42 期預計 12/4（五）08:00 寄給 3,124 位讀者，裡面還是空的，〈題〉還在寫。",
        "繼續寫",
    ),
    (
        {"issue": COMPLETE, "readers": 0},
        "第 42 期預計 12/4（五）08:00 寄出，還沒有彩排。",
        "開始彩排",
    ),
    (
        {"issue": COMPLETE, "rehearsal": "faulty", "errors": 2},
        "第 42 期預計 12/4（五）08:00 寄給 3,124 位讀者，彩排找到 2 個錯誤。",
        "看要改什麼",
    ),
    (
        {"issue": COMPLETE, "rehearsal": "outdated"},
        "第 42 期預計 12/4（五）08:00 寄給 3,124 位讀者，彩排之後改過。",
        "重新彩排",
    ),
    (REHEARSED, "第 42 期彩排過了，還沒排程，排程之前不會寄給任何人。最近的時段是 12/4（五）08:00。", "排程"),
    (
        REHEARSED | {"lacks_mail_server": True, "rights": ALL - {next_step.CHANGE_USERS}},
        "第 42 期彩排過了，但現在寄，還沒有人收得到。",
        "看還缺什麼",
    ),
    (
        {"mailing": make_mailing(), "lacks_address": True, "rights": ALL - {next_step.CHANGE_SETTINGS}},
        "第 42 期已經排好，但現在寄，還沒有人收得到。",
        "看排好的寄送",
    ),
    (
        {"mailing": make_mailing()},
        "第 42 期將於 12/4（五）08:00 寄給 3,124 位讀者，已經排好，還有 8 天。",
        "看排好的寄送",
    ),
    (
        {"mailing": make_mailing(segment="+vip")},
        "第 42 期將於 12/4（五）08:00 寄出，已經排好，還有 8 天。",
        "看排好的寄送",
    ),
    (
        {"mailing": make_mailing(send_at=IN_TWO_MINUTES)},
        "第 42 期 10:02 開始寄，在那之前取消，不會有人收到。",
        "看倒數，或取消",
    ),
    ({"mailing": make_mailing(send_at=NOW)}, "第 42 期時間到了，幾秒內開始寄。", "看倒數，或取消"),
    ({"mailing": make_mailing(**MOVING)}, "第 42 期正在寄，已寄出 1,200／3,124 封。", "看進度"),
    (
        {"mailing": make_mailing(**STOPPED)},
        "第 42 期停在半路，已寄出 1,200／3,124 封。要繼續寄，還是取消剩下的？",
        "繼續寄或取消",
    ),
    (
        {"mailing": make_mailing(**STOPPED | {"paused_by": "provider"})},
        "第 42 期停在半路，已寄出 1,200／3,124 封。寄信服務拒收；先看它怎麼說，處理好再繼續。",
        "看寄信服務怎麼說",
    ),
    (
        {"mailing": make_mailing(**STOPPED | {"paused_by": "silent"})},
        "第 42 期停在半路，已寄出 1,200／3,124 封。寄信服務收了信卻一直沒有回應；先查明原因，再繼續。",
        "看原因",
    ),
    (
        {"mailing": make_mailing(**LATE)},
        "第 42 期停住了，還沒有人收到。預定的時間已經過了，請另選時間。",
        "選時間",
    ),
    (
        {"mailing": make_mailing(send_at=IN_TWO_MINUTES, **CORRECTION)},
        "第 42 期的更正 10:02 開始寄，在那之前取消，不會有人收到。",
        "看倒數，或取消",
    ),
    ({"mailing": make_mailing(send_at=NOW, **CORRECTION)}, "第 42 期的更正時間到了，幾秒內開始寄。", "看倒數，或取消"),
    (
        {"mailing": make_mailing(**CORRECTION)},
        "第 42 期的更正將於 12/4（五）08:00 寄出，已經排好，還有 8 天。",
        "看排好的寄送",
    ),
    (
        {"mailing": make_mailing(**MOVING, **CORRECTION)},
        "第 42 期的更正正在寄，已寄出 1,200／3,124 封。",
        "看進度",
    ),
    (
        {"mailing": make_mailing(**STOPPED, **CORRECTION)},
        "第 42 期的更正停在半路，已寄出 1,200／3,124 封。要繼續寄，還是取消剩下的？",
        "繼續寄或取消",
    ),
    (
        {"mailing": make_mailing(**LATE, **CORRECTION)},
        "第 42 期的更正停住了，還沒有人收到。預定的時間已經過了，請另選時間。",
        "選時間",
    ),
    ({"result": make_result()}, "第 41 期寄出了，3,071 位讀者收到，8 位沒收到。", "看成果"),
    ({"result": make_result(missed=0), "draft": TITLED}, "第 41 期寄出了，3,071 位讀者收到。", "看成果"),
    (
        {"result": make_result(at=NOW - timedelta(days=3)), "draft": TITLED},
        "下一期預定 12/4（五）08:00 寄出，還有 8 天，〈題〉還在寫。",
        "繼續寫",
    ),
    ({}, "下一期預定 12/4（五）08:00 寄出，還有 8 天，還沒有新文章。", "寫一篇"),
    ({"rights": frozenset({next_step.SEE_READERS})}, "現在有 3,124 位讀者。", "看讀者"),
    ({"rights": frozenset()}, "這裡沒有等你處理的事。", "你的帳號"),
]


@pytest.mark.parametrize(("known", "sentence", "button"), CASES, ids=[case[1][:24] for case in CASES])
def test_the_page_begins_with_what_is_so_and_what_to_do(known, sentence, button):
    with translation.override("zh-hant"):
        step = choose_step(facts(**known), NOW)

    assert (step.sentence, step.button) == (sentence, button)


def test_it_is_said_in_english_too():
    with translation.override("en"):
        step = choose_step(facts(issue=LACKING), NOW)

    assert step.sentence == "Issue 42 is planned for 3,124 readers on Fri 4 Dec, 08:00. Missing: a subject."


def test_a_correction_is_called_one_in_english_too():
    with translation.override("en"):
        step = choose_step(facts(mailing=make_mailing(send_at=IN_TWO_MINUTES, **CORRECTION)), NOW)

    assert step.sentence == "The correction of issue 42 begins at 10:02. Cancel before then and nobody gets it."


@pytest.mark.parametrize(
    ("known", "url"),
    [
        ({"issue": LACKING}, "/admin/issues/issue/7/change/#id_subject"),
        ({"mailing": make_mailing(**MOVING)}, "/admin/delivery/mailing/9/"),
        ({"result": make_result()}, "/admin/delivery/mailing/8/"),
        ({"lacks_sender": True}, "/admin/settings/sender/#id_sender_email"),
    ],
)
def test_the_button_leads_to_the_very_place(known, url):
    assert choose_step(facts(**known), NOW).url == url


def test_a_step_that_asks_for_more_than_a_user_may_is_passed_over():
    rights = frozenset({next_step.ADD_POST, next_step.CHANGE_POST})
    writer = facts(rights=rights, issue=LACKING, newly=2, mailing=make_mailing(**MOVING), draft=TITLED)

    assert choose_step(writer, NOW).key == "draft"


# --- What holds for everything ---

MANY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
counts = st.integers(0, 3_000_000)
moments = st.timedeltas(timedelta(days=-40), timedelta(days=40)).map(lambda distance: NOW + distance)
titles = st.text(max_size=20).map(single_line)
mailings = st.builds(
    make_mailing,
    counts,
    state=st.sampled_from([state.value for state in Mailing.OPEN_STATES]),
    send_at=moments,
    segment=st.sampled_from(["", "+vip"]),
    kind=st.sampled_from(Mailing.Kind.values),
    planned_at=st.none() | st.just(NOW),
    sent=counts,
    total=counts,
    paused_by=st.sampled_from(["", *Mailing.Cause.values]),
)
results = st.builds(make_mailing, counts, finished_at=moments, sent=counts, missed=counts)
everything = st.builds(
    DeskFacts,
    rights=st.frozensets(st.sampled_from(sorted(ALL))) | st.just(ALL),
    zone=st.just(TAIPEI),
    slot=moments,
    hold=st.just(timedelta(minutes=3)),
    next_number=counts,
    new_number=counts,
    readers=st.none() | counts,
    lacks_sender=st.booleans(),
    lacks_mail_server=st.booleans(),
    lacks_address=st.booleans(),
    has_sent=st.booleans(),
    has_posts=st.booleans(),
    has_published=st.booleans(),
    left_out_count=st.integers(0, 5),
    newly=st.integers(0, 5),
    left_out=st.lists(st.builds(Post, title=titles), min_size=1, max_size=1),
    draft=st.none() | st.builds(Post, pk=st.just(3), title=titles),
    issue=st.none()
    | st.builds(make_issue, number=counts, subject=st.sampled_from(["", "主旨"]), posts=st.integers(0, 3)),
    rehearsal=st.sampled_from(list(map(str, RehearsalStatus))),
    errors=st.integers(0, 2),
    mailing=st.none() | mailings,
    result=st.none() | results,
)


@MANY
@given(known=everything)
def test_whatever_is_so_there_is_one_step_and_its_button_is_open_to_the_user(known):
    step = choose_step(known, NOW)

    assert step.sentence
    assert step.button
    assert step.url.startswith(reverse("admin:index"))
    assert set(step.needs) <= known.rights
    assert step.key == next(
        row.key for row in STEP_RULES if set(row.needs) <= known.rights and row.applies(known, NOW)
    )  # the first that applies, and no other


@MANY
@given(known=everything)
def test_a_sentence_has_no_gap_and_is_broken_without_a_loss(known):
    step = choose_step(known, NOW)

    assert "%(" not in step.sentence
    assert "".join("".join(phrase) for phrase in next_step.phrases(step.sentence)).split() == step.sentence.split()


@MANY
@given(known=everything)
def test_the_first_run_has_one_next_line_until_an_issue_is_out(known):
    step = choose_step(known, NOW)

    lines = checklist(known, step, NOW)

    shows = not known.has_sent and next_step.SEND_ISSUE in known.rights
    is_on_the_way = any(step.key in part.keys for part in CHECKLIST_RULES)
    assert bool(lines) == shows
    assert [line.standing for line in lines].count(NEXT) == (1 if shows and is_on_the_way else 0)


def test_the_first_run_goes_on_line_by_line():
    way = [
        FIRST | {"lacks_sender": True},
        FIRST | {"has_posts": True, "has_published": True, "lacks_sender": True},
        FIRST | {"has_posts": True, "has_published": True, "newly": 1, "left_out": NEW},
        FIRST | {"has_posts": True, "has_published": True, "issue": LACKING},
        FIRST | {"has_posts": True, "has_published": True, "issue": COMPLETE},
        FIRST | {"has_posts": True, "has_published": True} | REHEARSED,
    ]

    standings = [
        [line.standing for line in checklist(facts(**known), choose_step(facts(**known), NOW), NOW)] for known in way
    ]

    assert standings == [["done"] * place + ["next"] + ["later"] * (5 - place) for place in range(6)]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 11, 26, 15, 59, tzinfo=UTC), "今天"),
        (datetime(2026, 11, 26, 16, 0, tzinfo=UTC), "明天"),  # midnight in Taipei
        (datetime(2026, 12, 8, 0, 0, tzinfo=UTC), "還有 12 天"),
        (datetime(2030, 12, 8, 0, 0, tzinfo=UTC), "還有 1,473 天"),
    ],
)
def test_a_wait_is_counted_in_days_of_the_local_calendar(at, said):
    with translation.override("zh-hant"):
        assert next_step.wait(at, TAIPEI, NOW) == said
