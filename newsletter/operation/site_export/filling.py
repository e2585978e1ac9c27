"""The rows of an export into an empty database, in the caller's transaction."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import models

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.replies import ReplyMail
from newsletter.issues.models import Issue, IssueItem
from newsletter.operation.site_export import copies, numbering, texts
from newsletter.operation.site_export.cells import Field
from newsletter.operation.site_export.folder import Damaged, Reader
from newsletter.operation.site_export.loading import load, read
from newsletter.operation.site_export.sheets import ACCOUNT, ACCOUNTS, SHEETS, Sheet, numbered
from newsletter.posts.models import Image, Post, Tag
from newsletter.posts.models.images import ADDRESS
from newsletter.publication.models import Publication

ROLES: Field = models.CharField(max_length=200)
ROLES.set_attributes_from_name("roles")
MAIL_BYTES = 256 * 1024**2
type Say = Callable[[str], object]


def fill(folder: Reader, say: Say) -> dict[str, int]:
    """Load everything, and return how much there is of what a person counts. Raises Damaged."""
    _load_settings(folder)
    authors = _load_accounts(folder)
    rows = {}
    for sheet in SHEETS:
        say(sheet.name)
        rows[sheet.name] = _load_sheet(folder, sheet)
        if sheet.label == "posts.Tag":
            counts = {"posts": _load_posts(folder, authors), "issues": _load_issues(folder)}
    say("deliveries")
    counts |= {name: rows[name] for name in ("readers", "mailings")} | {"deliveries": copies.bring_in(folder)}
    if counts != folder.facts.get("counts"):
        raise Damaged(f"it holds {counts}, and should hold {folder.facts.get('counts')}")
    given = folder.facts.get("numbers")
    numbering.go_on(numbered(), given if isinstance(given, dict) else {})
    return counts


def _load_settings(folder: Reader) -> None:
    fields = Publication._meta.concrete_fields
    told = texts.loaded(folder.text(texts.SETTINGS, texts.FACTS_BYTES), texts.SETTINGS)
    load(Publication, fields, [texts.values(told, fields, texts.SETTINGS)])


def _load_accounts(folder: Reader) -> dict[str, int]:
    """Make accounts that nobody can log in to yet, but for those that are here; return their numbers by name."""
    groups = {group.name: group for group in Group.objects.all()}
    known = dict(User.objects.values_list("username", "pk"))
    fields = [field for field in User._meta.concrete_fields if field.name in ACCOUNT]
    for *values, roles in read(folder, ACCOUNTS, [*fields, ROLES]):
        row = dict(zip((field.attname for field in fields), values, strict=True))
        if row["username"] not in known:
            user = User(**row)
            user.set_unusable_password()
            user.save()
            user.groups.set(groups[name] for name in roles.split() if name in groups)
            known[row["username"]] = user.pk
    return known


def _load_sheet(folder: Reader, sheet: Sheet) -> int:
    """Load one table; an export of an older version may lack it."""
    if sheet.file not in folder.files:
        return 0
    rows = read(folder, sheet.file, sheet.fields)
    apart = APART.get(sheet.label)
    fields = [*sheet.fields, *_named(sheet.model, sheet.apart)]
    count = load(sheet.model, fields, apart(folder, sheet, rows) if apart else rows)
    if count != folder.files[sheet.file].get("rows"):
        raise Damaged(f"{sheet.file} has {count} rows in place of {folder.files[sheet.file].get('rows')}")
    return count


def _with_letters(folder: Reader, sheet: Sheet, rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    numbers = dict(Issue.objects.values_list("pk", "number"))  # now: no query while PostgreSQL takes in rows
    columns = [field.attname for field in sheet.fields]
    issue, kind, number = (columns.index(name) for name in ("issue_id", "kind", "number"))

    def letters(row: list[Any]) -> list[str]:
        which = numbers.get(row[issue], 0), row[kind], row[number]
        return [folder.text(texts.letter_file(*which, form), texts.TEXT_BYTES) for form in ("html", "txt")]

    return ([*row, *letters(row)] for row in rows)


def _with_mails(folder: Reader, _sheet: Sheet, rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    return ([pk, folder.octets(texts.reply_file(pk), MAIL_BYTES)] for (pk,) in rows)


APART: dict[str, Callable[[Reader, Sheet, Iterator[list[Any]]], Iterator[list[Any]]]] = {
    Mailing._meta.label: _with_letters,
    ReplyMail._meta.label: _with_mails,
}


def _load_posts(folder: Reader, authors: dict[str, int]) -> int:
    covers = dict(Image.objects.values_list("digest", "pk"))
    tags = dict(Tag.objects.values_list("name", "pk"))
    tagged: list[tuple[int, int]] = []
    fields = [field for field in Post._meta.concrete_fields if field.name != "body"]

    def rows() -> Iterator[list[Any]]:
        for name in folder.below("posts"):
            if name.endswith(".md"):
                told, body = texts.read_post(folder.octets(name, texts.TEXT_BYTES), name)
                found = ADDRESS.match(str(told.get("cover") or ""))
                told |= {"cover": covers[found[1]] if found else None, "author": authors.get(str(told.get("author")))}
                names = told.pop("tags", [])
                tagged.extend((told["id"], tags[tag]) for tag in names)
                yield [*texts.values(told, fields, name), body]

    count = load(Post, [*fields, *_named(Post, ("body",))], _known(rows()))
    load(Post.tags.through, _named(Post.tags.through, ("post", "tag")), tagged)
    return count


def _load_issues(folder: Reader) -> int:
    items: list[list[Any]] = []
    fields = [field for field in Issue._meta.concrete_fields if field.name not in texts.PARTS]

    def rows() -> Iterator[list[Any]]:
        for name in folder.below("issues"):
            if name.endswith("/issue.yaml"):
                told = texts.loaded(folder.text(name, texts.FACTS_BYTES), name)
                items.extend([told["id"], one["post"], one["position"], one["form"]] for one in told.pop("posts", []))
                parts = [folder.text(f"{name.rpartition('/')[0]}/{part}.md", texts.TEXT_BYTES) for part in texts.PARTS]
                yield [*texts.values(told, fields, name), *parts]

    count = load(Issue, [*fields, *_named(Issue, texts.PARTS)], _known(rows()))
    load(IssueItem, _named(IssueItem, ("issue", "post", "position", "form")), items)
    return count


def _named(model: type[models.Model], names: Sequence[str]) -> list[Field]:
    found = {field.name: field for field in model._meta.concrete_fields}
    return [found[name] for name in names]


def _known(rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """Yield rows; raise Damaged where one names what is not there, or has not the form that it should."""
    try:
        yield from rows
    except (KeyError, TypeError) as error:
        raise Damaged(f"a post or an issue names what is not there: {error}") from None
