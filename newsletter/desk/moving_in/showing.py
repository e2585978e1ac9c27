"""What the page of an import shows: how far it is, its account, and what can be done next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import ngettext, pgettext_lazy

from newsletter.desk.intake import keeping
from newsletter.desk.models import EXPORTS_KEPT, PostImport, PostImportEntry
from newsletter.posts.importers.account import LABELS, in_difference, in_words, remark_in_words
from newsletter.posts.importers.html.counts import THINGS

State = PostImport.State
DOTS: dict[str, str] = {
    State.WORKING: "wait",
    State.TRIED: "warn",
    State.DONE: "good",
    State.STOPPED: "warn",
    State.FAILED: "bad",
}
OUTCOMES: dict[str, Promise] = {
    "created": pgettext_lazy("of posts", "new"),
    "updated": pgettext_lazy("of posts", "changed"),
    "unchanged": pgettext_lazy("of posts", "as they were"),
    "rejected": pgettext_lazy("of posts", "left out"),
}
LOOKED_AT = 10  # posts of an import, beside their old pages
AT_ONCE = 20  # texts of the account on a page
PATIENCE = timedelta(minutes=1)  # without a worker, after which the page says so


@dataclass(frozen=True)
class Row:
    """A thing of the account: how many there were, and are."""

    label: Any
    before: int
    after: int

    @property
    def change(self) -> int:
        return self.after - self.before


@dataclass(frozen=True)
class Text:
    """A text that is not as it was, and why."""

    row: PostImportEntry
    reason: str
    unnamed: list[str]
    remarks: list[str]
    things: list[Row]


def facts(found: PostImport, now: datetime, page: str) -> dict[str, Any]:
    """Return all that the page of an import shows."""
    counts = found.counts
    has_account = bool(counts) and not found.is_at_work
    texts = _texts(found, page) if has_account else None
    return {
        "found": found,
        "dot": DOTS.get(found.state, ""),
        "what_it_is": kinds(found),
        "ends": [(label, counts[name]) for name, label in OUTCOMES.items() if counts.get(name)],
        "totals": rows_of(found.totals) if has_account else [],
        "texts": texts,
        "listed": [text_of(row) for row in texts] if texts else [],
        "to_do": found.total if found.stage == "posts" else max(found.total, found.cursor),
        "has_no_worker": _has_no_worker(found, now),
        "has_file": found.has_file(now),
        "kept_until": (found.ended_at or found.created_at) + EXPORTS_KEPT,
        "mailed": found.entries.exclude(mailed_at=None).count() if has_account else 0,
        "side_by_side": _side_by_side(found),
        "unnamed": counts.get("unnamed", 0),
        "counted": has_account,
        "error": in_words(found.error),
        "asks_for_site": found.program == "Ghost" and not found.site,
        "found_url": reverse("admin:move_in_import", args=[found.pk]),
    }


def comparable(found: PostImport) -> QuerySet[PostImportEntry]:
    """Return the entries with a post and the old page that it came from."""
    return found.entries.exclude(post=None).filter(old_size__gt=0)


def _side_by_side(found: PostImport) -> str:
    """Return the words of the link to the posts beside their old pages; "" if there are none to look at."""
    is_over = found.state in {State.DONE, State.STOPPED} and not found.is_trial
    count = min(LOOKED_AT, comparable(found).count()) if is_over else 0
    words = ngettext("%(count)s post, old and new side by side", "%(count)s posts, old and new side by side", count)
    return words % {"count": count} if count else ""


def rights_of(user: Any) -> dict[str, bool]:
    """Return which links lead the user somewhere."""
    return {
        "may_make_issues": user.has_perm("issues.add_issue"),
        "may_change_posts": user.has_perm("posts.change_post"),
        "may_see_addresses": user.has_perm("posts.view_redirect"),
        "may_bring_readers": user.has_perms(("subscribers.add_subscriber", "subscribers.change_subscriber")),
    }


def kinds(found: PostImport) -> list[str]:
    """Return in words what is in the file, as far as it was read."""
    counts = found.counts
    if not counts:
        return [_number(found.total, "%d text", "%d texts")]
    said = [
        (counts.get("posts", 0), ngettext("%d post", "%d posts", counts.get("posts", 0))),
        (counts.get("pages", 0), ngettext("%d page", "%d pages", counts.get("pages", 0))),
        (counts.get("drafts", 0), ngettext("%d draft", "%d drafts", counts.get("drafts", 0))),
        (counts.get("pictures", 0), ngettext("%d picture", "%d pictures", counts.get("pictures", 0))),
    ]
    return [words % number for number, words in said if number]


def rows_of(totals: dict[str, list[int]]) -> list[Row]:
    """Return the things that there are any of, in the order of the account."""
    rows = (Row(LABELS[name], *totals.get(name, (0, 0))) for name in THINGS)
    return [row for row in rows if row.before or row.after]


def _number(number: int, one: str, many: str) -> str:
    return ngettext(one, many, number) % number


def _has_no_worker(found: PostImport, now: datetime) -> bool:
    """Return whether nobody works at it, though somebody should: all workers are away, or one was killed."""
    begun = found.lease_until or found.begun_at
    return found.is_at_work and begun is not None and begun < now - (PATIENCE if not found.lease_until else timedelta())


def _texts(found: PostImport, page: str) -> Any:
    words_lost = F("account__lost").desc(nulls_last=True)
    different = found.entries.filter(differs=True).order_by(words_lost, "-losses", "place")
    return Paginator(different, AT_ONCE).get_page(page)


def text_of(row: PostImportEntry) -> Text:
    entry = keeping.entry_of(row)
    return Text(
        row,
        in_words(entry.reason),
        [in_difference(words) for words in entry.unnamed],
        [remark_in_words(one) for one in entry.remarks],
        [Row(LABELS[name], before, after) for name, before, after in entry.different],
    )
