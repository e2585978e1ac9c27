"""A folder of posts: what is written is read, a person may edit it, and nothing in it leads elsewhere."""

import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.moving.folder import layout
from newsletter.moving.folder.layout import (
    ConversionReport,
    FolderError,
    InvalidPost,
    LossReport,
    Mailed,
    PostFile,
    Remark,
    TagPage,
    read_post,
    read_report,
    write_picture,
    write_post,
    write_report,
)

TAIPEI = ZoneInfo("Asia/Taipei")
AT = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
WHOLE = PostFile(
    source="ghost:1",
    title="真: 的",
    slug="a-post",
    date=AT,
    summary="no",
    tags=("管理", "2024"),
    cover="/media/0123456789abcdef/a.png",
    cover_alt="封面",
    is_web_only=True,
    is_unlisted=True,
    series="慢工作",
    series_number=3,
    addresses=("/a/", "/?p=1"),
    tag_pages=(TagPage("管理", "management", "/tag/management/"),),
    links={"../other.md": "ghost:2"},
    mailed=Mailed("第 1 期", AT, "預覽"),
    body="一行\n---\nkey: value\n\n",
)


def typed(folder, head: str, body: str = "Text."):
    (folder / "posts").mkdir(exist_ok=True)
    (folder / "posts" / "1.md").write_text(f"---\n{head}\n---\n{body}")
    return read_post(folder, "posts/1.md", TAIPEI)


def test_a_post_that_was_written_is_read(tmp_path):
    name = write_post(tmp_path, 7, WHOLE)

    assert name == "posts/0007-a-post.md"
    assert read_post(tmp_path, name, TAIPEI) == WHOLE


@given(title=st.text(), summary=st.text(), tag=st.text(min_size=1), body=st.text(st.characters(codec="utf-8")))
def test_whatever_stands_in_a_post_is_read_as_it_was_written(tmp_path_factory, title, summary, tag, body):
    folder = tmp_path_factory.mktemp("any")
    printable = [
        "".join(one for one in text if one.isprintable() and not 0xD800 <= ord(one) < 0xE000)
        for text in (title, summary, tag)
    ]
    post = PostFile(source="x:1", title=printable[0], summary=printable[1], tags=(f"a{printable[2]}",), body=body)

    assert read_post(folder, write_post(folder, 1, post), TAIPEI) == post


def test_what_a_person_types_is_meant_as_it_looks(tmp_path):
    post = typed(tmp_path, "source: x:1\ntitle: 2024\nslug: 007\ntags: [no, 1.50]\ndate: 2024-05-06\nsummary:")

    assert (post.title, post.slug, post.tags, post.summary) == ("2024", "007", ("no", "1.50"), "")
    assert post.date == datetime(2024, 5, 6, tzinfo=TAIPEI)
    assert typed(tmp_path, "source: x:1\ndate: null\ntags: one").date is None
    assert typed(tmp_path, "source: x:1\ndate: 2024-05-06T07:08:00Z\nis_unlisted: True").date == AT


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("title: A", "posts/1.md, line 1: `source` is missing"),
        ("source: x:1\ntitel: A", "posts/1.md, line 3: `titel`: it has no place in a post"),
        ("source: x:1\ndate: gestern", "posts/1.md, line 3: `date`: 'gestern' is no date, as 2026-11-28 or"),
        ("source: x:1\nis_unlisted: maybe", "posts/1.md, line 3: `is_unlisted`: 'maybe' is no `true` or `false`"),
        ("source: x:1\nslug: 甲 乙", "posts/1.md, line 3: `slug`: '甲 乙' is no slug"),
        ("source: x:1\n\ntitle: [a]", "posts/1.md, line 4: `title`: ['a'] is no text"),
        ("source: x:1\ntags: [[a]]", "posts/1.md, line 3: `tags`: [['a']] is no list of texts"),
        ("source: x:1\ntag_pages: [{name: a}]", "posts/1.md, line 3: `tag_pages`: [{'name': 'a'}] is no list of"),
        ("source: x:1\nmailed: {subject: a}", "posts/1.md, line 3: `mailed`: {'subject': 'a'} is no mailing with"),
        ("source: x:1\nmailed: {subject: a, at: }", "posts/1.md, line 3: `mailed`: "),
        ("source: x:1\nlinks: [a]", "posts/1.md, line 3: `links`: ['a'] is no table of texts"),
        ("source: &a x:1\ntitle: *a", "posts/1.md, line 3: a YAML alias"),
        ("source: x:1\ntitle: [", "posts/1.md, line 4: no YAML"),
        ("source: x:1\ntitle: " + "[" * 100_000, "posts/1.md, line 3: no YAML"),
        ("source: x:1\n1: a", "posts/1.md, line 3: `1`: it has no place in a post"),
        ("source: x:1\n[a]: b", "posts/1.md, line 3: no YAML"),
        ("source: [a]", "posts/1.md, line 2: `source`: ['a'] is no text"),
        ("- a", "posts/1.md says nothing"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, head, words):
    with pytest.raises(InvalidPost) as caught:
        typed(tmp_path, head)

    assert str(caught.value).startswith(words)


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    (tmp_path / "secret").write_text("---\nsource: x:1\n---\n")
    folder = tmp_path / "folder"
    (folder / "posts").mkdir(parents=True)
    (folder / "posts" / "1.md").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "posts" / "2.md")

    for name in ("posts/1.md", "posts/2.md", "posts/../../secret", "/etc/passwd"):
        with pytest.raises(InvalidPost):
            read_post(folder, name, TAIPEI)
    (folder / "posts").rename(tmp_path / "elsewhere")
    (folder / "posts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderError, match="posts is a link"):
        layout.post_names(folder)


def test_posts_are_in_the_order_of_their_numbers(tmp_path):
    for number in (10_000, 9_999, 2):
        write_post(tmp_path, number, PostFile(source=f"x:{number}", slug="a"))
    (tmp_path / "posts" / "added.md").write_text("x")
    (tmp_path / "posts" / ".hidden.md").write_text("x")

    names = layout.post_names(tmp_path)

    assert names == ["posts/0002-a.md", "posts/9999-a.md", "posts/10000-a.md", "posts/added.md"]


def test_a_text_that_is_too_long_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "TEXT_BYTES", 30)

    with pytest.raises(InvalidPost, match="larger than 30 octets"):
        typed(tmp_path, "source: x:1", "x" * 30)


def test_an_account_that_was_written_is_read(tmp_path):
    account = ConversionReport(
        "Ghost",
        "https://old.example",
        [("Post 2", "it has no text")],
        {"ghost:1": LossReport("Post 1", {"words": 2}, (Remark("a form", "x", True, {"words": -1}),), ("lost",))},
        {"0123456789abcdef/a.png": "/content/a.png"},
        {"0123456789abcdef/a.png"},
    )

    write_report(tmp_path, account)

    assert read_report(tmp_path) == account


@pytest.mark.parametrize(
    "octets", [b"", b"[]", b"{}", b'{"form": 1}', b'{"form": 1, "program": "x", "posts": {"a": 1}}', b"[" * 100_000]
)
def test_an_account_that_says_nothing_is_refused(tmp_path, octets):
    (tmp_path / "account.json").write_bytes(octets)

    with pytest.raises(FolderError, match=r"account.json cannot be read"):
        read_report(tmp_path)


def test_an_account_of_a_later_form_is_refused(tmp_path):
    (tmp_path / "account.json").write_text('{"form": 2}')

    with pytest.raises(FolderError, match=r"account.json has form 2; this version reads form 1"):
        read_report(tmp_path)


@pytest.mark.parametrize("name", ["a b.png", "../../x.png", ".png", "圖.png", "x" * 300 + ".png", ""])
def test_a_picture_is_kept_under_a_name_that_is_one(tmp_path, name):
    address = write_picture(tmp_path, b"octets", name)
    again = write_picture(tmp_path, b"octets", name)

    assert address == again
    assert layout.read_file(tmp_path, layout.picture_path(address), 100) == b"octets"
    assert [path.parent.parent.name for path in tmp_path.rglob("*") if path.is_file()] == ["pictures"]
