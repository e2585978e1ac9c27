"""Loads an export into an empty installation. Sends no mail."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched, repeat
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.db import DatabaseError, connection, models, transaction
from django.db.models import DateTimeField, Model, Q

from newsletter.delivery.ledger import restore_detection
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.course import CourseCopy
from newsletter.delivery.models.replies import ReplyMail
from newsletter.issues import search
from newsletter.issues.models import Issue, IssueItem
from newsletter.moving.folder import exporting, places, sheets, texts
from newsletter.moving.folder.layout import TEXT_BYTES, FolderError
from newsletter.moving.folder.manifest import ExportReader
from newsletter.moving.folder.sheets import ACCOUNTS_FILE, SHEETS, USER_COLUMNS, CellError, Field, Sheet
from newsletter.operation.preparing import newer_migration
from newsletter.posts.models import Image, Post, Series, Tag
from newsletter.posts.models.images import MEDIA_PATTERN
from newsletter.posts.search import index
from newsletter.publication.models import Publication
from subscribers.models import Pause, Subscriber

ROLES: Field = models.CharField(max_length=200)
ROLES.set_attributes_from_name("roles")
MAIL_BYTES = 256 * 1024**2
ROWS_AT_ONCE = 2000


def fill(folder: ExportReader) -> dict[str, int]:
    """Load all tables; return counts as in the manifest. Raises FolderError."""
    columns = Publication._meta.concrete_fields
    data = texts.load_yaml(folder.text(texts.SETTINGS, texts.FACTS_BYTES), texts.SETTINGS)
    insert_rows(Publication, columns, [texts.row_values(data, columns, texts.SETTINGS)])
    authors = _load_accounts(folder)
    rows = {}
    for sheet in SHEETS:
        rows[sheet.name] = _load_sheet(folder, sheet)
        if sheet.label == "posts.Tag":
            counts = {"posts": _load_posts(folder, authors), "issues": _load_issues(folder)}
    counts |= {name: rows[name] for name in ("readers", "mailings")} | {"deliveries": _load_copies(folder)}
    if counts != folder.facts.get("counts"):
        raise FolderError(f"it holds {counts}, and should hold {folder.facts.get('counts')}")
    given = folder.facts.get("numbers")
    sheets.continue_after(given if isinstance(given, dict) else {})
    return counts


def _load_accounts(folder: ExportReader) -> dict[str, int]:
    """Create missing accounts without a password; return primary keys by username."""
    groups = {group.name: group for group in Group.objects.all()}
    known = dict(User.objects.values_list("username", "pk"))
    fields = [field for field in User._meta.concrete_fields if field.name in USER_COLUMNS]
    for *values, roles in read_rows(folder, ACCOUNTS_FILE, [*fields, ROLES]):
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
    if sheet.model is Mailing:
        rows = _with_letters(folder, sheet, rows)
    elif sheet.model is ReplyMail:
        rows = ([pk, folder.octets(texts.reply_file(pk), MAIL_BYTES)] for (pk,) in rows)
    count = insert_rows(sheet.model, [*sheet.fields, *_fields_named(sheet.model, sheet.file_columns)], rows)
    if count != folder.files[sheet.file].get("rows"):
        raise FolderError(f"{sheet.file} has {count} rows in place of {folder.files[sheet.file].get('rows')}")
    return count


def _with_letters(folder: ExportReader, sheet: Sheet, rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    numbers = dict(Issue.objects.values_list("pk", "number"))
    columns = [field.attname for field in sheet.fields]
    issue, kind, number = (columns.index(name) for name in ("issue_id", "kind", "number"))
    for row in rows:
        names = (
            texts.letter_file(numbers.get(row[issue], 0), row[kind], row[number], form) for form in ("html", "txt")
        )
        yield [*row, *(folder.text(name, TEXT_BYTES) for name in names)]


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
    """Yield rows. Raises FolderError for a missing reference or a wrong type."""
    try:
        yield from rows
    except (KeyError, TypeError) as error:
        raise FolderError(f"a post or an issue names what is not there: {error}") from None


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
    pauses = Pause.objects.filter(is_due, settled_at=None, until__lte=now)
    copies = CourseCopy.objects.open().filter(is_due, planned_for__lte=now)
    count = welcomes.update(welcomed_at=now, welcome_due_at=None) + pauses.update(settled_at=now, due_at=None)
    count += copies.update(stopped_at=now, due_at=None)
    return count + sum(_empty_due(sheet.model, now) for sheet in SHEETS if sheet.model not in {Pause, CourseCopy})


def _empty_due(model: type[Model], now: datetime) -> int:
    """Clear a model's `…due_at` columns that have passed. Where an empty one is due at once, it is settled above."""
    fields = [field.attname for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
    due = [name for name in fields if name.endswith("due_at") and name != "welcome_due_at"]
    return sum(model._base_manager.filter(**{f"{name}__lte": now}).update(**{name: None}) for name in due)


class ImportRefused(Exception):
    """The export cannot be loaded here; the message says why and what to do."""


@dataclass(frozen=True)
class ImportedSite:
    """unsent: due mails of the old site, cancelled. has_secret: links in old mails work; None without keys."""

    exported_at: datetime
    counts: dict[str, int]
    pictures: int
    unsent: int
    has_secret: bool | None


def import_site(root: Path, now: datetime) -> ImportedSite:
    """Load an export in one transaction; sending waits for the author. Raises FolderError, ImportRefused."""
    folder = ExportReader.at(root)
    if name := newer_migration(str(name) for name in folder.facts.get("migrations", [])):
        raise ImportRefused(f"the export is of a newer version of this program, which knows {name}: update first")
    try:
        exported_at = datetime.fromisoformat(str(folder.facts.get("exported_at")))
    except ValueError:
        raise FolderError("its manifest does not say when it was made") from None
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
        raise FolderError(f"the database refuses what is in it: {str(error).partition(chr(10))[0]}") from error
    pictures = len(folder.below(places.PICTURES))
    return ImportedSite(exported_at, counts, pictures, unsent, has_secret if folder.below(places.KEYS) else None)


def _empty_installation() -> None:
    """Raise ImportRefused if there is content; remove what an installation has from its beginning."""
    content: list[type[Model]] = [Post, Issue, *(sheet.model for sheet in SHEETS if not sheet.has_initial_rows)]
    if found := next((model for model in content if model._base_manager.exists()), None):
        what = f"this installation is not empty: it has rows of {found._meta.label}"
        raise ImportRefused(f"{what}. Bring it into a new one, with a DATA_DIR of its own")
    for sheet in SHEETS:
        if sheet.has_initial_rows:
            sheet.model._base_manager.all().delete()
    Publication.objects.all().delete()


def read_rows(folder: ExportReader, file: str, fields: Sequence[Field]) -> Iterator[list[Any]]:
    """Yield values in the order of `fields`; missing columns get defaults. Raises FolderError."""
    lines = folder.rows(file)
    heading = next(lines)
    by_column = {field.attname: field for field in fields}
    if unknown := [column for column in heading if column not in by_column and column not in sheets.DROPPED_COLUMNS]:
        raise FolderError(f"{file} has the column {unknown[0]!r}, which this version does not know: update first")
    readers = [_value(field, heading) for field in fields]
    for number, line in enumerate(lines, 2):
        try:
            yield [one(line) for one in readers]
        except CellError as error:
            raise FolderError(f"{file}, row {number}: {error}") from None


def _value(field: Field, heading: Sequence[str]) -> Callable[[list[str]], Any]:
    """A function that takes a row and returns the value of `field`."""
    if field.attname not in heading:
        return lambda _line: field.get_default()
    index, value = heading.index(field.attname), sheets.cell_parser(field)
    return lambda line: value(line[index])


def insert_rows(model: type[models.Model], fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows in the caller's transaction; return how many. `bulk_create` would apply auto_now."""
    quote = connection.ops.quote_name
    columns, marks = ", ".join(quote(str(field.column)) for field in fields), ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own
    count = 0
    with connection.cursor() as cursor:
        for some in batched(rows, ROWS_AT_ONCE, strict=False):
            prepared = ([f.get_db_prep_save(value, connection) for f, value in zip(fields, row)] for row in some)  # noqa: B905 - as long
            cursor.executemany(sql, [*prepared])
            count += len(some)
    return count
