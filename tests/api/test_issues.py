"""Issues by the API: read, composed and changed as by the form of the desk."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue, IssueItem
from newsletter.publication.changes import Change
from tests.api.conftest import queries
from tests.factories import make_issue, make_post

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def etag(program, number):
    return program.get(f"/issues/{number}").headers["ETag"]


def numbers(answer):
    assert answer.status_code == 200, answer.text
    return [item["number"] for item in answer.json()["items"]]


def errors(answer):
    assert answer.status_code == 422, answer.text
    return {error["pointer"]: error["detail"] for error in answer.json()["errors"]}


def schedule(issue, **fields):
    values = {"approved_at": NOW, "send_at": NOW, "state": "scheduled", "content_hash": "x"} | fields
    return Mailing.objects.create(issue=issue, **values)


# --- Read ---


def test_an_issue_is_told_whole(editor):
    first, second = make_post("甲"), make_post("乙")
    issue = make_issue(first, second, number=7, preheader="前言", introduction="大家好。", closing="再見。")
    issue.items.filter(post=second).update(form="link")

    told = editor.get("/issues/7").json()

    assert told | {"created_at": "", "changed_at": ""} == {
        "number": 7,
        "state": "draft",
        "subject": "第 7 期",
        "preheader": "前言",
        "introduction": "大家好。",
        "closing": "再見。",
        "posts": [
            {"post": first.pk, "title": "甲", "form": "full"},
            {"post": second.pk, "title": "乙", "form": "link"},
        ],
        "sent_at": None,
        "url": "https://news.example.org/issues/7/",
        "created_at": "",
        "changed_at": "",
    }


def test_a_list_goes_page_by_page_and_is_filtered(editor):
    make_issue(number=1, sent_at=datetime(2025, 12, 31, 15, 59, tzinfo=UTC))
    make_issue(number=2, sent_at=datetime(2025, 12, 31, 16, 0, tzinfo=UTC))  # a new year in Taipei
    schedule(make_issue(number=3))
    schedule(make_issue(number=4), state="cancelled")

    first = editor.get("/issues?limit=3")

    assert numbers(first) == [4, 3, 2]
    assert numbers(editor.get(f"/issues?limit=3&cursor={first.json()['next']}")) == [1]
    assert numbers(editor.get("/issues?state=draft")) == [4]
    assert numbers(editor.get("/issues?state=open")) == [3]
    assert numbers(editor.get("/issues?state=sent")) == [2, 1]
    assert numbers(editor.get("/issues?year=2026")) == [2]
    assert {item["number"]: item["state"] for item in editor.get("/issues").json()["items"]} == {
        1: "sent",
        2: "sent",
        3: "scheduled",
        4: "draft",
    }


@pytest.mark.parametrize("query", ["state=lost", "year=1", "year=99999", "limit=0", "limit=101", "cursor=x"])
def test_a_filter_that_makes_no_sense_is_named(editor, query):
    answer = editor.get(f"/issues?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


def test_a_page_of_a_hundred_takes_as_many_queries_as_one_of_two(editor):
    post = make_post()
    for number in range(1, 101):
        schedule(make_issue(post, number=number))
    editor.get("/issues")

    few, many = (queries(lambda limit=limit: editor.get(f"/issues?limit={limit}")) for limit in (2, 100))

    assert len(few) == len(many) == 5, many  # token, rights of the user and of groups, issues, items


# --- Composed ---


def test_after_the_highest_number_an_issue_without_one_is_refused(editor):
    make_issue(number=2_147_483_647)

    answer = editor.post("/issues", {"subject": "再一期"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/number")
    assert Issue.objects.count() == 1
    assert editor.post("/issues", {"subject": "再一期", "number": 8}).status_code == 201


def test_an_issue_begins_with_the_posts_that_wait_as_on_the_desk(editor):
    make_issue(make_post("寄過"), number=6)
    first, second = make_post("甲"), make_post("乙", published_at=timezone.now() - timedelta(hours=1))
    make_post("還沒寫完", published_at=None)

    answer = editor.post("/issues", {"subject": "第七期"})

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/issues/7"
    assert answer.json() == editor.get("/issues/7").json()
    items = [(item["post"], item["form"]) for item in answer.json()["posts"]]
    assert items == [(first.pk, "full"), (second.pk, "excerpt")]
    [line] = Change.objects.of(Issue.objects.get(number=7))
    assert (line.by, line.via, line.what) == ("edith (Obsidian)", "api", "added")


def test_an_issue_is_composed_of_what_is_named(editor):
    one, two = make_post("甲"), make_post("乙")
    items = [{"post": two.pk, "form": "full"}, {"post": one.pk}]

    answer = editor.post("/issues", {"number": 40, "subject": "第四十期", "closing": "再見\r\n。", "posts": items})

    issue = Issue.objects.get(number=40)
    assert answer.status_code == 201
    assert (issue.subject, issue.closing) == ("第四十期", "再見\n。")
    assert list(issue.items.values_list("post", "form")) == [(two.pk, "full"), (one.pk, "excerpt")]


def test_posts_are_put_in_taken_out_and_ordered_in_one_change(editor):
    a, b, c, d = (make_post(name) for name in "甲乙丙丁")
    issue = make_issue(a, b, c, number=7)
    kept = issue.items.get(post=c).pk
    items = [{"post": c.pk, "form": "link"}, {"post": d.pk, "form": "full"}, {"post": a.pk, "form": "full"}]

    answer = editor.patch("/issues/7", {"posts": items}, match=etag(editor, 7))

    assert [(item["title"], item["form"]) for item in answer.json()["posts"]] == [
        *(("丙", "link"), ("丁", "full"), ("甲", "full"))
    ]
    assert issue.items.get(post=c).pk == kept
    assert [item.position for item in issue.items.all()] == [1, 2, 3]
    [line] = Change.objects.of(issue)
    assert line.detail == {"put_in": ["丁"], "taken_out": ["乙"], "arranged": ["甲", "丙"]}


def test_a_form_that_is_not_named_stays(editor):
    post = make_post("甲")
    make_issue(post, number=7, form="link")

    answer = editor.patch("/issues/7", {"posts": [{"post": post.pk}]}, match="*")

    assert answer.json()["posts"][0]["form"] == "link"


def test_only_what_is_named_changes_and_the_desk_shows_who_it_was(editor):
    issue = make_issue(make_post("甲"), number=7, introduction="大家好。")
    was = editor.get("/issues/7").json()

    now = editor.patch("/issues/7", {"subject": "新主旨"}, match=etag(editor, 7)).json()

    assert {name for name in was if was[name] != now[name]} <= {"subject", "changed_at"}
    client = Client()
    client.force_login(editor.user)
    assert "edith (Obsidian) · by the API" in client.get(f"/admin/issues/issue/{issue.pk}/history/").text


def test_a_change_of_nothing_writes_nothing(editor):
    issue = make_issue(make_post("甲"), number=7)
    before = Issue.objects.get().version

    answer = editor.patch("/issues/7", {"subject": issue.subject}, match=etag(editor, 7))

    assert answer.status_code == 200
    assert (Issue.objects.get().version, Change.objects.count()) == (before, 0)


def test_a_change_goes_up_a_version_so_that_an_open_tab_is_refused(editor):
    issue = make_issue(make_post("甲"), number=7)

    editor.patch("/issues/7", {"posts": []}, match=etag(editor, 7))

    issue.refresh_from_db()
    assert issue.version == 2


@pytest.mark.parametrize(("match", "status"), [("", 428), ('"old"', 412), ("*", 200)])
def test_nobody_changes_what_they_have_not_seen(editor, match, status):
    make_issue(number=7)

    assert editor.patch("/issues/7", {"subject": "x"}, match=match).status_code == status


def test_what_the_form_objects_to_is_named_where_it_stands(editor):
    hidden, post = make_post("隱藏", is_unlisted=True), make_post("甲")
    make_issue(number=6)
    make_issue(number=7)

    unlisted = editor.patch("/issues/7", {"posts": [{"post": post.pk}, {"post": hidden.pk}]}, match="*")
    make_issue(post, number=9)
    unknown = editor.patch("/issues/9", {"posts": [{"post": 999_999}]}, match="*")
    twice = editor.patch("/issues/7", {"posts": [{"post": post.pk}, {"post": post.pk}]}, match="*")
    taken = editor.patch("/issues/7", {"number": 6}, match="*")
    empty = editor.patch("/issues/7", {"subject": " "}, match="*")

    assert "“隱藏” is unlisted." in errors(unlisted)["/posts/1/post"]
    assert set(errors(unknown)) == {"/posts/0/post"}
    assert "only once" in errors(twice)["/posts"]
    assert "already exists" in errors(taken)["/number"]
    assert set(errors(empty)) == {"/subject"}
    assert IssueItem.objects.get().issue.number == 9


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"subject": ""}, "/subject"),
        ({"soul": 1}, "/soul"),
        ({"number": 0}, "/number"),
        ({"posts": [{"post": 1, "form": "novel"}]}, "/posts/0/form"),
        ({"posts": [{"post": 1}] * 101}, "/posts"),
        ({"preheader": "x" * 151}, "/preheader"),
    ],
)
def test_what_no_issue_can_have_is_refused(editor, body, pointer):
    make_issue(number=7)

    assert pointer in errors(editor.patch("/issues/7", body, match="*"))


def test_the_number_of_an_issue_that_was_scheduled_stays(editor):
    schedule(make_issue(number=7), state="cancelled")

    answer = editor.patch("/issues/7", {"number": 8}, match="*")

    assert errors(answer) == {
        "/number": "The number of an issue that was scheduled stands in mails and links, and stays."
    }
    assert editor.patch("/issues/7", {"number": 7, "subject": "新"}, match="*").status_code == 200
