"""Introductions and closings that an author keeps to use again."""

import pytest
from django.urls import reverse

from newsletter.issues.forms import IssueForm
from newsletter.issues.models import Issue, KeptText
from tests.factories import make_helper, make_issue, make_publication

pytestmark = pytest.mark.django_db
QUESTION = "你最近一場可以不開的會，是哪一場？"


def saved(issue: Issue, **typed: object) -> Issue:
    form = IssueForm({"number": issue.number, "subject": "第七期", **typed}, instance=issue)
    assert form.is_valid(), form.errors
    form.save()
    form.keep_texts()
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
