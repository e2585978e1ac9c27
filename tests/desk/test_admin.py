"""Composing an issue in the admin, and the lists of issues and mailings."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.planning import approving
from newsletter.issues.models import Issue
from newsletter.posts.search.index import search
from newsletter.publication.forms import CleanTextForm
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

ADD, LIST = "/admin/issues/issue/add/", "/admin/issues/issue/"


@pytest.fixture
def desk(client, db):
    """A client that is logged in as the author."""
    make_publication()
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
    return client


def change(issue: Issue) -> str:
    return reverse("admin:issues_issue_change", args=[issue.pk])


def as_shown(client: Client, url: str, **typed: str) -> dict[str, str]:
    """What the browser would send back of a form as it is shown, with `typed` in it."""
    page = client.get(url).context
    formset = page["inline_admin_formsets"][0].formset
    shown = [page["adminform"].form, formset.management_form, *formset.forms]
    fields = [field for form in shown for field in form if field.name not in {"DELETE", "added"}]
    return {field.html_name: "" if field.value() is None else str(field.value()) for field in fields} | typed


def schedule(issue: Issue, **fields: object) -> Mailing:
    now = timezone.now()
    mailing = approving.approve(issue, send_at=now + timedelta(days=2), now=now, hold=timedelta())
    Mailing.objects.filter(pk=mailing.pk).update(**fields)
    mailing.refresh_from_db()
    return mailing


def posts_of(issue: Issue) -> list[tuple[int, str, str]]:
    return list(issue.items.values_list("position", "post__title", "form"))


# --- A new issue ---


def test_a_new_issue_proposes_the_next_number_and_the_unmailed_posts(desk):
    make_issue(make_post("已寄"), number=11, sent_at=PUBLISHED_AT)
    make_post("乙")
    make_post("甲", published_at=PUBLISHED_AT - timedelta(days=1))

    shown = as_shown(desk, ADD)

    assert shown["number"] == "12"
    assert [shown["items-0-form"], shown["items-1-form"]] == ["full", "excerpt"]
    assert re.findall(r"data-title>(.*?)</a>", desk.get(ADD).text) == ["甲", "乙"]


def test_what_is_proposed_is_kept_with_one_click(desk):
    make_post("乙")
    make_post("甲", published_at=PUBLISHED_AT - timedelta(days=1))

    response = desk.post(ADD, as_shown(desk, ADD, subject="第一期") | {"_continue": "1"})

    issue = Issue.objects.get()
    assert response.url == change(issue)
    assert posts_of(issue) == [(1, "甲", "full"), (2, "乙", "excerpt")]


def test_saving_may_lead_on_to_the_preview_or_to_sending(desk):
    issue = make_issue(make_post())

    preview = desk.post(change(issue), as_shown(desk, change(issue)) | {"_preview": "1"})
    send = desk.post(change(issue), as_shown(desk, change(issue)) | {"_send": "1"})

    assert preview.url == reverse("admin:issue_preview", args=[issue.pk])
    assert send.url == reverse("admin:issue_send", args=[issue.pk])
    assert issue.rehearsals.count() == 1  # it has begun when the page opens: nobody waits for it there


def test_posts_are_added_moved_and_taken_out_in_one_save(desk):
    issue, late = make_issue(make_post("甲"), make_post("乙")), make_post("丙")
    desk.post(change(issue), as_shown(desk, change(issue)))
    typed = as_shown(desk, change(issue), older=str(late.pk)) | {"items-0-DELETE": "on", "items-1-form": "link"}

    desk.post(change(issue), typed)

    assert posts_of(issue) == [(1, "乙", "link"), (2, "丙", "excerpt")]


# --- Two tabs ---


def test_the_second_of_two_tabs_is_refused_and_keeps_what_was_typed(desk):
    issue = make_issue(make_post())
    second = as_shown(desk, change(issue), introduction="第二個分頁")
    desk.post(change(issue), as_shown(desk, change(issue), introduction="第一個分頁"))

    response = desk.post(change(issue), second)

    issue.refresh_from_db()
    assert (issue.introduction, issue.version) == ("第一個分頁", 2)
    assert "This issue was saved at" in response.text
    assert "第二個分頁" in response.text


def test_a_save_that_loses_a_race_is_looked_at_again(desk):
    """The other save is in our transaction here, and so undone with the first try: the second one goes through."""
    issue = make_issue(make_post())
    typed = as_shown(desk, change(issue), introduction="第二個分頁")
    others = iter([2])

    def race(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and '"version" = ("issues_issue"."version"' in sql and (version := next(others, 0)):
            Issue.objects.filter(pk=issue.pk).update(version=version)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(race):
        response = desk.post(change(issue), typed)

    issue.refresh_from_db()
    assert next(others, "raced") == "raced"
    assert (response.status_code, issue.introduction, issue.version) == (302, "第二個分頁", 2)


def test_saving_leaves_alone_what_delivery_has_written_meanwhile(desk):
    issue = make_issue(make_post())
    typed = as_shown(desk, change(issue))
    issue.mark_sent(PUBLISHED_AT)

    desk.post(change(issue), typed)

    issue.refresh_from_db()
    assert issue.sent_at == PUBLISHED_AT


def test_a_sent_issue_is_found_as_it_was_saved_last_and_no_more_when_it_is_deleted(desk):
    issue = make_issue(make_post(), sent_at=PUBLISHED_AT)

    desk.post(change(issue), as_shown(desk, change(issue), introduction="談管理。"))
    assert [result.url for result in search("管理", now=PUBLISHED_AT).results] == [issue.get_absolute_url()]

    desk.post(reverse("admin:issues_issue_delete", args=[issue.pk]), {"post": "yes"})
    assert search("管理", now=PUBLISHED_AT).total == 0


# --- Approved and sent ---


def test_the_number_of_an_approved_issue_stays(desk):
    issue = make_issue(make_post(), number=7)
    schedule(issue)

    desk.post(change(issue), as_shown(desk, change(issue)) | {"number": "8", "subject": "新標題"})

    issue.refresh_from_db()
    assert (issue.number, issue.subject) == (7, "新標題")


def test_a_change_after_approval_says_that_the_mail_has_the_approved_text(desk):
    issue = make_issue(make_post())
    mailing = schedule(issue)
    before = desk.get(change(issue)).text

    desk.post(change(issue), as_shown(desk, change(issue), introduction="新的開頭"))

    after = desk.get(change(issue)).text
    assert "This issue is approved: the mail carries the text as it is now." in before
    assert "still carries the approved text." in after
    assert f'action="{reverse("admin:mailing_refreeze", args=[mailing.pk])}"' in after


def test_a_mailing_protects_its_issue_and_says_why(desk):
    issue = make_issue(make_post())
    mailing = schedule(issue)
    delete = reverse("admin:issues_issue_delete", args=[issue.pk])

    pages = [desk.get(delete), desk.post(delete, {"post": "yes"})]

    assert Issue.objects.filter(pk=issue.pk).exists()
    for page in pages:
        assert "cannot be deleted: it was approved for sending, and the record of who got it hangs on it." in page.text
        assert reverse("admin:mailing", args=[mailing.pk]) in page.text


# --- Lists ---


def test_the_list_tells_where_every_issue_is(desk):
    make_issue(subject="草稿")
    schedule(make_issue(make_post()), send_at=datetime(2099, 1, 6, 0, 0, tzinfo=UTC))
    sending = schedule(make_issue(make_post()), state="sending", planned_at=timezone.now(), total=10)
    Batch.objects.create(mailing=sending, no=0, lo=0, hi=10, cursor=4, sent=3, failed=1)
    schedule(make_issue(make_post()), state="paused")
    make_issue(sent_at=datetime(2026, 10, 6, 0, 0, tzinfo=UTC))

    text = re.sub(r"<[^>]+>|\s+", " ", desk.get(LIST).text)

    states = [
        "draft",
        "scheduled Tue 6 Jan 2099, 08:00",
        "being sent 40 %",
        "paused",
        "Sent in 2026",
        "6 Oct sent elsewhere",
    ]
    assert [state for state in states if state not in re.sub(" +", " ", text)] == []


def test_the_list_costs_the_same_with_many_issues(desk):
    def queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            desk.get(LIST)
        return len(queries)

    schedule(make_issue(make_post()))
    desk.get(LIST)
    few = queries()
    for _ in range(5):
        schedule(make_issue(make_post()), state="sending", total=3)

    assert queries() == few


def test_mailings_are_neither_made_nor_deleted_by_hand(desk):
    mailing = schedule(make_issue(make_post()))

    assert desk.get("/admin/delivery/mailing/add/").status_code == 403
    assert desk.post(reverse("admin:delivery_mailing_delete", args=[mailing.pk]), {"post": "yes"}).status_code == 403
    assert Mailing.objects.filter(pk=mailing.pk).exists()


def test_control_characters_pass_no_door_of_the_desk(rf, admin_user):
    """Every form of ours that takes words takes them out, also the ones that the admin makes."""
    request, unguarded = rf.get("/"), []
    request.user = admin_user
    for model in filter(admin.site.is_registered, apps.get_models()):
        its_admin = admin.site.get_model_admin(model)
        is_ours = model._meta.app_label in {"posts", "issues", "publication"}  # a mailing is only looked at
        if not is_ours or not (its_admin.has_add_permission(request) or its_admin.has_change_permission(request)):
            continue
        made = [its_admin.get_form(request), its_admin.get_form(request, model(pk=1))]
        made += [its_admin.get_changelist_form(request)] if its_admin.list_editable else []
        for form in made:
            takes_words = any(type(field) is forms.CharField for field in form.base_fields.values())
            if takes_words and not issubclass(form, CleanTextForm):
                unguarded.append(form)

    assert unguarded == []
