"""The history of a post and of an issue: what was really changed, and each verb with who did it and from where."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from newsletter.delivery import tasks
from newsletter.delivery.author import reminder_mails
from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.models.mailing import MailingStep
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning import approving, beginning
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from newsletter.publication.audit import PER_PAGE
from newsletter.publication.changes import Change, Via, acting_as
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import form_data, markup

pytestmark = pytest.mark.usefixtures("clock")
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)  # 10:39 in Taipei
SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
HOLD = timedelta(minutes=3)


@pytest.fixture
def desk(author):
    make_publication(cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0))
    return author


@pytest.fixture
def issue(desk) -> Issue:
    return make_issue(make_post("甲"), make_post("乙"), number=7, subject="第七期", introduction="一\n二\n\n")


def of(row, name: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


def typed(desk, row, **changes):
    """What a browser sends when the form of a row is saved as it is shown, but for `changes`."""
    return form_data(desk.get(of(row, "change")).text, f"{row._meta.model_name}_form") | changes


def lines(desk, row) -> list[str]:
    """What the history page says, a line each, the newest first."""
    return [f"{one.text} | {one.actor}" for one in desk.get(of(row, "history")).context["entries"]]


# --- Texts ---


@pytest.mark.parametrize("language", ["zh-hant", "en"])
def test_saving_an_untouched_post_writes_nothing_and_changes_no_second_of_it(desk, language):
    make_publication(language=language)
    at = datetime(2026, 10, 1, 3, 4, 5, 678, tzinfo=UTC)
    post = make_post("甲", body="一\n二\n\n三", published_at=at, tags=("a", "b"), summary="摘要", source="hugo:1")
    Post.objects.filter(pk=post.pk).update(body="一\n二\n\n三\n")  # as an import may leave it

    response = desk.post(of(post, "change"), typed(desk, post, _continue="1"))

    assert response.status_code == 302
    assert Change.objects.count() == 0
    assert Post.objects.get(pk=post.pk).published_at == at


def test_changed_fields_are_named_in_the_language_of_who_reads(desk):
    post = make_post("甲")

    desk.post(
        of(post, "change"), typed(desk, post, title="乙", body="新的", tag_names="新", published_at="2026-01-07T09:01")
    )
    english = lines(desk, post)
    make_publication(language="zh-hant")
    with translation.override("zh-hant"):
        chinese = lines(desk, post)

    assert english == ["Changed: Title, Text, Publication time, Tags | gipi · on the desk"]
    assert chinese == ["修改了標題、內文、發布時間、標籤 | gipi · 在工作台"]


def test_the_life_of_a_post_is_told(desk, clock):
    added = desk.post(reverse("admin:posts_post_add"), {"title": "甲", "body": "一", "_continue": "1"})
    post = Post.objects.get()
    assert added.status_code == 302
    for act in ("_publish", "back_to_draft", "publish_now", "publish_now"):
        clock.shift(60)
        if act == "_publish":
            desk.post(of(post, "change"), typed(desk, post, _publish="1"))
        else:
            chosen = {"action": act, "_selected_action": post.pk}
            desk.post(reverse("admin:posts_post_changelist"), chosen)

    assert [line.partition(" | ")[0] for line in lines(desk, post)] == [
        "Published",
        "Made a draft again",
        "Published",
        "Created",
    ]


def test_the_posts_of_an_issue_are_told_by_their_titles(desk, issue):
    other = make_post("丙")
    rows = {"items-0-DELETE": "on", "items-1-form": "link", "added": [other.pk]}

    desk.post(of(issue, "change"), typed(desk, issue, **rows))

    [entry] = desk.get(of(issue, "history")).context["entries"]
    assert entry.details == ("Put in: “丙”", "Taken out: “甲”", "Place or form changed: “乙”")


def test_a_deleted_account_leaves_its_history(desk, issue):
    editor = make_helper("editor", name="linda")
    client = Client()
    client.force_login(editor)
    client.post(of(issue, "change"), typed(client, issue, subject="新的主旨"))

    editor.delete()

    assert lines(desk, issue) == ["Changed: Subject | linda · on the desk"]


# --- The verbs of a mailing ---


def test_each_verb_of_the_desk_is_told_with_its_actor(desk, issue, clock):
    make_subscriber()
    mailing = approving.approve(issue, send_at=SLOT, now=NOW, hold=HOLD)
    MailingStep.objects.all().delete()
    sheet = {"when": "at", "at": "2026-12-02T08:00"}
    address = reverse("admin:mailing_move", args=[mailing.pk])
    assert desk.post(address, sheet).status_code == 302
    for verb in ("pause", "resume", "refreeze", "cancel"):
        clock.shift(1)
        desk.post(reverse(f"admin:mailing_{verb}", args=[mailing.pk]))

    assert lines(desk, issue) == [
        "Cancelled | gipi · on the desk",
        "The text was replaced by the current one | gipi · on the desk",
        "Resumed | gipi · on the desk",
        "Paused | gipi · on the desk",
        "Moved to another time | gipi · on the desk",
    ]
    moved = desk.get(of(issue, "history")).context["entries"][-1]
    assert moved.details == ("Leaves on Dec. 2, 2026, 08:00",)


def test_an_issue_that_is_sent_on_the_desk_is_begun_and_closed_by_the_engine(desk, issue, clock):
    make_subscriber()
    sheet = {"when": "now", "unrehearsed": "on", "seen": freeze_letter(issue).content_hash}
    desk.post(reverse("admin:issue_send", args=[issue.pk]), sheet)
    mailing = Mailing.objects.get()
    clock.shift(HOLD)
    beginning.begin_due(NOW + HOLD)
    mailing.deliveries.update(state=Delivery.State.SENT)
    mailing.batches.update(sent=1, state=Batch.State.DONE)
    clock.shift(1)
    tasks.dispatch()

    assert lines(desk, issue) == [
        "Closed: the issue is sent | by itself",
        "Sending began | by itself",
        "Scheduled | gipi · on the desk",
    ]


def test_what_the_author_decides_of_uncertain_copies_is_told(desk, issue):
    for _ in range(2):
        make_subscriber()
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.update(state=Delivery.State.UNCERTAIN, attempts=1)
    mailing.batches.update(uncertain=2, state=Batch.State.DONE)
    for decision, row in (("sent", "0:1"), ("again", "1:1")):
        desk.post(reverse("admin:mailing_decide", args=[mailing.pk, decision]), {"row": row})

    assert lines(desk, issue)[:2] == [
        "1 uncertain copy to be sent again | gipi · on the desk",
        "1 uncertain copy counted as sent | gipi · on the desk",
    ]


def test_a_correction_is_told_as_one(desk, issue):
    make_subscriber()
    first = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(first, NOW)
    first.deliveries.update(state=Delivery.State.SENT)
    first.batches.update(sent=1, state=Batch.State.DONE)
    first.finish(NOW)

    desk.post(reverse("admin:issue_correct", args=[issue.pk]), {"note": "第三段的數字寫錯了。"})

    assert lines(desk, issue)[0] == "A correction was scheduled | gipi · on the desk"


def letter(issue: Issue, slot: datetime = SLOT) -> Reminder:
    frozen = freeze_letter(issue).columns()
    return Reminder.objects.create(
        kind="letter", slot_at=slot, issue=issue, at=NOW, notified_at=NOW,
        content_hash=frozen["content_hash"], text=frozen["text"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("approve", "Approved by the link in the letter | by a link in a letter"),
        ("move", "Put off by a week | by a link in a letter"),
        ("skip", "The slot was skipped | by a link in a letter"),
    ],
)
def test_an_answer_by_the_link_in_a_letter_is_told(desk, issue, answer, told):
    address = reverse("delivery:approve", args=[reminder_mails.approve_token(letter(issue))])

    assert Client().post(address, {"do": answer}).status_code == 200

    assert lines(desk, issue) == [told]


# --- The list ---


def test_a_long_history_has_pages_and_the_newest_line_comes_first(desk, issue, clock):
    with acting_as("gipi", Via.DESK):
        mailing = approving.approve(issue, send_at=SLOT, now=NOW, hold=HOLD)
    for number in range(PER_PAGE):
        clock.shift(1)
        Change.objects.log(Change.Action.CHANGED, [issue], {"fields": ["subject"]})
        mailing.record(MailingStep.Kind.MOVED, str(number))

    first, last = (desk.get(of(issue, "history"), {"p": page}) for page in (1, 3))

    assert [entry.text for entry in first.context["entries"]][:2] == ["Moved to another time", "Changed: Subject"]
    assert len(first.context["entries"]) == PER_PAGE
    assert [entry.text for entry in last.context["entries"]] == ["Scheduled"]
    assert 'rel="next" href="?p=2"' in markup(first)


def test_a_helper_who_sees_no_mailings_reads_the_texts_alone(desk, issue):
    approving.approve(issue, send_at=SLOT, now=NOW, hold=HOLD)
    Change.objects.log(Change.Action.CHANGED, [issue], {"fields": ["subject"]})
    helper = make_helper("editor")
    helper.groups.get().permissions.remove(*helper.groups.get().permissions.filter(codename="view_mailing"))
    client = Client()
    client.force_login(helper)

    assert lines(client, issue) == ["Changed: Subject | by itself"]


def test_its_bar_knows_the_mailing_that_took_the_place_of_a_cancelled_one(desk, issue):
    approving.approve(issue, send_at=SLOT, now=NOW, hold=HOLD).cancel(NOW)
    approving.approve(issue, send_at=SLOT, now=NOW, hold=HOLD)

    bar = markup(desk.get(of(issue, "history"))).split('class="form-state"')[1].split("</p>")[0]

    assert "scheduled" in bar
