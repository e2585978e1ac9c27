"""The account of a move as a page to read and as data to count with."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsletter.posts.importers.account import Account, Entry
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.words import in_words

LABELS = {
    "words": _("Latin words"),
    "han": _("Han characters"),
    "links": _("links"),
    "pictures": _("pictures"),
    "alt texts": _("alternative texts"),
    "bold runs": _("bold runs"),
    "emphasis": _("emphasised runs"),
    "headings": _("headings in the text"),
    "lists": _("items of lists"),
    "tables": _("tables"),
    "code blocks": _("blocks of code"),
    "code in lines": _("code in lines"),
    "footnotes": _("footnotes"),
    "embeds": _("embeds"),
}


def as_data(account: Account) -> dict[str, Any]:
    """Return the account as JSON has it."""
    totals = {name: {"before": before, "after": after} for name, before, after in account.totals()}
    return {
        "program": account.program,
        "dry_run": account.is_dry_run,
        "summary": account.summary(),
        "redirects": account.redirects,
        "links": account.links,
        "issues": account.issues,
        "notes": account.notes,
        "totals": totals,
        "posts": [_as_data(entry) for entry in account.entries],
    }


def _as_data(entry: Entry) -> dict[str, Any]:
    remarks = [{"what": one.what, "detail": one.detail, "is_loss": one.is_loss} for one in entry.remarks]
    return {
        "name": entry.name,
        "title": entry.title,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "post": entry.pk,
        "before": entry.before,
        "after": entry.after,
        "remarks": remarks,
        "unnamed": list(entry.unnamed),
        "lost": entry.lost,
    }


def as_page(account: Account) -> str:
    """Return the account as a page that stands for itself: no script, nothing from elsewhere."""
    totals = [(LABELS[name], before, after, after - before) for name, before, after in account.totals()]
    entries = sorted((entry for entry in account.entries if entry.differs), key=lambda entry: -entry.lost)
    different = [(entry, _rows(entry), _said(entry)) for entry in entries]
    context = {"account": account, "totals": totals, "different": different, "summary": account.summary()}
    return render_to_string("posts/account.html", context)


def _said(entry: Entry) -> dict[str, Any]:
    return {
        "reason": in_words(entry.reason),
        "unnamed": [in_difference(words) for words in entry.unnamed],
        "remarks": [remark_in_words(one) for one in entry.remarks],
    }


def remark_in_words(remark: Remark) -> str:
    """Return a remark in the language that is active; what it is about stays as it was typed."""
    what = in_words(remark.what)
    return gettext("%(what)s: %(detail)s") % {"what": what, "detail": remark.detail} if remark.detail else what


def in_difference(unnamed: str) -> str:
    """Return a difference that no remark explains in the language that is active."""
    name, _colon, change = unnamed.partition(": ")
    return f"{LABELS[name]}: {change}" if name in LABELS else in_words(unnamed)


def _rows(entry: Entry) -> list[tuple[Any, int, int]]:
    return [(LABELS[name], before, after) for name, before, after in entry.different]
