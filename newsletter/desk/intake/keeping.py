"""What an import keeps of each text: a line of its account, and what it adds to the sums."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from newsletter.desk.intake import files
from newsletter.desk.models import PostImport, PostImportEntry
from newsletter.issues.archiving import PREHEADER_MAX, SUBJECT_MAX
from newsletter.mail.characters import single_line
from newsletter.posts.importers.account import Account, Entry
from newsletter.posts.importers.html.counts import THINGS, Remark
from newsletter.posts.importers.imported import ImportedPost, Spool

if TYPE_CHECKING:
    from newsletter.posts.importers.moving import Step

KINDS = ("post", "page", "draft")


def keep(found: PostImport, place: int, step: "Step", entry: Entry, now: datetime) -> None:
    """Write the line of a text, and add it to the sums in the row of the import. The caller saves the row."""
    post = step.imported
    at, size = files.add_page(found, _page(step)) if post and post.page else (found.kept, 0)
    found.kept += size
    kind = kind_of(post) if post else ""
    values = {
        "name": entry.name[:300],
        "source": post.source if post else "",
        "title": entry.title,
        "outcome": entry.outcome,
        "kind": kind,
        "post_id": entry.pk,
        "account": _as_json(entry),
        "losses": entry.losses,
        "differs": entry.differs,
        "keys": list(step.keys),
        "old_at": at,
        "old_size": size,
        **(_mailed(post, now) if post and found.is_trial else {}),  # later it is what the author has corrected
    }
    PostImportEntry.objects.update_or_create(post_import=found, place=place, defaults=values)
    _add(found, entry, kind, len(step.ready.looked.placing.placed) if step.ready else 0)


def kind_of(post: ImportedPost) -> str:
    if post.published_at is None:
        return "draft"
    return "page" if post.is_unlisted else "post"


def _mailed(post: ImportedPost, now: datetime) -> dict[str, Any]:
    """Return what an issue would be made of, if the post was mailed and will be public."""
    mailed = post.mailed
    if mailed is None or post.published_at is None or post.published_at > now or mailed.at > now:
        return {"mailed_at": None}
    subject = single_line(mailed.subject).strip()[:SUBJECT_MAX]
    return {
        "mailed_at": mailed.at,
        "subject": subject or post.title,
        "preheader": single_line(mailed.preheader).strip()[:PREHEADER_MAX],
    }


def _page(step: "Step") -> str:
    """Return the old page with the pictures that have come along: the old site may be gone."""
    post = step.imported
    if post is None or step.ready is None:
        return ""
    page = post.page
    for address, picture in step.ready.looked.placing.placed.items():
        for form in {address, escape(address), unescape(address)}:
            page = page.replace(f'src="{form}"', f'src="{picture.url}"')
    return page


def _add(found: PostImport, entry: Entry, kind: str, pictures: int) -> None:
    counts = Counter(found.counts)
    counts.update({entry.outcome: 1, "losses": entry.losses, "unnamed": len(entry.unnamed), "pictures": pictures})
    counts.update({"differ": 1} if entry.differs else {})
    counts.update({f"{kind}s": 1} if kind else {})
    found.counts = dict(counts)
    for name in THINGS:
        before, after = found.totals.get(name, (0, 0))
        found.totals[name] = [before + entry.before.get(name, 0), after + entry.after.get(name, 0)]


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
        "remarks": [[one.what, one.detail[:500], one.is_loss] for one in entry.remarks],
        "unnamed": list(entry.unnamed),
        "lost": entry.lost,
    }


def entry_of(row: PostImportEntry) -> Entry:
    """Return the line of an account again."""
    kept = row.account
    return Entry(
        row.name,
        row.outcome,
        row.title,
        reason=kept.get("reason", ""),
        pk=row.post_id,
        before=kept.get("before", {}),
        after=kept.get("after", {}),
        remarks=tuple(Remark(what, detail, is_loss=is_loss) for what, detail, is_loss in kept.get("remarks", [])),
        unnamed=tuple(kept.get("unnamed", [])),
        lost=kept.get("lost", 0),
    )


def account_of(found: PostImport) -> Account:
    """Return the whole account, for a file."""
    entries: Iterator[PostImportEntry] = found.entries.iterator(500)
    return Account(
        found.program,
        found.is_trial,
        Spool(entry_of(row) for row in entries),
        links=found.links,
        issues=found.issues,
    )
