"""A save in the background: what a script is answered, and that it is the ordinary form in all else."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.urls import reverse

from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from newsletter.publication.changes import Change
from tests.factories import PUBLISHED_AT, make_helper, make_issue, make_post, make_publication

ADD = "/admin/posts/post/add/"
DRAFT = {"title": "槓桿", "body": "第一段。", "published_at": "", "_continue": "1"}
IN_PLACE = {"accept": "application/json"}

pytestmark = pytest.mark.usefixtures("english")


def change(post: Post) -> str:
    return reverse("admin:posts_post_change", args=[post.pk])


def fields_of(post: Post, **changed: str) -> dict[str, str]:
    return DRAFT | {"title": post.title, "body": post.body, "seen_at": post.updated_at.isoformat()} | changed


def in_place(client: Client, path: str, fields: dict[str, str]):
    return client.post(path, fields, headers=IN_PLACE)


def test_a_saved_text_tells_when_and_which_state_the_tab_has_seen(author):
    post = make_post(published_at=None)

    response = in_place(author, change(post), fields_of(post, body="第二段。"))

    post.refresh_from_db()
    answer = response.json()
    assert (response.status_code, answer["outcome"], post.body) == (200, "saved", "第二段。")
    assert answer["seen"] == {"seen_at": post.updated_at.isoformat()}
    assert answer["address"] == change(post)
    assert answer["document"] == f"posts.post/{post.pk}"
    assert [change.detail for change in Change.objects.of(post)] == [{"fields": ["body"]}]
    assert list(get_messages(response.wsgi_request)) == []  # the page says so itself; the next page need not


def test_the_first_save_tells_the_address_of_the_new_post(author):
    response = in_place(author, ADD, DRAFT | {"document": "a1"})

    post = Post.objects.get()
    assert response.json()["address"] == change(post)
    assert post.created_by == author.get("/admin/").wsgi_request.user


def test_a_new_text_whose_row_was_deleted_is_saved_anew(author):
    in_place(author, ADD, DRAFT | {"document": "a1"})
    Post.objects.all().delete()

    assert in_place(author, ADD, DRAFT | {"document": "a1"}).json()["outcome"] == "saved"


def test_errors_are_told_with_their_fields_and_nothing_is_saved(author):
    post = make_post(published_at=None)

    response = in_place(author, change(post), fields_of(post, title="", body="新的"))

    assert response.status_code == 422
    assert response.json() == {
        "outcome": "refused",
        "errors": [{"id": "id_title", "name": "title", "label": "Title", "texts": ["This field is required."]}],
        "general": [],
    }
    assert Post.objects.get().body == "第一段。"


def test_a_text_that_was_saved_elsewhere_meanwhile_is_never_overwritten(author):
    post = make_post(published_at=None)
    stale = fields_of(post, body="這裡的")
    author.post(change(post), fields_of(post, body="別處的"))

    response = in_place(author, change(post), stale)

    post.refresh_from_db()
    assert (response.status_code, response.json()["outcome"]) == (409, "elsewhere")
    kept = post.revisions.exclude(refused_page="").get()
    assert (kept.body, response.json()["both"].endswith(f"/versions/{kept.pk}/?with=now")) == ("這裡的", True)
    assert post.body == "別處的"


def test_a_save_that_loses_a_race_is_looked_at_again(author):
    """The other save is in our transaction here, and so undone with the first try: the second one goes through."""
    post = make_post(published_at=None)
    others = iter([PUBLISHED_AT])

    def race(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and "updated_at" in sql and (at := next(others, None)):
            Post.objects.filter(pk=post.pk).update(updated_at=at)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(race):
        response = in_place(author, change(post), fields_of(post, body="這裡的"))

    assert next(others, "raced") == "raced"
    assert response.json()["outcome"] == "saved"
    assert Post.objects.get().body == "這裡的"


def test_a_post_that_was_deleted_meanwhile_is_told(author):
    post = make_post(published_at=None)
    Post.objects.all().delete()

    response = in_place(author, change(post), DRAFT)

    assert (response.status_code, response.json()) == (404, {"outcome": "gone"})


def test_rights_are_those_of_the_form(client, db):
    make_publication()
    client.force_login(make_helper("writer", name="writer"))
    others = make_post(published_at=None)

    response = in_place(client, change(others), DRAFT)

    assert response.status_code == 403
    assert Post.objects.get().body == "第一段。"


def test_who_is_logged_out_is_led_to_the_login_page(client, db):
    make_publication()

    assert in_place(client, ADD, DRAFT).url == f"/admin/login/?next={ADD}"


def test_enter_in_a_field_saves_and_stays(author):
    post = make_post(published_at=None)

    fields = fields_of(post, body="新") | {"_enter": "1"}
    del fields["_continue"]

    response = author.post(change(post), fields)

    assert response.url == change(post)


# --- Issues ---


def rows_of(issue: Issue, **changed: str) -> dict[str, str]:
    items = list(issue.items.all())
    total = {"items-TOTAL_FORMS": str(len(items)), "items-INITIAL_FORMS": str(len(items))}
    rows = [
        {f"items-{n}-id": item.pk, f"items-{n}-issue": issue.pk, f"items-{n}-post": item.post_id}
        | {f"items-{n}-position": n + 1, f"items-{n}-form": item.form}
        for n, item in enumerate(items)
    ]
    own = {"number": issue.number, "subject": issue.subject, "seen_version": issue.version, "_continue": "1"}
    return {key: str(value) for part in (total, own, *rows, changed) for key, value in part.items()}


def issue_page(issue: Issue) -> str:
    return reverse("admin:issues_issue_change", args=[issue.pk])


def test_an_issue_is_saved_in_place_with_its_rows(author):
    issue = make_issue(make_post("甲"), make_post("乙"))
    fields = rows_of(issue, **{"introduction": "大家好", "items-1-position": "1", "items-0-DELETE": "on"})

    answer = in_place(author, issue_page(issue), fields).json()
    again = in_place(author, issue_page(issue), {**rows_of(issue), **answer["seen"]}).json()

    issue.refresh_from_db()
    assert (answer["outcome"], again["outcome"]) == ("saved", "saved")
    assert list(issue.items.values_list("post__title", flat=True)) == ["乙"]
    assert again["seen"] == {"seen_version": str(issue.version)}


def test_an_issue_that_was_saved_elsewhere_is_not_overwritten(author):
    issue = make_issue(make_post("甲"))
    stale = rows_of(issue, subject="這裡的")
    author.post(issue_page(issue), rows_of(issue, subject="別處的"))

    response = in_place(author, issue_page(issue), stale)

    assert (response.status_code, response.json()["outcome"]) == (409, "elsewhere")
    assert Issue.objects.get().subject == "別處的"
