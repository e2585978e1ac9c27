"""The first page in its states: what it says, to whom, where its links lead, and what it costs."""

import re
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.desk.issues import composer
from newsletter.desk.next_step import choose_step
from newsletter.desk.today import load_desk_facts
from newsletter.issues.models import Issue
from newsletter.mail import outbox
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
from tests.desk.today.states import NEW_STATES, STATES, paused, sending
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import assert_valid

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pictures_made_once")]
HREF = re.compile(r'<a [^>]*href="([^"#?]*)')


@pytest.fixture
def owner(settings, tmp_path) -> User:
    box = {"BACKEND": outbox.BACKEND, "OPTIONS": {"directory": str(tmp_path)}}
    settings.MAILERS = settings.MAILERS | {"default": box}
    make_publication()
    return User.objects.create_superuser("gipi", "gipi@example.org", "pw")


def opened(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def home(user: User):
    response = opened(user).get("/admin/")
    assert response.status_code == 200
    return response


def content(response) -> str:
    """The page without its head and frame."""
    return response.text.partition('id="content-main"')[2].partition('class="app-list"')[0]


def make_sent(issue: Issue, at: datetime, **counts: int) -> Mailing:
    mailing = make_mailing(issue, state=Mailing.State.SENT, planned_at=at, finished_at=at + timedelta(minutes=4))
    counted = {"sent": 5} | counts
    total = sum(counted.values())
    Mailing.objects.filter(pk=mailing.pk).update(total=total)
    Batch.objects.create(mailing=mailing, no=0, lo=0, hi=total, cursor=total, state=Batch.State.DONE, **counted)
    return mailing


def make_mailing(issue: Issue, **fields) -> Mailing:
    now = timezone.now()
    known = {"approved_at": now, "send_at": now, "sender_email": "letter@example.org", "subject": issue.subject}
    return Mailing.objects.create(issue=issue, **(known | fields))


# --- The states ---


@pytest.mark.parametrize("state", ["shown", *sorted(STATES.keys() - {"shown"})])
def test_each_state_has_its_step_and_every_link_of_the_page_opens(owner, state, settings):
    make, key = STATES[state]
    make(timezone.now())
    if state in NEW_STATES:
        settings.MAILERS = settings.MAILERS | {"bulk": settings.MAILERS["default"]}

    page = home(owner)

    client = opened(owner)
    assert page.context["step"].key == key
    assert content(page).count('class="button today-button"') == 1
    assert {link: client.get(link).status_code for link in set(HREF.findall(content(page)))} == dict.fromkeys(
        set(HREF.findall(content(page))), 200
    )
    assert_valid(page.text)


@pytest.mark.parametrize("state", ["composed", "paused", "finished"])
def test_no_link_of_the_page_is_closed_to_the_helper_who_sees_it(owner, state):
    STATES[state][0](timezone.now())
    helpers = [make_helper(role, name=role) for role in ("writer", "editor", "reader-care")]
    for helper in helpers:
        make_post("自己的草稿", published_at=None, created_by=helper)

    closed = set()
    for helper in helpers:
        client = opened(helper)
        links = set(HREF.findall(content(client.get("/admin/"))))
        assert links, helper
        closed |= {(helper.username, link) for link in links if client.get(link).status_code != 200}

    assert closed == set()


def test_a_helper_with_rights_for_posts_alone_sees_no_numbers_and_no_issue(owner):
    sending(timezone.now())
    helper = User.objects.create_user("posts", is_staff=True)
    rights = ("view_post", "add_post", "change_post")
    helper.user_permissions.set(Permission.objects.filter(content_type__app_label="posts", codename__in=rights))
    make_post("自己的草稿", published_at=None, created_by=helper)

    page = home(helper)

    assert page.context["step"].key == "draft"
    assert "自己的草稿" in content(page)
    assert [page.context[name] for name in ("last", "readers", "upcoming", "troubles", "left_out")] == [
        *(None, None),
        *([], [], []),
    ]


# --- Posts ---


def test_a_new_post_is_one_press_away_unless_the_step_or_the_checklist_leads_elsewhere(owner):
    link = re.compile(r'quiet today-button"\s+href="/admin/posts/post/add/"')
    first_run = home(owner)
    make_sent(make_issue(make_post(), sent_at=timezone.now()), timezone.now())
    later = home(owner)

    assert first_run.context["checklist"]
    assert not first_run.context["offers_new_post"]
    assert link.search(later.text)
    assert not link.search(home(make_helper("reader-care")).text)


def test_a_published_post_that_no_issue_has_is_named_whatever_the_step_is(owner):
    now = timezone.now()
    sending(now)
    make_post("沒有人記得的", published_at=now - timedelta(days=300))
    make_post("別處來的", source="ghost:1", published_at=now - timedelta(days=900))

    page = home(owner)

    assert page.context["step"].key == "sending"
    assert [line.title for line in page.context["left_out"]] == ["沒有人記得的"]
    assert "Published, and in no issue yet" in content(page)


def test_a_post_that_was_published_after_the_issue_was_saved_is_the_next_step(owner, settings):
    settings.MAIL_URL = "smtp://mail.gipi.tw"
    make_publication(sender_email="letter@gipi.tw")
    now = timezone.now()
    issue = make_issue(make_post(), subject="")
    Issue.objects.filter(pk=issue.pk).update(updated_at=now - timedelta(hours=2))
    make_post("新的", published_at=now - timedelta(hours=1))

    newly = home(owner).context["step"]
    Issue.objects.filter(pk=issue.pk).update(updated_at=now)  # saved, and the post was not put in

    assert (newly.key, newly.url) == ("left_out", f"/admin/issues/issue/{issue.pk}/change/")
    assert home(owner).context["step"].key == "subject"
    assert "新的" in content(home(owner))


# --- The issue ---


def test_a_rehearsal_counts_until_something_is_changed(owner, settings):
    settings.MAIL_URL = "smtp://mail.gipi.tw"
    make_publication(sender_email="letter@gipi.tw")
    post = make_post()
    issue, now = make_issue(post), timezone.now()
    rehearsal = composer.start_rehearsal(issue, "", now)

    with translation.override("en"):
        running = choose_step(load_desk_facts(owner, now), now)
        Rehearsal.objects.filter(pk=rehearsal.pk).update(finished_at=now, remarks=[])
        valid = choose_step(load_desk_facts(owner, now), now)
        Post.objects.filter(pk=post.pk).update(updated_at=now + timedelta(seconds=1))
        saved_again = choose_step(load_desk_facts(owner, now), now)
        Post.objects.filter(pk=post.pk).update(body="別的內容")
        outdated = choose_step(load_desk_facts(owner, now), now)

    steps = (running, valid, saved_again, outdated)
    assert [step.key for step in steps] == ["rehearsal", "schedule", "schedule", "rehearsal"]
    assert "being rehearsed now" in running.sentence
    assert "changed since it was rehearsed" in outdated.sentence


def test_a_slot_that_an_issue_waits_for_is_not_offered_again(owner):
    make_publication(cadence_days=14)
    now = timezone.now()
    publication = Publication.objects.current()
    first = load_desk_facts(owner, now).slot
    make_mailing(make_issue(make_post()), send_at=first)

    facts = load_desk_facts(owner, now)

    assert facts.slot == first + timedelta(days=publication.cadence_days)


# --- What was sent ---


def test_the_result_is_of_what_was_sent_and_of_nothing_that_is_only_planned(owner):
    now = timezone.now()
    sent = make_issue(make_post(), subject="寄出的", sent_at=now)
    make_sent(sent, now - timedelta(hours=1), failed=1, uncertain=2)
    make_mailing(make_issue(make_post(), subject="排定的"), send_at=now + timedelta(days=2))
    make_mailing(make_issue(make_post(), subject="取消的"), state="cancelled", finished_at=now)

    page = home(owner)

    assert page.context["last"]["title"] == "寄出的"
    assert [(figure.label, figure.value) for figure in page.context["last"]["figures"]] == [
        *(("Sent", "5"), ("Did not get it", "3")),
        *(("Helpful", "0"), ("So-so", "0")),
    ]


def test_the_first_run_ends_when_an_issue_is_on_its_way(owner):
    before = home(owner).context["checklist"]
    make_mailing(make_issue(make_post()), state="sending", planned_at=timezone.now())

    assert len(before) == 6
    assert home(owner).context["checklist"] == []


# --- What is wrong ---


def test_what_the_step_says_is_not_said_again_and_the_rest_has_a_link_that_mends_it(owner):
    paused(timezone.now())

    page = home(owner)

    assert page.context["step"].key == "paused"
    assert "535 5.7.8 authentication failed" in page.context["troubles"][0].message
    assert {trouble.words: trouble.url for trouble in page.context["troubles"]} == {
        "": "",  # why it is paused: the button of the step leads there
        "Enter a mail server": "/admin/settings/mail/",
        "Fill in the address": "/admin/settings/sender/#id_postal_address",
        "Name the place": "/admin/settings/letter/#id_data_place",
    }


def test_copies_of_which_nobody_knows_lead_to_their_mailing(owner):
    now = timezone.now()
    make_sent(make_issue(make_post(), sent_at=now), now, uncertain=1)

    [trouble] = [one for one in home(owner).context["troubles"] if "may or may not have arrived" in one.message]

    assert trouble.url == "/admin/delivery/mailing/"


# --- Readers, and what all of it costs ---


def test_readers_are_those_who_would_get_an_issue_and_the_others_are_named(owner):
    now = timezone.now()
    make_subscriber()
    make_subscriber()
    make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)
    make_subscriber(state=Subscriber.State.PAUSED, paused_until=now + timedelta(days=3))
    make_subscriber().suppress("bounced")

    readers = home(owner).context["readers"]

    assert readers["figures"][0].value == "2"
    assert readers["others"] == ["paused 1", "not confirmed 1", "suppressed 1"]


def _queries(user: User) -> list[str]:
    """The queries of the page, in order, without their conditions."""
    client = opened(user)
    client.get("/admin/")
    caches["pages"].clear()  # some of it is kept for seconds only, which a busy machine takes
    with CaptureQueriesContext(connection) as queries:
        client.get("/admin/")
    return [query["sql"].partition(" WHERE ")[0] for query in queries]


def test_fifty_of_everything_cost_the_same_queries_as_one(owner, settings, tmp_path):
    settings.DATA_DIR = tmp_path  # without heartbeats, which decide whether it looks for mailings that stand still
    now = timezone.now()

    def add(count: int) -> None:
        for _place in range(count):
            make_post(published_at=now)
            make_post(published_at=None)
            make_sent(make_issue(make_post(), sent_at=now), now)
            make_issue(make_post(body="![](/media/a/b.png)"), make_post(published_at=None))
            make_mailing(make_issue(make_post()), send_at=now + timedelta(days=3))
            make_subscriber()

    add(1)
    few = _queries(owner)
    add(49)

    assert _queries(owner) == few
