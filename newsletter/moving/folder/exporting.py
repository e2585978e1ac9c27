"""Writes an export: everything of one moment, while the newsletter runs. Each mailing's copies are a table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.utils import translation

from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.replies import ReplyMail
from newsletter.issues.models import Issue
from newsletter.moving.folder import places, sheets, texts
from newsletter.moving.folder.layout import dump_yaml, new_folder, post_file
from newsletter.moving.folder.manifest import ExportWriter
from newsletter.moving.folder.sheets import ACCOUNTS_FILE, SHEETS, USER_COLUMNS, Field, Sheet
from newsletter.posts.models import Post
from newsletter.publication.models import Publication

ALIAS = "snapshot"


@contextmanager
def snapshot() -> Iterator[BaseDatabaseWrapper]:
    """Yield a connection for reading in one transaction. Writers do not wait for it; querysets use it by ALIAS."""
    own = connection.copy(alias=ALIAS)
    own.settings_dict["CONN_HEALTH_CHECKS"] = False
    connections[ALIAS] = own
    try:
        with own.cursor() as cursor:
            if own.vendor == "postgresql":
                own.set_autocommit(False)
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            else:
                cursor.execute("BEGIN DEFERRED")
            cursor.execute("SELECT COUNT(*) FROM django_migrations")  # the first query takes the snapshot
        yield own
    finally:
        own.close()
        del connections[ALIAS]


COPIES = "deliveries"
COPY_COLUMNS = ("seq", "subscriber_id", "state", "attempts", "sent_at", "provider_id", "reply")


def copies_fields() -> list[Field]:
    found = {field.attname: field for field in Delivery._meta.concrete_fields}
    return [found[name] for name in COPY_COLUMNS]


def copies_file(mailing_id: int) -> str:
    return f"{COPIES}/{mailing_id}.csv"


def _write_copies(folder: ExportWriter) -> int:
    """Write the copies of every mailing that has some; return how many."""
    count = 0
    for mailing_id in Mailing.objects.using(ALIAS).exclude(planned_at=None).order_by("pk").values_list("pk", flat=True):
        rows = Delivery.objects.using(ALIAS).filter(mailing=mailing_id).order_by("seq").values_list(*COPY_COLUMNS)
        count += folder.add_rows(copies_file(mailing_id), COPY_COLUMNS, _lines(copies_fields(), rows.iterator()))
    return count


def tables() -> str:
    """What each column of each table means."""
    lines = ["# Tables", "", "UTF-8, RFC 4180, the heading first. An empty cell is nothing. Moments are in UTC."]
    described = [(sheet.file, sheet.fields) for sheet in SHEETS]
    for file, fields in (*described, (f"{COPIES}/*.csv", copies_fields())):
        lines += ["", f"## {file}", ""]
        for field in fields:
            choices = (f"{value} = {label}" for value, label in field.flatchoices)
            lines.append(f"- `{field.attname}`: {', '.join([str(field.help_text or field.verbose_name), *choices])}")
    return "\n".join(lines) + "\n"


AT_ONCE = 200  # posts, or issues


@dataclass(frozen=True)
class Exported:
    """A complete export. counts: by plural noun, as “posts”."""

    path: Path
    files: int
    octets: int
    counts: dict[str, int]


def export(place: Path, now: datetime, *, with_keys: bool = False) -> Exported:
    """Write everything into a new folder. Raises OSError, also if it exists and is not empty; then nothing is left."""
    Publication.objects.fresh()  # creates it, if there is none
    with new_folder(place) as root:
        folder = ExportWriter(root)
        with snapshot() as connection:
            exported_at = now.astimezone(UTC).isoformat(timespec="seconds")
            facts = {"exported_at": exported_at, "site_url": settings.SITE_URL, "has_keys": with_keys}
            facts["migrations"] = sorted(map(".".join, MigrationRecorder(connection).applied_migrations()))
            facts["numbers"] = sheets.highest_numbers(ALIAS)
            counts = _write_all(folder)
        # After the snapshot, so that its pictures exist and departures meanwhile are in the logs.
        places.write_files(folder, with_keys=with_keys)
        folder.add("README.md", (Path(__file__).parent / "README.export.md").read_bytes())
        with translation.override("en"):
            folder.add("TABLES.md", tables().encode())
        folder.finish(facts | {"counts": counts})
        octets = sum(entry["bytes"] for entry in folder.files.values())
    return Exported(place, len(folder.files) + 1, octets, counts)


def _write_all(folder: ExportWriter) -> dict[str, int]:
    """Write the database; return counts of posts, issues, readers, mailings and deliveries."""
    folder.add(texts.SETTINGS, dump_yaml(texts.row_data(Publication.objects.using(ALIAS).get())).encode())
    _write_accounts(folder)
    counts = {"posts": _write_posts(folder), "issues": _write_issues(folder)}
    rows = {sheet.name: _write_sheet(folder, sheet) for sheet in SHEETS}
    _write_letters(folder)
    for reply_id, body in ReplyMail.objects.using(ALIAS).order_by("pk").values_list("pk", "body").iterator(AT_ONCE):
        folder.add(texts.reply_file(reply_id), bytes(body))
    return counts | {name: rows[name] for name in ("readers", "mailings")} | {"deliveries": _write_copies(folder)}


def _write_sheet(folder: ExportWriter, sheet: Sheet) -> int:
    columns = [field.attname for field in sheet.fields]
    rows = sheet.model._base_manager.using(ALIAS).order_by("pk").values_list(*columns).iterator(chunk_size=2000)
    return folder.add_rows(sheet.file, columns, _lines(sheet.fields, rows))


def _lines(fields: Sequence[Field], rows: Iterator[Sequence[object]]) -> Iterator[list[str]]:
    writers = [sheets.cell_writer(field) for field in fields]
    return ([write(value) for write, value in zip(writers, row, strict=True)] for row in rows)


def _write_accounts(folder: ExportWriter) -> None:
    """Write who works at the desk: neither passwords nor second factors."""
    fields = [field for field in User._meta.concrete_fields if field.name in USER_COLUMNS]
    users = User.objects.using(ALIAS).order_by("pk").prefetch_related("groups")
    lines = _lines(fields, ([getattr(user, field.attname) for field in fields] for user in users))
    roles = (" ".join(sorted(group.name for group in user.groups.all())) for user in users)
    rows = ([*line, role] for line, role in zip(lines, roles, strict=True))
    folder.add_rows(ACCOUNTS_FILE, [*(field.attname for field in fields), "roles"], rows)


def _write_posts(folder: ExportWriter) -> int:
    posts = Post.with_trash.using(ALIAS).order_by("pk").select_related("cover", "created_by", "series")
    posts = posts.prefetch_related("tags")
    count = 0
    for count, post in enumerate(posts.iterator(chunk_size=AT_ONCE), 1):  # noqa: B007 - the last one is returned
        cover = post.cover.get_absolute_url() if post.cover else None
        author = post.created_by.username if post.created_by else None
        tags = [tag.name for tag in post.tags.all()]
        folder.add(post_file(post.pk, post.words), texts.written_post(post, tags, cover, author))
    return count


def _write_issues(folder: ExportWriter) -> int:
    issues = Issue.with_trash.using(ALIAS).order_by("number").prefetch_related("items")
    count = 0
    for count, issue in enumerate(issues.iterator(chunk_size=AT_ONCE), 1):  # noqa: B007 - the last one is returned
        for name, octets in texts.written_issue(issue, list(issue.items.all())).items():
            folder.add(name, octets)
    return count


def _write_letters(folder: ExportWriter) -> None:
    mailings = Mailing.objects.using(ALIAS).order_by("pk")
    for mailing in mailings.select_related("issue").iterator(chunk_size=AT_ONCE):
        for form, text in (("html", mailing.html), ("txt", mailing.text)):
            name = texts.letter_file(mailing.issue.number, mailing.kind, mailing.number, form)
            folder.add(name, text.encode())
