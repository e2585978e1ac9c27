"""Posts and issues as files."""

from datetime import UTC, datetime

import pytest

from newsletter.issues.models import Issue
from newsletter.moving.folder import layout, texts
from newsletter.moving.folder.layout import FolderError
from newsletter.posts.models import Post

AT = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
FIELDS = [field for field in Post._meta.concrete_fields if field.name != "body"]
BODIES = ["", "text", "---\nkey: value\n---\n", "\n\n  text\r\nmore\r", "# 標題\n\n---\n\n文\u2028字\x0b"]
TITLES = ["true", "2026-11-28", "a: b", "- x", "“引”'\"", "null", "#12", "第 1 篇\n兩行", "&anchor *alias", "😀\x85x"]


def made(**fields: object) -> Post:
    return Post(created_at=AT, updated_at=AT, **fields)


def read(octets: bytes) -> tuple[Post, list[str]]:
    data, body = texts.read_post(octets, "posts/1.md")
    tags = data.pop("tags")
    data["author"] = data["cover"] = None
    names = [field.attname for field in FIELDS]
    return Post(**dict(zip(names, texts.row_values(data, FIELDS, "posts/1.md"), strict=True)), body=body), tags


@pytest.mark.parametrize("body", BODIES)
def test_a_text_comes_back_octet_by_octet(body):
    post, _tags = read(texts.written_post(made(pk=1, title="T", body=body), [], None, None))

    assert post.body == body


@pytest.mark.parametrize("title", TITLES)
def test_facts_come_back_as_they_were(title):
    octets = texts.written_post(made(pk=1, title=title, summary=title, is_unlisted=True), [title, "管理"], None, "eva")

    post, tags = read(octets)

    assert (post.pk, post.title, post.summary, post.is_unlisted, post.published_at) == (1, title, title, True, None)
    assert tags == [title, "管理"]


def test_front_matter_is_what_other_programs_read():
    octets = texts.written_post(made(pk=7, title="管理槓桿", words="leverage"), ["管理"], "/media/ab/c.png", "eva")

    head = octets.decode().split("---\n")[1]

    assert "id: 7\ntitle: 管理槓桿\nslug: leverage\n" in head
    assert "cover: /media/ab/c.png\ndate: null\n" in head
    assert "tags:\n- 管理\n" in head


def test_files_are_named_by_number_and_words():
    assert layout.post_file(7, "leverage") == "posts/0007-leverage.md"
    assert layout.post_file(12345, "") == "posts/12345.md"
    assert texts.letter_file(42, "issue", 1, "html") == "issues/0042/letter.html"
    assert texts.letter_file(42, "correction", 2, "txt") == "issues/0042/letter-correction-2.txt"


def test_an_issue_names_its_posts():
    files = texts.written_issue(
        Issue(pk=1, created_at=AT, updated_at=AT, number=3, subject="S", introduction="a\r\nb", closing=""), []
    )

    assert list(files) == ["issues/0003/issue.yaml", "issues/0003/introduction.md", "issues/0003/closing.md"]
    assert files["issues/0003/introduction.md"] == b"a\r\nb"
    assert texts.load_yaml(files["issues/0003/issue.yaml"].decode(), "x")["posts"] == []


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"no front matter", "posts/1.md has no front matter"),
        (b"---\nid: 1\n", "posts/1.md has no front matter"),
        (b"---\n- 1\n---\n", "posts/1.md says nothing"),
        (b"---\na: &x [1]\nb: *x\n---\n", "posts/1.md, line 3: a YAML alias, which no such file has"),
        (b"---\na: [\n---\n", "posts/1.md, line 3: no YAML"),
        (b"---\na: 2026-99-99\n---\n", "posts/1.md: no YAML"),
        (b"---\na: !!python/object/apply:os.system [ls]\n---\n", "posts/1.md, line 2: no YAML"),
        (b"---\nid: 1\n---\n\xff", "posts/1.md is not UTF-8 text"),
    ],
)
def test_what_is_no_post_says_so(octets, words):
    with pytest.raises(FolderError, match=words):
        texts.read_post(octets, "posts/1.md")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"newer": 1}, "posts/1.md says 'newer', which this version does not know: update first"),
        ({"title": ["x"]}, r"posts/1.md: title: \['x'\]"),
        ({"date": "yesterday"}, "posts/1.md: published_at: 'yesterday'"),
        ({"id": "one"}, "posts/1.md: id: 'one'"),
    ],
)
def test_facts_that_no_column_holds_are_refused(data, words):
    with pytest.raises(FolderError, match=words):
        texts.row_values(data, FIELDS, "posts/1.md")


def test_what_an_older_export_says_of_a_column_that_is_gone_is_passed_over():
    assert texts.row_values({"hub": "https://hub.example.org/"}, FIELDS, "x") == texts.row_values({}, FIELDS, "x")
