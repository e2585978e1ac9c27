"""A folder of posts becomes posts, again and again with the same end; the account names what differs."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.utils import translation

from newsletter.moving.folder.layout import (
    ConversionReport,
    LossReport,
    Mailed,
    PostFile,
    Remark,
    TagPage,
    write_picture,
    write_post,
    write_report,
)
from newsletter.moving.taking import posts
from newsletter.posts.models import Image, Post, Redirect, Rendering, Tag
from newsletter.posts.search.index import search
from tests.factories import make_publication
from tests.publication.pictures.test_uploads import picture

AT = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
A = PostFile(source="x:a", title="A", slug="a", date=AT, addresses=("/old/a/",), body="Text of A.")
B = PostFile(source="x:b", title="B", slug="b", date=AT, addresses=("/old/b/", "/?p=2"), body="Text of B.")


@pytest.fixture(autouse=True)
def _site(db, tmp_path, settings):
    settings.MEDIA_ROOT, settings.DATA_DIR = tmp_path / "media", tmp_path / "data"
    settings.DATA_DIR.mkdir()
    make_publication()
    with translation.override("en"):
        yield


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "folder"


def write(folder: Path, *files: PostFile, **account) -> None:
    """Write a folder of posts in the place of what is there."""
    for path in folder.glob("posts/*") if folder.exists() else ():
        path.unlink()
    (folder / "account.json").unlink(missing_ok=True)
    for number, file in enumerate(files, 1):
        write_post(folder, number, file)
    folder.mkdir(exist_ok=True)
    write_report(folder, ConversionReport("Ghost", "https://old.example", **account))


def run(folder: Path, *options: str) -> dict[str, int]:
    out = StringIO()
    call_command("import_posts", str(folder), *options, stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def take(folder: Path) -> posts.MoveResult:
    return posts.take(folder, dry_run=False, report=lambda _entry: None)


def counts(**outcomes: int) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "rejected", "losses")
    return {"posts": sum(outcomes.values()), **dict.fromkeys(names, 0)} | outcomes


def bodies() -> dict[str, str]:
    return dict(Post.objects.values_list("source", "body"))


def test_a_post_comes_with_all_that_its_file_says(folder):
    cover = write_picture(folder, picture("PNG"), "cover.png")
    given = {"summary": "Short.", "tags": ("管理",), "is_web_only": True, "is_unlisted": True}
    given |= {"series": "慢工作", "series_number": 3}
    write(folder, replace(A, cover=cover, cover_alt="The cover", **given))

    assert run(folder) == counts(created=1)

    post = Post.objects.get()
    assert (post.title, post.words, post.published_at, post.summary, post.body) == ("A", "a", AT, "Short.", A.body)
    assert (post.is_web_only, post.is_unlisted, post.source) == (True, True, "x:a")
    assert [tag.name for tag in post.tags.all()] == ["管理"]
    assert (post.series.title, post.series_number) == ("慢工作", 3)
    assert post.cover.alt == "The cover"
    assert Redirect.objects.get().end == post.get_absolute_url()


def test_a_second_taking_changes_what_has_changed_in_the_folder_and_nothing_else(folder):
    write(folder, A, B)
    run(folder)
    Post.objects.filter(source="x:b").update(body="Changed on the desk.")

    write(folder, replace(A, title="Another"), B)

    assert run(folder) == counts(updated=1, unchanged=1)
    assert Post.objects.get(source="x:a").title == "Another"
    assert bodies()["x:b"] == "Changed on the desk."
    assert run(folder) == counts(unchanged=2)


def test_what_an_older_version_took_is_recognised_from_then_on(folder):
    write(folder, A, B)
    run(folder)
    Post.objects.update(source_digest="digest of an older version")

    assert [run(folder), run(folder)] == [counts(unchanged=2)] * 2


def test_a_file_that_an_editor_adds_deletes_or_changes_is_taken_as_it_is(folder):
    write(folder, A, B)
    (folder / "posts" / "0002-b.md").unlink()
    (folder / "posts" / "mine.md").write_text("---\nsource: mine\ntitle: Mine\n---\nBy hand.\n")
    first = (folder / "posts" / "0001-a.md").read_text()
    (folder / "posts" / "0001-a.md").write_text(first.replace("Text of A.", "Mended."))

    assert run(folder) == counts(created=2)

    assert bodies() == {"x:a": "Mended.", "mine": "By hand."}


def test_a_file_that_is_wrong_is_named_with_its_line_and_stops_only_itself(folder):
    write(folder, A, B)
    (folder / "posts" / "0001-a.md").write_text("---\nsource: x:a\ndate: gestern\n---\nText.")
    (folder / "posts" / "0003-b.md").write_text((folder / "posts" / "0002-b.md").read_text())

    made = take(folder)

    assert [(one.outcome, one.reason) for one in made.report.entries] == [
        ("rejected", "posts/0001-a.md, line 3: `date`: 'gestern' is no date, as 2026-11-28 or 2026-11-28T08:30+08:00"),
        ("created", ""),
        ("rejected", "an earlier post has the same source"),
    ]


def test_what_the_conversion_rejected_stands_in_the_account(folder):
    write(folder, A, rejected=[("Post 7", "it has no text")])

    made = take(folder)

    assert made.report.summary() == counts(created=1, rejected=1)
    assert (made.report.entries[1].name, made.report.entries[1].reason) == ("Post 7", "it has no text")


def test_a_dry_run_changes_nothing_and_says_what_would_be(folder):
    address = write_picture(folder, picture("PNG"), "a.png")
    write(folder, replace(A, body=f"![圖]({address})"), B)

    assert run(folder, "--dry-run") == counts(created=2)

    for model in (Post, Image, Redirect, Tag, Rendering):
        assert not model.objects.exists()
    assert not (folder.parent / "media").exists()


# --- Pictures ---


def test_a_picture_becomes_one_of_the_library_under_its_own_address(folder):
    address = write_picture(folder, picture("PNG"), "a b.png")
    text = f'![圖]({address} "Title")\n\n[![]({address})](https://example.org)\n\n<img src="{address}" alt="x">'
    write(folder, replace(A, body=text))

    run(folder)

    image = Image.objects.get()
    assert (image.alt, image.name) == ("圖", "a-b.png")
    assert image.get_absolute_url() != address
    assert bodies()["x:a"] == text.replace(address, image.get_absolute_url())
    assert [post.source for post in image.posts.all()] == ["x:a"]


def test_a_picture_that_cannot_be_read_stays_at_its_old_address(folder):
    address = write_picture(folder, b"no picture", "a.png")
    place = address.removeprefix("/media/")
    write(folder, replace(A, body=f"![圖]({address})"), pictures={place: "https://old.example/a.png"})

    made = take(folder)

    assert bodies()["x:a"] == "![圖](https://old.example/a.png)"
    assert [one.what for one in made.report.entries[0].remarks] == ["a picture stays at its old address"]
    assert made.report.summary()["losses"] == 1


def test_a_picture_of_the_web_that_is_another_one_the_next_time_changes_no_post(folder):
    def converted(octets: bytes | None):
        address = write_picture(folder, octets, "a.png") if octets else "https://cdn.example/a.png"
        place = address.removeprefix("/media/")
        noted = {"pictures": {place: "https://cdn.example/a.png"}, "fetched": {place}} if octets else {}
        write(folder, replace(A, body=f"![圖]({address})"), **noted)
        return run(folder)

    assert converted(picture("PNG")) == counts(created=1)
    before = bodies()

    assert converted(picture("PNG", size=(7, 5))) == counts(unchanged=1)
    assert converted(None) == counts(unchanged=1)
    assert bodies() == before


def test_an_address_that_no_picture_of_the_folder_has_stays(folder):
    write(folder, replace(A, body="![x](/media/0123456789abcdef/../../secret.png) /media/0123456789abcdef/a.png"))

    run(folder)

    assert bodies()["x:a"] == "![x](/media/0123456789abcdef/../../secret.png) /media/0123456789abcdef/a.png"


# --- Links ---


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("[a](/old/b/)", "[a]({b})"),
        ("[a](/old/b#part)", "[a]({b}#part)"),
        ("[a](https://old.example/old/b/)", "[a]({b})"),
        ("[a](https://www.old.example/?p=2)", "[a]({b})"),
        ("[a](__GHOST_URL__/old/b/)", "[a]({b})"),
        ("[a](../b.md)", "[a]({b})"),
        ('[a](<../b.md> "title")', '[a]({b} "title")'),
        ("[a][1]\n\n[1]: /old/b/", "[a][1]\n\n[1]: {b}"),
        ('<a href="/old/b/">a</a>', '<a href="{b}">a</a>'),
        ("`[a](/old/b/)`", "`[a](/old/b/)`"),
        ("[a](https://example.org/old/b/)", "[a](https://example.org/old/b/)"),
        ("[a](/old/nowhere/)", "[a](/old/nowhere/)"),
        ("[a](#b)", "[a](#b)"),
    ],
)
def test_links_between_posts_lead_to_the_new_place(folder, typed, expected):
    write(folder, replace(A, body=typed, links={"../b.md": "x:b"}), B)

    run(folder)

    assert bodies()["x:a"] == expected.replace("{b}", Post.objects.get(source="x:b").get_absolute_url())
    assert run(folder) == counts(unchanged=2)


def test_a_taking_that_was_cut_short_goes_on_to_the_same_end(folder):
    write(folder, replace(A, body="[b](/old/b/)"), replace(B, body="[a](/old/a/)"))

    def stop(_entry):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        posts.take(folder, dry_run=False, report=stop)
    assert Post.objects.count() == 1

    assert run(folder) == counts(created=1, unchanged=1)
    links = {post.source: post.get_absolute_url() for post in Post.objects.all()}
    assert bodies() == {"x:a": f"[b]({links['x:b']})", "x:b": f"[a]({links['x:a']})"}


def test_what_was_changed_on_the_desk_stays_with_its_links_mended(folder):
    write(folder, A, B)
    run(folder)
    Post.objects.filter(source="x:a").update(body="我的話，見 [b](/old/b/)。")

    run(folder)

    there = Post.objects.get(source="x:b").get_absolute_url()
    assert bodies()["x:a"] == f"我的話，見 [b]({there})。"


# --- The account ---


def test_each_difference_has_a_line_losses_first(folder):
    before = {"words": 5, "han": 0, "links": 0, "pictures": 2, "bold runs": 1, "headings": 1}
    remarks = (Remark("a form is kept as a comment", "<form>"), Remark("a heading", "x", False, {"headings": -1}))
    was = LossReport("Post 1", before, remarks, ("lost", "words"))
    write(folder, replace(A, body="A [b](https://example.org) **c**"), posts={"x:a": was})

    entry = take(folder).report.entries[0]

    assert entry.name == "Post 1"
    assert entry.unexplained == ("words missing: lost words", "words: -2", "pictures: -2", "links: +1")
    assert entry.losses == 4  # of which one has a remark; what there is more of is none
    assert entry.changed_counts[0] == ("words", 5, 3)


def test_a_post_that_nobody_else_can_count_has_no_difference(folder):
    write(folder, replace(A, body="A **b**"), posts={"x:a": LossReport("Post 1")})

    entry = take(folder).report.entries[0]

    assert (entry.unexplained, entry.differs) == ((), False)


def test_what_does_not_fit_is_cut_and_named(folder):
    write(folder, replace(A, title="長" * 121, summary="短" * 201, tags=("好", "籤" * 41)))

    entry = take(folder).report.entries[0]

    post = Post.objects.get()
    assert (len(post.title), post.title[-1], len(post.summary)) == (120, "…", 200)
    assert [one.what for one in entry.remarks] == [
        "a tag that is too long stays away",
        "its title is cut",
        "its summary is cut",
    ]


def test_the_report_is_a_page(folder, tmp_path):
    write(folder, A, posts={"x:a": LossReport("Post 1", {"pictures": 1})})

    run(folder, "--report", str(tmp_path / "report"))

    assert "pictures: -1" in (tmp_path / "report.html").read_text()


# --- Around the posts ---


def test_tags_keep_their_addresses(folder, client):
    Tag.objects.create(name="Another", slug="one")
    pages = (TagPage("管理", "leadership", "/tag/leadership/"), TagPage("One", "one", "/tag/one/"))
    draft = PostFile(source="x:c", title="C", tags=("草稿",), tag_pages=(TagPage("草稿", "draft", "/tag/draft/"),))
    write(folder, replace(A, tags=("管理", "One"), tag_pages=pages), draft)

    run(folder)

    assert client.get("/tag/leadership/").headers["Location"] == "/tags/leadership/"
    assert client.get("/tag/one/rss/").headers["Location"] == "/tags/one-2/feed.xml"
    assert not Redirect.objects.filter(path="/tag/draft").exists()


def test_what_was_mailed_becomes_issues(folder):
    write(folder, replace(A, mailed=Mailed("第 12 期", AT)), B)
    out = StringIO()

    call_command("import_posts", str(folder), "--as-issues", stdout=out)

    assert "Issues of the archive: 1. Nothing was mailed." in out.getvalue()


def test_a_post_is_found_once_it_is_taken_in(folder):
    write(folder, replace(A, body="Something peculiar."))

    run(folder)

    assert [one.key for one in search("peculiar", now=AT.replace(year=2030)).results] == [Post.objects.get().pk]


def test_thousands_of_posts_do_not_fill_the_memory_with_their_pages(folder):
    write(folder, replace(A, body="一段。"))

    run(folder)

    made = Rendering.objects.get(html__contains="一段。")
    assert caches["pages"].get(made.pk) is None


def test_import_site_takes_a_folder_of_posts_too(folder):
    write(folder, A)
    out = StringIO()

    call_command("import_site", str(folder), stdout=out)

    assert json.loads(out.getvalue().splitlines()[-1]) == counts(created=1)


def test_a_folder_that_is_none_is_refused(folder):
    write(folder, A)
    (folder / "account.json").write_text("[]")

    with pytest.raises(CommandError, match=r"account.json cannot be read"):
        run(folder)
