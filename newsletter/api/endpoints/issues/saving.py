"""A save of an issue as its form on the desk does it: the same forms, the same storing, the same line in the record."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.forms import inlineformset_factory

from newsletter.api.forms import problem_of
from newsletter.api.problems import Error, Problem
from newsletter.desk.issues.audit import detail_of, store_rest, store_words
from newsletter.issues.forms import IssueForm, ItemForm, ItemFormSet
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.saving import ELSEWHERE, StaleText
from newsletter.publication.changes import Change

Items = inlineformset_factory(Issue, IssueItem, form=ItemForm, formset=ItemFormSet, extra=0)
WORDS = ("number", "subject", "preheader", "introduction", "closing")
POSTS = "posts"


def save(issue: Issue, changes: Mapping[str, Any]) -> Issue:
    """Store what is to change of an issue, new or not, and return it. Raises a Problem."""
    is_new = issue.pk is None
    form = _form(issue, changes)
    if not form.is_valid():
        raise Problem("changed") if form.has_error("__all__", ELSEWHERE) else problem_of(form, {})
    formset = _formset(issue, changes.get(POSTS))
    _refuse_faults(formset, changes.get(POSTS) or ())
    if is_new or form.changed_data or formset.has_changed():
        _store(form, formset, is_new=is_new)
    return issue


def _form(issue: Issue, changes: Mapping[str, Any]) -> IssueForm:
    """Return the form of an issue, filled in with what it has, and `changes` over that."""
    words = {name: getattr(issue, name) for name in WORDS} | {"seen_version": issue.version}
    return IssueForm(words | {name: changes[name] for name in WORDS if name in changes}, instance=issue)


def _formset(issue: Issue, wanted: Sequence[Mapping[str, Any]] | None) -> Any:
    """Return the rows of an issue's posts as they are to be; None leaves them as they are."""
    there = list(issue.items.all()) if issue.pk else []
    if wanted is None:
        wanted = [{"post": item.post_id, "form": item.form} for item in there]
    first = {row["post"]: place for place, row in reversed(list(enumerate(wanted)))}
    known = {item.post_id for item in there}
    rows: list[dict[str, Any]] = []
    for item in there:
        place = first.get(item.post_id)
        gone = {"post": item.post_id, "form": item.form, "position": len(rows) + 1, "DELETE": "on"}
        rows.append({"id": item.pk} | (gone if place is None else _row(wanted[place], place, item.form)))
    news = [one for one in enumerate(wanted) if one[1]["post"] not in known or first[one[1]["post"]] != one[0]]
    rows += [_row(row, place) for place, row in news]
    data = {f"{POSTS}-{index}-{name}": value for index, row in enumerate(rows) for name, value in row.items()}
    data |= {f"{POSTS}-TOTAL_FORMS": len(rows), f"{POSTS}-INITIAL_FORMS": len(there)}
    return Items(data, instance=issue, prefix=POSTS)


def _row(row: Mapping[str, Any], place: int, form: str = IssueItem.Form.EXCERPT) -> dict[str, Any]:
    return {"post": row["post"], "form": row.get("form", form), "position": place + 1}


def _refuse_faults(formset: Any, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Raise a Problem for what the rows of posts object to, each at its place."""
    if formset.is_valid():
        return
    posts = [row["post"] for row in wanted]
    errors = [Error(str(text), pointer=f"/{POSTS}") for text in formset.non_form_errors()]
    for form in (one for one in formset.forms if one.errors):
        place = posts.index(int(form["post"].value()))
        for name, texts in form.errors.items():
            pointer = f"/{POSTS}/{place}" + ("" if name == "__all__" else f"/{name}")
            errors += [Error(str(text), pointer=pointer) for text in texts]
    raise Problem("invalid", errors=errors)


def _store(form: IssueForm, formset: Any, *, is_new: bool) -> None:
    issue: Issue = form.instance
    if is_new:
        form.save()
        formset.instance = issue
    else:
        try:
            store_words(issue, form.cleaned_data["seen_version"])
        except StaleText as error:
            raise Problem("changed") from error
    formset.save()
    store_rest(form)
    what = Change.What.ADDED if is_new else Change.What.CHANGED
    if (detail := detail_of(form.changed_data, form, [formset], is_new=is_new)) or is_new:
        Change.objects.log(what, [issue], detail)
