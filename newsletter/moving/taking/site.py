"""Loads an export into an empty installation. Sends no mail."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.db import DatabaseError, models, transaction
from django.db.models import DateTimeField, Model, Q

from newsletter.delivery.ledger import restore_detection
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.course import CourseCopy
from newsletter.delivery.models.replies import ReplyMail
from newsletter.issues import search
from newsletter.issues.models import Issue, IssueItem
from newsletter.moving.folder import exporting, numbers, places, texts
from newsletter.moving.folder.layout import TEXT_BYTES, Damaged
from newsletter.moving.folder.manifest import ExportReader
from newsletter.moving.folder.sheets import ACCOUNT, ACCOUNTS, SHEETS, Field, Sheet, numbered
from newsletter.moving.taking.loading import insert_rows, read_rows
from newsletter.operation.preparing import newer_migration
from newsletter.posts.models import Image, Post, Series, Tag
from newsletter.posts.models.images import MEDIA_PATTERN
from newsletter.posts.search import index
from newsletter.publication.models import Publication
from subscribers.models import Pause, Subscriber

ROLES: Field = models.CharField(max_length=200)
ROLES.set_attributes_from_name("roles")
MAIL_BYTES = 256 * 1024**2


def fill(folder: ExportReader) -> dict[str, int]:
    """Load all tables; return counts as in the manifest. Raises Damaged."""
    _load_settings(folder)
    authors = _load_accounts(folder)
    rows = {}
    for sheet in SHEETS:
        rows[sheet.name] = _load_sheet(folder, sheet)
        if sheet.label == "posts.Tag":
            counts = {"posts": _load_posts(folder, authors), "issues": _load_issues(folder)}
    counts |= {name: rows[name] for name in ("readers", "mailings")} | {"deliveries": _load_copies(folder)}
    if counts != folder.facts.get("counts"):
        raise Damaged(f"it holds {counts}, and should hold {folder.facts.get('counts')}")
    given = folder.facts.get("numbers")
    numbers.continue_after(numbered(), given if isinstance(given, dict) else {})
    return counts


def _load_settings(folder: ExportReader) -> None:
    fields = Publication._meta.concrete_fields
    data = texts.load_yaml(folder.text(texts.SETTINGS, texts.FACTS_BYTES), texts.SETTINGS)
    insert_rows(Publication, fields, [texts.row_values(data, fields, texts.SETTINGS)])


def _load_accounts(folder: ExportReader) -> dict[str, int]:
    """Create missing accounts without a password; return primary keys by username."""
    groups = {group.name: group for group in Group.objects.all()}
    known = dict(User.objects.values_list("username", "pk"))
    fields = [field for field in User._meta.concrete_fields if field.name in ACCOUNT]
    for *values, roles in read_rows(folder, ACCOUNTS, [*fields, ROLES]):
        row = dict(zip((field.attname for field in fields), values, strict=True))
        if row["username"] not in known:
            user = User(**row)
            user.set_unusable_password()
            user.save()
            user.groups.set(groups[name] for name in roles.split() if name in groups)
            known[row["username"]] = user.pk
    return known


def _load_sheet(folder: ExportReader, sheet: Sheet) -> int:
    """Load one table; an export of an older version may lack it."""
    if sheet.file not in folder.files:
        return 0
    rows = read_rows(folder, sheet.file, sheet.fields)
    with_files = FILE_COLUMNS.get(sheet.label)
    fields = [*sheet.fields, *_fields_named(sheet.model, sheet.file_columns)]
    count = insert_rows(sheet.model, fields, with_files(folder, sheet, rows) if with_files else rows)
    if count != folder.files[sheet.file].get("rows"):
        raise Damaged(f"{sheet.file} has {count} rows in place of {folder.files[sheet.file].get('rows')}")
    return count


def _with_letters(folder: ExportReader, sheet: Sheet, rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    numbers = dict(Issue.objects.values_list("pk", "number"))
    columns = [field.attname for field in sheet.fields]
    issue, kind, number = (columns.index(name) for name in ("issue_id", "kind", "number"))

    def letters(row: list[Any]) -> list[str]:
        which = numbers.get(row[issue], 0), row[kind], row[number]
        return [folder.text(texts.letter_file(*which, form), TEXT_BYTES) for form in ("html", "txt")]

    return ([*row, *letters(row)] for row in rows)


def _with_mails(folder: ExportReader, _sheet: Sheet, rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    return ([pk, folder.octets(texts.reply_file(pk), MAIL_BYTES)] for (pk,) in rows)


FILE_COLUMNS: dict[str, Callable[[ExportReader, Sheet, Iterator[list[Any]]], Iterator[list[Any]]]] = {
    Mailing._meta.label: _with_letters,
    ReplyMail._meta.label: _with_mails,
}


def _load_posts(folder: ExportReader, authors: dict[str, int]) -> int:
    covers = dict(Image.objects.values_list("digest", "pk"))
    tags = dict(Tag.objects.values_list("name", "pk"))
    series = dict(Series.objects.values_list("title", "pk"))
    tagged: list[tuple[int, int]] = []
    fields = [field for field in Post._meta.concrete_fields if field.name != "body"]

    def rows() -> Iterator[list[Any]]:
        for name in folder.below("posts"):
            if name.endswith(".md"):
                data, body = texts.read_post(folder.octets(name, TEXT_BYTES), name)
                found = MEDIA_PATTERN.match(str(data.get("cover") or ""))
                data |= {"cover": covers[found[1]] if found else None, "author": authors.get(str(data.get("author")))}
                data["series"] = series[data["series"]] if data.get("series") else None
                names = data.pop("tags", [])
                tagged.extend((data["id"], tags[tag]) for tag in names)
                yield [*texts.row_values(data, fields, name), body]

    count = insert_rows(Post, [*fields, *_fields_named(Post, ("body",))], _known(rows()))
    insert_rows(Post.tags.through, _fields_named(Post.tags.through, ("post", "tag")), tagged)
    return count


def _load_issues(folder: ExportReader) -> int:
    items: list[list[Any]] = []
    fields = [field for field in Issue._meta.concrete_fields if field.name not in texts.PARTS]

    def rows() -> Iterator[list[Any]]:
        for name in folder.below("issues"):
            if name.endswith("/issue.yaml"):
                data = texts.load_yaml(folder.text(name, texts.FACTS_BYTES), name)
                items.extend([data["id"], one["post"], one["position"], one["form"]] for one in data.pop("posts", []))
                parts = [folder.text(f"{name.rpartition('/')[0]}/{part}.md", TEXT_BYTES) for part in texts.PARTS]
                yield [*texts.row_values(data, fields, name), *parts]

    count = insert_rows(Issue, [*fields, *_fields_named(Issue, texts.PARTS)], _known(rows()))
    insert_rows(IssueItem, _fields_named(IssueItem, ("issue", "post", "position", "form")), items)
    return count


def _fields_named(model: type[models.Model], names: Sequence[str]) -> list[Field]:
    found = {field.name: field for field in model._meta.concrete_fields}
    return [found[name] for name in names]


def _known(rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """Yield rows. Raises Damaged for a missing reference or a wrong type."""
    try:
        yield from rows
    except (KeyError, TypeError) as error:
        raise Damaged(f"a post or an issue names what is not there: {error}") from None


def _load_copies(folder: ExportReader) -> int:
    """Load the copies of every mailing, after the mailings and their batches; return how many."""
    count, fields = 0, exporting.copies_fields()
    whole = [*_fields_named(Delivery, ["mailing"]), *fields]
    for mailing_id in Mailing.objects.order_by("pk").values_list("pk", flat=True):
        if (file := exporting.copies_file(mailing_id)) in folder.files:
            rows = zip(repeat(mailing_id), read_rows(folder, file, fields), strict=False)
            count += insert_rows(Delivery, whole, ([pk, *row] for pk, row in rows))
    return count


def _cancel_due_mails(now: datetime) -> int:
    """Cancel every mail that is due by now; return how many."""
    is_due = Q(due_at=None) | Q(due_at__lte=now)
    welcomes = Subscriber.objects.filter(Q(welcome_due_at=None) | Q(welcome_due_at__lte=now), welcomed_at=None)
    welcomes = welcomes.exclude(confirmed_at=None)
    return sum(
        [
            welcomes.update(welcomed_at=now, welcome_due_at=None),
            Pause.objects.filter(is_due, settled_at=None, until__lte=now).update(settled_at=now, due_at=None),
            CourseCopy.objects.open().filter(is_due, planned_for__lte=now).update(stopped_at=now, due_at=None),
            *(_empty_due(sheet.model, now) for sheet in SHEETS if sheet.model not in {Pause, CourseCopy}),
        ]
    )


def _empty_due(model: type[Model], now: datetime) -> int:
    """Clear a model's `…due_at` columns that have passed. Where an empty one is due at once, it is settled above."""
    fields = [field.attname for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
    due = [name for name in fields if name.endswith("due_at") and name != "welcome_due_at"]
    return sum(model._base_manager.filter(**{f"{name}__lte": now}).update(**{name: None}) for name in due)


class ImportRefused(Exception):
    """The export cannot be loaded here; the message says why and what to do."""


@dataclass(frozen=True)
class ImportedSite:
    """The result. unsent: mails that were due at the old site and are cancelled.

    has_secret: links in old mails work here; None if the export has no keys.
    """

    exported_at: datetime
    counts: dict[str, int]
    pictures: int
    unsent: int
    has_secret: bool | None


def import_site(root: Path, now: datetime) -> ImportedSite:
    """Load an export in one transaction. Nothing is sent until the author decides on the desk.

    After a kill, run it again: the database is unchanged. Raises Damaged or ImportRefused.
    """
    folder = ExportReader.at(root)
    _refuse_newer(folder)
    exported_at = _moment(folder)
    places.refuse_foreign_files(folder)
    folder.verify()
    try:
        with transaction.atomic():
            _empty_installation()
            counts = fill(folder)
            unsent = _cancel_due_mails(now)
            restore_detection.block_sending(exported_at, now)
            caches["pages"].clear()  # the publication, as this process knew it
            index.rebuild_index(search.search_documents())
            has_secret = places.put_files(folder)  # last: what is committed is whole
    except DatabaseError as error:
        raise Damaged(f"the database refuses what is in it: {str(error).partition(chr(10))[0]}") from error
    pictures = len(folder.below(places.PICTURES))
    return ImportedSite(exported_at, counts, pictures, unsent, has_secret if folder.below(places.KEYS) else None)


def _moment(folder: ExportReader) -> datetime:
    try:
        return datetime.fromisoformat(str(folder.facts.get("exported_at")))
    except ValueError:
        raise Damaged("its manifest does not say when it was made") from None


def _refuse_newer(folder: ExportReader) -> None:
    """Raise ImportRefused if the export is of a newer version of the product."""
    if name := newer_migration(str(name) for name in folder.facts.get("migrations", [])):
        raise ImportRefused(f"the export is of a newer version of this program, which knows {name}: update first")


def _empty_installation() -> None:
    """Raise ImportRefused if there is content; remove what an installation has from its beginning."""
    content: list[type[Model]] = [Post, Issue, *(sheet.model for sheet in SHEETS if not sheet.has_initial_rows)]
    if found := next((model for model in content if model._base_manager.exists()), None):
        what = f"it has rows of {found._meta.label}"
        raise ImportRefused(
            f"this installation is not empty: {what}. Bring it into a new one, with a DATA_DIR of its own"
        )
    for sheet in SHEETS:
        if sheet.has_initial_rows:
            sheet.model._base_manager.all().delete()
    Publication.objects.all().delete()
