"""Write an export: everything of one moment, while the newsletter runs."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db.migrations.recorder import MigrationRecorder

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.replies import ReplyMail
from newsletter.issues.models import Issue
from newsletter.operation.site_export import cells, copies, guide, numbering, places, texts
from newsletter.operation.site_export.progress import Line
from newsletter.operation.site_export.sheets import ACCOUNT, ACCOUNTS, SHEETS, Sheet, numbered
from newsletter.operation.site_export.snapshot import ALIAS, snapshot
from newsletter.operation.site_export.writing import Writer, whole
from newsletter.posts.models import Post
from newsletter.publication.models import Publication

AT_ONCE = 200  # posts, or issues


@dataclass(frozen=True)
class Exported:
    """An export that is whole. counts: what is in it, by the word for it."""

    path: Path
    files: int
    octets: int
    counts: dict[str, int]
    seconds: float


def export(place: Path, now: datetime, *, with_keys: bool = False, line: Line | None = None) -> Exported:
    """Write the whole site into a new folder.

    with_keys: also the secrets by which links in old mails open, and that sign mails.
    Raises FileExistsError if the folder is there and not empty, or OSError; then there is none.
    """
    began = time.monotonic()
    Publication.objects.fresh()  # there is one, from now on
    with whole(place, line) as folder:
        with snapshot() as connection:
            facts = _facts(now, with_keys=with_keys)
            facts["migrations"] = sorted(".".join(one) for one in MigrationRecorder(connection).applied_migrations())
            facts["numbers"] = numbering.given(numbered(), ALIAS)
            counts = _write_all(folder)
        # After the database: each picture that it names is there, and who leaves meanwhile is in the lines.
        places.write(folder, with_keys=with_keys)
        guide.write(folder)
        folder.finish(facts | {"counts": counts})
        octets = sum(told["bytes"] for told in folder.files.values())
    return Exported(place, len(folder.files) + 1, octets, counts, time.monotonic() - began)


def _facts(now: datetime, *, with_keys: bool) -> dict[str, object]:
    exported_at = now.astimezone(UTC).isoformat(timespec="seconds")
    return {"exported_at": exported_at, "site_url": settings.SITE_URL, "has_keys": with_keys}


def _write_all(folder: Writer) -> dict[str, int]:
    """Write what is in the database; return how much there is of what a person counts."""
    folder.add(texts.SETTINGS, texts.dumped(texts.facts(Publication.objects.using(ALIAS).get())).encode())
    _write_accounts(folder)
    counts = {"posts": _write_posts(folder), "issues": _write_issues(folder)}
    rows = {sheet.name: _write_sheet(folder, sheet) for sheet in SHEETS}
    _write_letters(folder)
    for reply_id, body in ReplyMail.objects.using(ALIAS).order_by("pk").values_list("pk", "body").iterator(AT_ONCE):
        folder.add(texts.reply_file(reply_id), bytes(body))
    return counts | {name: rows[name] for name in ("readers", "mailings")} | {"deliveries": copies.write(folder)}


def _write_sheet(folder: Writer, sheet: Sheet) -> int:
    columns = [field.attname for field in sheet.fields]
    rows = sheet.model._base_manager.using(ALIAS).order_by("pk").values_list(*columns).iterator(chunk_size=2000)
    return folder.add_rows(sheet.file, columns, _lines(sheet, rows))


def _lines(sheet: Sheet, rows: Iterator[Sequence[object]]) -> Iterator[list[str]]:
    writers = [cells.writer(field) for field in sheet.fields]
    return ([write(value) for write, value in zip(writers, row, strict=True)] for row in rows)


def _write_accounts(folder: Writer) -> None:
    """Write who works at the desk: neither passwords nor second factors."""
    fields = [field for field in User._meta.concrete_fields if field.name in ACCOUNT]
    writers = [cells.writer(field) for field in fields]
    users = User.objects.using(ALIAS).order_by("pk").prefetch_related("groups")
    rows = (
        [write(getattr(user, field.attname)) for write, field in zip(writers, fields, strict=True)]
        + [" ".join(sorted(group.name for group in user.groups.all()))]
        for user in users
    )
    folder.add_rows(ACCOUNTS, [*(field.attname for field in fields), "roles"], rows)


def _write_posts(folder: Writer) -> int:
    posts = Post.objects.using(ALIAS).order_by("pk").select_related("cover", "created_by").prefetch_related("tags")
    count = 0
    for count, post in enumerate(posts.iterator(chunk_size=AT_ONCE), 1):  # noqa: B007 - the last one is returned
        cover = post.cover.get_absolute_url() if post.cover else None
        author = post.created_by.username if post.created_by else None
        tags = [tag.name for tag in post.tags.all()]
        folder.add(texts.post_file(post.pk, post.words), texts.written_post(post, tags, cover, author))
    return count


def _write_issues(folder: Writer) -> int:
    issues = Issue.objects.using(ALIAS).order_by("number").prefetch_related("items")
    count = 0
    for count, issue in enumerate(issues.iterator(chunk_size=AT_ONCE), 1):  # noqa: B007 - the last one is returned
        for name, octets in texts.written_issue(issue, list(issue.items.all())).items():
            folder.add(name, octets)
    return count


def _write_letters(folder: Writer) -> None:
    mailings = Mailing.objects.using(ALIAS).order_by("pk")
    for mailing in mailings.select_related("issue").iterator(chunk_size=AT_ONCE):
        for form, text in (("html", mailing.html), ("txt", mailing.text)):
            name = texts.letter_file(mailing.issue.number, mailing.kind, mailing.number, form)
            folder.add(name, text.encode())
