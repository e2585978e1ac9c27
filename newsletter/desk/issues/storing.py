"""How an issue is stored once its form is valid: by the desk, and by programs (newsletter/api)."""

from collections.abc import Iterable
from typing import Any

from django.db.models import F

from newsletter.issues.archiving import index_issue
from newsletter.issues.forms import IssueForm
from newsletter.issues.models import Issue
from newsletter.posts.saving import StaleText


def is_number_fixed(issue: Issue) -> bool:
    """Return whether an issue was approved: its number stands in mails and links."""
    return bool(issue.sent_at or issue.mailings.exists())


def store_words(issue: Issue, seen: int) -> None:
    """Save what was typed; `sent_at` is not the author's. Raises StaleText if the version that was seen is gone."""
    if not Issue.objects.filter(pk=issue.pk, version=seen).update(version=F("version") + 1):
        raise StaleText
    issue.save(update_fields=[*IssueForm.Meta.fields, "updated_at"])


def store_rest(form: IssueForm) -> None:
    """Put in the posts that were ticked, keep the texts that were named, and let the issue be found as it is now."""
    form.add_posts()
    form.keep_texts()
    index_issue(Issue.objects.get(pk=form.instance.pk))  # as it is now: it may have been sent meanwhile


def detail_of(fields: Iterable[str], form: IssueForm, formsets: Iterable[Any], *, is_new: bool) -> dict[str, Any]:
    """Return the detail of a Change; the posts that were ticked or named are shown as put in."""
    put_in, taken_out, arranged = [str(post) for post in form.put_in], [], []
    for formset in () if is_new else formsets:
        put_in = [*(str(item) for item in formset.new_objects), *put_in]
        taken_out += [str(item) for item in formset.deleted_objects]
        arranged += [str(item) for item, _fields in formset.changed_objects]
    words = [name for name in fields if name in IssueForm.Meta.fields]
    found = {"fields": words, "put_in": put_in, "taken_out": taken_out, "arranged": arranged}
    return {name: values for name, values in found.items() if values}
