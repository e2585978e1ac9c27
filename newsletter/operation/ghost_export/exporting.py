"""Write an export for Ghost: everything of one moment, while the newsletter runs."""

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from itertools import batched
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import translation
from django.utils.html import format_html

from newsletter.issues.models import Issue
from newsletter.operation.ghost_export import bodies, members, tables
from newsletter.operation.ghost_export.addresses import Addresses, issue_slug, picture, slugs
from newsletter.operation.ghost_export.redirects import Redirects, redirects
from newsletter.operation.site_export.progress import Line
from newsletter.operation.site_export.snapshot import ALIAS, snapshot
from newsletter.operation.site_export.writing import Writer, whole
from newsletter.posts.models import Image, Post, Redirect, Tag, with_renderings
from newsletter.posts.models.renderings import rendered_anew
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import media

HERE = Path(__file__).parent
AT_ONCE = 100  # posts, or issues
ZIP, DATA, MEMBERS, REDIRECTS = "content.zip", "ghost.json", "members.csv", "redirects.json"


@dataclass(frozen=True)
class Exported:
    """An export that is whole. left_out: old addresses that Ghost cannot lead on; missing: pictures without a file."""

    path: Path
    counts: dict[str, int]
    left_out: list[str]
    missing: list[str]


@dataclass
class _Joins:
    """What is said of posts in other tables: some words for each. authors: the id of each user of ours."""

    authors: dict[int | None, str]
    rows: dict[str, list[tables.Row]] = field(default_factory=lambda: defaultdict(list))

    def add(self, table: str, row: tables.Row | None) -> None:
        if row:
            self.rows[table].append(row)


def export(place: Path, now: datetime, line: Line | None = None) -> Exported:
    """Write the files for Ghost into a new folder.

    Raises FileExistsError if the folder is there and not empty, or OSError; then there is none.
    """
    publication = Publication.objects.fresh()
    with whole(place, line=line) as folder, snapshot(), translation.override(publication.language):
        addresses = _addresses()
        with folder.file(ZIP) as target, zipfile.ZipFile(target, "w") as archive:
            counts = _write_data(archive, publication, addresses, now)
            counts["pictures"], missing = _write_pictures(archive)
        counts["members"] = folder.add_rows(MEMBERS, members.COLUMNS, members.rows(ALIAS))
        led = _write_redirects(folder, addresses)
        counts["redirects"] = len(led.rules)
        folder.add("README.txt", (HERE / "README.ghost.txt").read_bytes())
    return Exported(place, counts, led.left_out, missing)


def _addresses() -> Addresses:
    issues = frozenset(Issue.objects.using(ALIAS).values_list("number", flat=True))
    posts = Post.objects.using(ALIAS).order_by("pk").values_list("pk", "words")
    return Addresses(settings.SITE_URL, slugs(posts.iterator(), map(issue_slug, issues)), issues)


def _write_data(
    archive: zipfile.ZipFile, publication: Publication, addresses: Addresses, now: datetime
) -> dict[str, int]:
    """Write Ghost's tables, the posts one after the other; return how much there is of each."""
    users, authors = _users(publication)
    joins, counts = _Joins(authors), {"posts": 0, "issues": 0}
    info = zipfile.ZipInfo(DATA)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as raw, TextIOWrapper(raw, "utf-8") as text:
        meta = {"exported_on": int(now.timestamp() * 1000), "version": tables.VERSION}
        text.write(f'{{"db": [{{"meta": {json.dumps(meta)}, "data": {{"posts": [')
        before = "\n"
        for name, row in _posts(addresses, joins, now):
            text.write(before + _json(row))
            before, counts[name] = ",\n", counts[name] + 1
        text.write("]")
        joins.rows |= _others(publication) | {"users": users}
        for name, rows in joins.rows.items():
            text.write(f',\n"{name}": {_json(rows)}')
        text.write("}}]}\n")
    return counts


def _json(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False)


def _posts(addresses: Addresses, joins: _Joins, now: datetime) -> Iterator[tuple[str, tables.Row]]:
    """Yield "posts" or "issues" with each row, and note what is joined to it."""
    posts = Post.objects.using(ALIAS).order_by("pk").select_related("cover").prefetch_related("tags")
    for some in batched(posts.iterator(chunk_size=AT_ONCE), AT_ONCE, strict=False):
        for post in with_renderings(some):
            yield "posts", _post(post, addresses, joins, now)
    issues = Issue.objects.using(ALIAS).order_by("number").prefetch_related("items__post")
    for issue in issues.iterator(chunk_size=AT_ONCE):
        yield "issues", _issue(issue, addresses, joins)


def _post(post: Post, addresses: Addresses, joins: _Joins, now: datetime) -> tables.Row:
    cover = addresses.link(post.cover.get_absolute_url()) if post.cover else None
    row = tables.post_row(post, bodies.body(post.html, addresses.link), addresses.posts[post.pk], cover, now)
    for order, tag in enumerate(post.tags.all()):
        joins.add("posts_tags", tables.joined(row["id"], "tag_id", tables.identity(tag.pk), order))
    joins.add("posts_authors", tables.joined(row["id"], "author_id", joins.authors[post.created_by_id], 0))
    joins.add("posts_meta", tables.post_meta(post))
    return row


def _issue(issue: Issue, addresses: Addresses, joins: _Joins) -> tables.Row:
    row = tables.issue_row(issue, _issue_body(issue, addresses), issue_slug(issue.number))
    joins.add("posts_tags", tables.joined(row["id"], "tag_id", tables.issue_tag()["id"], 0))
    joins.add("posts_authors", tables.joined(row["id"], "author_id", joins.authors[None], 0))
    joins.add("emails", tables.issue_mail(issue))
    return row


def _issue_body(issue: Issue, addresses: Addresses) -> str:
    """Return an issue's own words, and between them its posts: a title that leads to each, and its first words."""
    posts = with_renderings(item.post for item in issue.items.all())
    parts = [
        format_html('<h2><a href="{}">{}</a></h2>\n<p>{}</p>', post.get_absolute_url(), post.title, post.excerpt)
        for post in posts
    ]
    around = [rendered_anew(text) if text else "" for text in (issue.introduction, issue.closing)]
    texts = [around[0], "\n".join(parts), around[1]]
    return "\n".join(bodies.body(text, addresses.link) for text in texts if text)


def _others(publication: Publication) -> dict[str, list[tables.Row]]:
    """Return the tables whose rows are few: tags, and what the site is called."""
    facts = {"title": publication.name, "description": publication.promise, "timezone": publication.time_zone}
    tags = map(tables.tag_row, Tag.objects.using(ALIAS).order_by("pk"))
    return {"tags": [tables.issue_tag(), *tags], "settings": tables.settings(facts)}


def _users(publication: Publication) -> tuple[list[tables.Row], dict[int | None, str]]:
    """Return the authors of Ghost, and which of them each user of ours is; None is nobody we know.

    Ghost wants an address of each, and each another: who has none is the author of the publication.
    """
    author = tables.user_row(0, publication.author, "author", publication.sender_email)
    by_address = {publication.sender_email.lower(): author, "": author}
    ids: dict[int | None, str] = {None: author["id"]}
    for user in User.objects.using(ALIAS).order_by("pk"):
        name = user.get_full_name() or user.username
        own = tables.user_row(user.pk, name, f"author-{user.pk}", user.email)
        ids[user.pk] = by_address.setdefault(user.email.lower(), own)["id"]
    return [row for email, row in by_address.items() if email], ids


def _write_pictures(archive: zipfile.ZipFile) -> tuple[int, list[str]]:
    """Write each picture in its full size, as Ghost makes the smaller ones; return how many, and which are no more."""
    there = media.pictures()
    missing: list[str] = []
    found: list[str] = []
    for digest, name in Image.objects.using(ALIAS).order_by("pk").values_list("digest", "name").iterator():
        path = f"{digest}/{name}"
        (found if path in there else missing).append(path)
    for path, octets in media.contents(found):
        archive.writestr(zipfile.ZipInfo(picture(path)), octets)
    return len(found), missing


def _write_redirects(folder: Writer, addresses: Addresses) -> Redirects:
    rows = Redirect.objects.using(ALIAS).order_by("path").select_related("post").iterator(chunk_size=2000)
    led = redirects(addresses, _ends(rows))
    folder.add(REDIRECTS, json.dumps(led.rules, ensure_ascii=False, indent=1).encode())
    return led


def _ends(rows: Iterable[Redirect]) -> Iterator[tuple[str, str]]:
    return ((row.path, row.end) for row in rows)
