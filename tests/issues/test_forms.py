"""What the author types to compose an issue."""

from datetime import timedelta

import pytest
from django.forms import inlineformset_factory
from django.urls import reverse
from django.utils import translation

from newsletter.issues.forms import IssueForm, ItemForm, ItemFormSet
from newsletter.issues.models import Issue, IssueItem, KeptText
from tests.factories import PUBLISHED_AT, make_helper, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db
FormSet = inlineformset_factory(Issue, IssueItem, form=ItemForm, formset=ItemFormSet, extra=0)


@pytest.fixture(autouse=True)
def _english():
    make_publication()
    with translation.override("en"):
        yield


def fields(**typed: object) -> dict[str, object]:
    return {"number": 7, "subject": "第七期", "preheader": "", "introduction": "", "closing": "", "older": ""} | typed


def rows(issue: Issue, *typed: dict[str, object]) -> ItemFormSet:
    """Return the issue's rows as they come back from the browser; each of `typed` changes one."""
    items = list(issue.items.all())
    data: dict[str, object] = {"items-TOTAL_FORMS": max(len(items), len(typed)), "items-INITIAL_FORMS": len(items)}
    for index, change in enumerate(typed):
        known = items[index] if index < len(items) else None
        row = {"id": known.pk, "post": known.post_id, "position": index + 1, "form": known.form} if known else {}
        for name, value in (row | change).items():
            data[f"items-{index}-{name}"] = value
    return FormSet(data, instance=issue)


def order(issue: Issue) -> list[tuple[int, str]]:
    return list(issue.items.values_list("position", "post__title"))


# --- Posts to add ---


def test_ticked_posts_go_to_the_end_in_the_order_of_their_dates():
    issue = make_issue(make_post("在內"))
    newer, older = make_post("新"), make_post("舊", published_at=PUBLISHED_AT - timedelta(days=1))
    form = IssueForm(fields(number=issue.number, added=[newer.pk, older.pk]), instance=issue)

    assert form.is_valid()
    form.add_posts()

    assert order(issue) == [(0, "在內"), (2, "舊"), (3, "新")]
    assert issue.items.last().form == IssueItem.Form.EXCERPT


@pytest.mark.parametrize(
    "typed", ["{pk}", "#{pk}", "{pk} 管理槓桿", "/p/{pk}-leverage/", "https://e.x/p/{pk}/", "管理槓桿"]
)
def test_an_older_post_is_found_by_number_address_or_title(typed):
    post = make_post("管理槓桿")
    form = IssueForm(fields(older=typed.format(pk=post.pk)))

    assert form.is_valid()
    assert form.cleaned_data["older"] == post


def test_a_post_that_is_in_the_issue_is_not_added_again():
    post = make_post()
    issue = make_issue(post)
    form = IssueForm(fields(number=issue.number, older=str(post.pk)), instance=issue)

    assert form.is_valid()
    assert form.add_posts() == []


def test_boxes_are_offered_for_unmailed_posts_and_titles_for_the_others():
    inside, unmailed = make_post("在內"), make_post("未寄", published_at=None)
    mailed = make_post("已寄")
    make_issue(mailed, sent_at=PUBLISHED_AT)

    form = IssueForm(instance=make_issue(inside))

    assert form.fields["added"].choices == [(unmailed.pk, "未寄 · draft")]
    assert form.suggestions == [(mailed.pk, "已寄")]


# --- Two tabs ---


def test_a_save_that_has_not_seen_the_last_one_is_refused():
    issue = make_issue(make_post())
    Issue.objects.filter(pk=issue.pk).update(version=2)
    issue.refresh_from_db()

    form = IssueForm(fields(number=issue.number, seen_version=1), instance=issue)

    [error] = form.errors["__all__"]
    assert error.startswith("This issue was saved at ")
    assert error.endswith("Copy it, open the issue again and put it in.")


# --- Order ---


@pytest.fixture
def issue():
    issue = make_issue(make_post("甲"), make_post("乙"), make_post("丙"))
    for position, item in enumerate(issue.items.all(), start=1):
        IssueItem.objects.filter(pk=item.pk).update(position=position)
    return issue


@pytest.mark.parametrize(
    ("typed", "titles"),
    [
        ([{}, {}, {}], "甲乙丙"),
        ([{}, {}, {"position": 1}], "丙甲乙"),
        ([{"position": 2}, {}, {}], "乙甲丙"),
        ([{"position": 99}, {}, {}], "乙丙甲"),
        ([{"position": ""}, {}, {}], "甲乙丙"),
        ([{"position": 3}, {"position": 1}, {"position": 2}], "乙丙甲"),
        ([{}, {"DELETE": "on"}, {}], "甲丙"),
        ([{"DELETE": "on"}, {}, {"position": 1}], "丙乙"),
    ],
)
def test_a_typed_number_is_where_the_post_goes_and_the_others_close_up(issue, typed, titles):
    formset = rows(issue, *typed)

    assert formset.is_valid(), formset.errors
    formset.save()

    assert order(issue) == list(enumerate(titles, start=1))


def test_a_post_twice_is_refused(issue):
    twice = issue.items.first().post_id
    formset = rows(issue, {}, {}, {}, {"post": twice, "position": 4, "form": "full"})

    assert not formset.is_valid()
    assert formset.errors[3] == {"__all__": ["A post can be in an issue only once. Take one of the two out."]}


# --- Kept texts ---

QUESTION = "你最近一場可以不開的會，是哪一場？"


def saved(issue: Issue, **typed: object) -> Issue:
    form = IssueForm({"number": issue.number, "subject": "第七期", **typed}, instance=issue)
    assert form.is_valid(), form.errors
    form.save()
    form.save_kept_texts()
    return issue


def test_a_text_is_kept_by_a_name_and_put_at_the_end_of_another_issue():
    saved(make_issue(), closing=QUESTION, closing_as="一個問題")
    kept = KeptText.objects.get()

    issue = saved(make_issue(), closing="謝謝你讀到這裡。", closing_from=kept.pk)

    assert (kept.kind, kept.name, kept.text) == ("closing", "一個問題", QUESTION)
    assert issue.closing == f"謝謝你讀到這裡。\n\n{QUESTION}"


def test_a_name_that_is_known_gets_the_new_text_and_the_other_kind_keeps_its_own():
    for kind in ("introduction", "closing"):
        saved(make_issue(), **{kind: "舊", f"{kind}_as": "開場"})

    saved(make_issue(), closing="新", closing_as="開場")

    assert dict(KeptText.objects.values_list("kind", "text")) == {"introduction": "舊", "closing": "新"}


@pytest.mark.parametrize(("role", "status"), [("editor", 200), ("writer", 403)])
def test_whoever_composes_issues_may_change_what_is_kept(client, role, status):
    make_publication()
    kept = KeptText.objects.create(kind="closing", name="一個問題", text=QUESTION)
    client.force_login(make_helper(role))

    assert client.get(reverse("admin:issues_kepttext_change", args=[kept.pk])).status_code == status
