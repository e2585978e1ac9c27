"""A folder of Markdown becomes posts: once, whole, and with a word about what did not fit."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from newsletter.posts.importers import front_matter, markdown_folder
from newsletter.posts.importers.imported import ImportedPost, Rejected
from newsletter.posts.importers.taking import Ready, fitting, look, make_ready

from newsletter.moving.converters.files import InFolder
from newsletter.posts.models import BODY_MAX, Image, Post, Tag
from tests.factories import make_publication
from tests.publication.pictures.test_uploads import picture
from tests.support.s3 import keep_pictures_in

TAIPEI = ZoneInfo("Asia/Taipei")
NOWHERE = "it is in none of the places that were searched"
FULL = """---
title: "管理槓桿：讓管理變省力"
slug: Leverage
date: 2026-10-01 08:00
tags: [管理, "AI"]
summary: >
  第一句。
  第二句。
cover: images/cover.png
---

# 管理槓桿：讓管理變省力

第一段。

![團隊](images/team.jpg "大家")
"""


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def folder(tmp_path, settings, db) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    make_publication()
    (tmp_path / "posts" / "images").mkdir(parents=True)
    (tmp_path / "posts" / "images" / "cover.png").write_bytes(picture("PNG"))
    (tmp_path / "posts" / "images" / "team.jpg").write_bytes(picture("JPEG"))
    return tmp_path / "posts"


def run(path: Path, *options: str) -> tuple[list[str], dict[str, int]]:
    out = StringIO()
    call_command("import_posts", str(path), *options, stdout=out)
    *lines, last = out.getvalue().splitlines()
    return lines, json.loads(last)


def counts(**some: int) -> dict[str, int]:
    return {"posts": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "losses": 0} | some


def read(text: str, folder: Path, name: str = "post.md") -> ImportedPost:
    (folder / name).write_text(text)
    return fitting(markdown_folder.Source(InFolder(folder), TAIPEI).read(PurePosixPath(name)))


def taken(text: str, folder: Path) -> Ready:
    """Return what a file becomes, as a dry run finds it."""
    source = markdown_folder.Source(InFolder(folder), TAIPEI)
    return make_ready(look(read(text, folder), source.finders))


def kept_files(settings) -> int:
    """Return how many pictures there are, their sizes not counted."""
    return len([path for path in settings.MEDIA_ROOT.glob("*") if path.is_dir()])


# --- The command ---


def test_a_file_becomes_a_post_with_all_its_parts(folder):
    (folder / "leverage.md").write_text(FULL)

    lines, summary = run(folder)

    post = Post.objects.get()
    team = Image.objects.get(alt="團隊")
    assert (lines, summary) == (["leverage.md: created"], counts(posts=1, created=1))
    assert (post.title, post.slug, post.summary) == ("管理槓桿：讓管理變省力", "leverage", "第一句。 第二句。")
    assert post.date == datetime(2026, 10, 1, 0, 0, tzinfo=UTC)
    assert post.body == f'第一段。\n\n![團隊]({team.get_absolute_url()} "大家")'
    assert {tag.name for tag in post.tags.all()} == {"管理", "AI"}
    assert post.cover.name == "cover.png"


def test_a_second_run_changes_nothing(folder, settings):
    (folder / "leverage.md").write_text(FULL)
    run(folder)
    before = Post.objects.get().updated_at

    lines, summary = run(folder)

    assert (lines, summary) == ([], counts(posts=1, unchanged=1))
    assert Post.objects.get().updated_at == before
    assert (Image.objects.count(), kept_files(settings)) == (2, 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [("第一段。", "改過了。"), ("AI", "產品"), ("images/cover.png", "images/team.jpg"), ("08:00", "09:00")],
)
def test_a_changed_file_changes_its_post(folder, old, new):
    (folder / "leverage.md").write_text(FULL)
    run(folder)
    address = Post.objects.get().get_absolute_url()

    (folder / "leverage.md").write_text(FULL.replace(old, new))
    lines, summary = run(folder)

    assert (lines, summary) == (["leverage.md: updated"], counts(posts=1, updated=1))
    assert Post.objects.get().get_absolute_url() == address
    assert run(folder)[1] == counts(posts=1, unchanged=1)


def test_what_the_author_has_changed_since_stays_while_the_file_is_the_same(folder):
    (folder / "leverage.md").write_text(FULL)
    run(folder)
    Post.objects.update(body="更好的第一段。", title="更好的標題")

    lines, summary = run(folder)

    assert (lines, summary) == ([], counts(posts=1, unchanged=1))
    assert Post.objects.get().body == "更好的第一段。"


def test_a_file_that_has_changed_wins_over_the_author(folder):
    (folder / "leverage.md").write_text(FULL)
    run(folder)
    Post.objects.update(body="更好的第一段。")
    (folder / "leverage.md").write_text(FULL.replace("第一段", "第二版"))

    _lines, summary = run(folder)

    assert summary == counts(posts=1, updated=1)
    assert "第二版" in Post.objects.get().body


def test_an_importer_that_has_learnt_more_leaves_what_the_author_has_changed(folder):
    (folder / "leverage.md").write_text(FULL)
    run(folder)
    Post.objects.update(source_digest="3:0123456789abcdef", body="更好的第一段。")  # by the one before

    lines, summary = run(folder)

    assert (lines, summary) == ([], counts(posts=1, unchanged=1))
    assert Post.objects.get().body == "更好的第一段。"


def test_pictures_come_along_wherever_they_lie_here(folder, either_media):
    (folder / "leverage.md").write_text(FULL)

    assert run(folder)[1] == counts(posts=1, created=1)
    assert run(folder)[1] == counts(posts=1, unchanged=1)

    team = Image.objects.get(alt="團隊")
    assert set(either_media.pictures()) >= {f"{team.digest}/team.jpg", f"{Post.objects.get().cover.digest}/cover.png"}


def test_an_import_ends_while_the_bucket_is_away_and_is_run_again(folder, lost_bucket, settings):
    (folder / "leverage.md").write_text(FULL)

    with pytest.raises(CommandError, match=r"Could not connect .* Run it again when it answers: what is here stays\."):
        run(folder)
    assert not Post.objects.exists()
    assert not Image.objects.exists()

    keep_pictures_in(settings, "")
    assert run(folder)[1] == counts(posts=1, created=1)
    assert Image.objects.count() == 2


def test_a_dry_run_says_the_same_and_writes_nothing(folder, settings):
    (folder / "leverage.md").write_text(FULL)

    lines, summary = run(folder, "--dry-run")

    assert lines == ["leverage.md: created", "Nothing was changed: this was a dry run."]
    assert summary == counts(posts=1, created=1)
    assert not Post.objects.exists()
    assert not Tag.objects.exists()
    assert not Image.objects.exists()
    assert not settings.MEDIA_ROOT.exists()


def test_one_bad_file_stops_none_of_the_others_and_is_named_with_its_reason(folder):
    (folder / "a.md").write_text("# First\n\nText.")
    (folder / "b.md").write_bytes(b"\xff\xfe")
    (folder / "c.md").write_text("# Third\n\n![](nowhere.png)")
    (folder / "d.md").write_text("# Fourth\n\nText.")

    lines, summary = run(folder)

    assert lines == [
        "a.md: created",
        "b.md: rejected: it is not UTF-8 text: byte 0",
        f"c.md: created; a picture stays at its old address: nowhere.png ({NOWHERE})",
        "d.md: created",
    ]
    assert summary == counts(posts=4, created=3, rejected=1, losses=1)


def test_a_post_comes_in_without_the_picture_that_is_missing(folder):
    (folder / "a.md").write_text("# First\n\n![a](images/team.jpg)\n\n![b](nowhere.png)")

    run(folder)

    [team] = Image.objects.all()
    assert Post.objects.get().body == f"![a]({team.get_absolute_url()})\n\n![b](nowhere.png)"


def test_a_picture_that_turns_up_later_changes_its_post(folder, tmp_path):
    (folder / "a.md").write_text("# First\n\n![b](/img/late.png)")
    run(folder)
    (tmp_path / "old" / "img").mkdir(parents=True)
    (tmp_path / "old" / "img" / "late.png").write_bytes(picture("PNG"))

    _lines, summary = run(folder, "--pictures", str(tmp_path / "old"))

    assert summary == counts(posts=1, updated=1)
    assert Image.objects.get().get_absolute_url() in Post.objects.get().body


def test_folders_below_count_and_hidden_and_other_files_do_not(folder):
    for name in ("2026/one.md", "two.markdown", ".obsidian/three.md", "four.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("# Title\n\nText.")

    run(folder)

    assert set(Post.objects.values_list("source", flat=True)) == {"markdown:2026/one.md", "markdown:two.markdown"}


def test_one_file_may_be_named(folder):
    (folder / "one.md").write_text("# Title\n\nText.")

    assert run(folder / "one.md")[1] == counts(posts=1, created=1)
    assert run(folder)[1] == counts(posts=1, unchanged=1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "{path}: it does not exist"),
        ("notes.txt", "{path}: no program is known that writes such a file"),
        ("images", "{path}: it has pictures and no texts"),
    ],
)
def test_what_cannot_be_used_at_all_ends_with_an_error(folder, name, message):
    if "." in name:
        (folder / name).write_text("text")

    with pytest.raises(CommandError) as refused:
        run(folder / name)

    assert str(refused.value) == message.format(path=folder / name)


# --- Reading one file ---


@pytest.mark.parametrize(
    ("text", "name", "title", "body"),
    [
        ("# Heading\n\nText.", "a.md", "Heading", "Text."),
        ("\n\n# Heading #\nText.", "a.md", "Heading", "Text."),
        ("Text.", "My thoughts.md", "My thoughts", "Text."),
        ("Text.", "2026-10-01-my-thoughts.md", "my-thoughts", "Text."),
        ("---\ntitle: Given\n---\n# Other\n\nText.", "a.md", "Given", "# Other\n\nText."),
        ("---\ntitle: Given\n---\n# Given\n\nText.", "a.md", "Given", "Text."),
        ("## Small\n\nText.", "a.md", "a", "## Small\n\nText."),
        ("\ufeff# Heading\r\n\r\nText.", "a.md", "Heading", "Text."),
    ],
)
def test_the_title_is_given_or_the_first_heading_or_the_file_name(folder, text, name, title, body):
    post = read(text, folder, name)

    assert (post.title, post.body) == (title, body)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("---\nwords: my words\n---\nText.", "a.md", "my-words"),
        ("# 深入 DeepSeek\n\nText.", "001.md", "deepseek"),
        ("# 管理\n\nText.", "2026-10-01-leverage.md", "leverage"),
        ("# 管理\n\nText.", "管理.md", ""),
        ("# 管理\n\nText.", "index.md", ""),
    ],
)
def test_the_words_of_the_address_are_given_or_found(folder, text, name, words):
    assert read(text, folder, name).words == words


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("date: 2026-10-01", datetime(2026, 10, 1, tzinfo=TAIPEI)),
        ("date: 2026-10-01 08:30", datetime(2026, 10, 1, 8, 30, tzinfo=TAIPEI)),
        ("date: 2026-10-01T08:30:00Z", datetime(2026, 10, 1, 8, 30, tzinfo=UTC)),
        ("date: 2026-10-01 08:30:00 +0900", datetime(2026, 9, 30, 23, 30, tzinfo=UTC)),
        ("date: '2026-10-01'", datetime(2026, 10, 1, tzinfo=TAIPEI)),
        ("date: 2026-10-01\ndraft: true", None),
        ("title: x", None),
    ],
)
def test_the_date_is_local_unless_it_says_otherwise_and_without_one_it_is_a_draft(folder, given, at):
    assert read(f"---\n{given}\n---\nText.", folder).date == at


def test_a_date_in_the_file_name_counts(folder):
    assert read("Text.", folder, "2026-10-01-x.md").date == datetime(2026, 10, 1, tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no text"),
        ("# Only a title", "it has no text"),
        ("a\0b", "it contains a NUL character; is it a text?"),
        ("+++\ntitle = x\n+++\nText.", "its front matter is no TOML: Invalid value (at line 1, column 9)"),
        ("x" * (BODY_MAX + 1), "it is too long: 500,001 characters"),
        ("x" * (BODY_MAX * 4 + 1), "it is too long: 2,000,001 bytes"),
    ],
)
def test_a_file_that_cannot_become_a_post_is_rejected_with_the_reason(folder, text, reason):
    with pytest.raises(Rejected) as rejected:
        read(text, folder)

    assert str(rejected.value) == reason


@pytest.mark.parametrize(
    ("text", "kept", "remark"),
    [
        (f"# {'x' * 121}\n\nText.", ("title", "x" * 119 + "…"), "its title is cut"),
        (
            f"---\nsummary: {'x' * 201}\n---\nText.",
            ("summary", "x" * 199 + "…"),
            "its summary is cut",
        ),
        (f"---\ntags: [{'x' * 41}, b]\n---\nText.", ("tags", ("b",)), "a tag that is too long stays away"),
        ("---\ndate: soon\n---\nText.", ("published_at", None), "its date cannot be read, so it is a draft"),
    ],
)
def test_what_does_not_fit_is_cut_or_dropped_and_named(folder, text, kept, remark):
    post = read(text, folder)

    assert getattr(post, kept[0]) == kept[1]
    assert [one.what for one in post.remarks if one.is_loss] == [remark]


@pytest.mark.parametrize("path", ["../secret.png", "%2e%2e/secret.png", "inside.png", "/../secret.png"])
def test_no_picture_outside_of_the_folder_is_read(folder, path):
    (folder.parent / "secret.png").write_bytes(picture("PNG"))
    (folder / "inside.png").symlink_to(folder.parent / "secret.png")

    found = taken(f"![x]({path})", folder)

    assert found.body == f"![x]({path})"
    assert [str(one) for one in found.remarks] == [
        f"a picture stays at its old address: {path} (it is in none of the places that were searched)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "![x](/media/0123456789abcdef/a.png)",
        "`![x](images/team.jpg)`",
        "``a ` ![x](images/team.jpg)``",
        "```\n![x](images/team.jpg)\n```",
        "~~~md\n![x](images/team.jpg)\n~~~",
        "[x](https://e.org/images/team.jpg)",
    ],
)
def test_pictures_that_are_here_code_and_links_stay_as_they_are(folder, text):
    found = taken(text, folder)

    assert (found.body, found.remarks) == (text, ())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("![x](images/team.jpg)", "![x]({url})"),
        ("![x](/images/team.jpg)", "![x]({url})"),
        ("![x](./images/team.jpg)", "![x]({url})"),
        ("![x](<images/my team.jpg>)", "![x]({url})"),
        ('![x](images/team.jpg "大家")', '![x]({url} "大家")'),
        ("![](images/team.jpg)", "![]({url})"),
        ("![x](/blog/images/team.jpg)", "![x]({url})"),
        ("![x](https://old.example.org/images/team.jpg?v=2)", "![x]({url})"),
        ('<img alt="x" src="images/team.jpg">', '<img alt="x" src="{url}">'),
        ("![x][t]\n\n[t]: images/team.jpg", "![x][t]\n\n[t]: {url}"),
        ("[![x](images/team.jpg)](https://example.org)", "[![x]({url})](https://example.org)"),
        ("![[my team.jpg]]", "![]({url})"),
    ],
)
def test_pictures_are_found_however_a_text_names_them(folder, before, after):
    (folder / "images" / "my team.jpg").write_bytes((folder / "images" / "team.jpg").read_bytes())

    (folder / "post.md").write_text(before)
    run(folder)

    assert Post.objects.get().body == after.format(url=Image.objects.get().get_absolute_url())


def test_a_picture_that_stands_in_the_text_itself_becomes_one_of_the_library(folder):
    data = b64encode(picture("PNG")).decode()
    (folder / "post.md").write_text(f"![x](data:image/png;base64,{data})")

    _lines, summary = run(folder)

    assert summary == counts(posts=1, created=1)
    assert Post.objects.get().body == f"![x]({Image.objects.get().get_absolute_url()})"


def test_a_picture_without_words_is_called_by_its_file_in_the_library_alone(folder):
    (folder / "post.md").write_text("![](images/team.jpg)")
    run(folder)

    assert Image.objects.get().alt == "team"
    assert Post.objects.get().body.startswith("![](/media/")


# --- Who may read it ---


@pytest.mark.parametrize(
    "head",
    [
        "draft: true",
        "draft: True",
        "draft: yes",
        "published: false",
        "published: False",
        "publish: no",
        "unlisted: true",
        "hidden: on",
        "private: 1",
        "status: draft",
        "status: pending",
        "visibility: members",
        "visibility: [paid]",
        "password: secret",
    ],
)
def test_what_was_not_for_everybody_comes_in_as_a_draft(folder, head):
    assert read(f"---\ndate: 2026-10-01\n{head}\n---\nText.", folder).date is None


@pytest.mark.parametrize("place", ["_drafts/2026-10-01-idea.md", "blog/_drafts/idea.md", "drafts/idea.md"])
def test_what_lies_among_the_drafts_is_one(folder, place):
    (folder / place).parent.mkdir(parents=True)

    assert read("---\ndate: 2026-10-01\n---\nText.", folder, place).date is None


@pytest.mark.parametrize(
    "head",
    [
        "draft: false",
        "published: true",
        "publish: yes",
        "unlisted: false",
        "status: published",
        "visibility: public",
        "password:",
    ],
)
def test_what_was_for_everybody_comes_in_with_its_date(folder, head):
    at = datetime(2026, 10, 1, tzinfo=TAIPEI)

    assert read(f"---\ndate: 2026-10-01\n{head}\n---\nText.", folder).date == at


def test_a_key_that_may_be_about_readers_and_counts_for_nothing_is_named(folder):
    (folder / "post.md").write_text("---\ndate: 2026-10-01\naccess_level: gold\n---\nText.")

    lines, _summary = run(folder)

    said = "a key says nothing to this importer: access_level (gold)"
    assert lines == [
        f"post.md: created; {said}; has no place here: access_level (gold)",
    ]


def test_a_link_to_a_file_outside_the_folder_is_refused(folder, tmp_path):
    (tmp_path / "passwd").write_text("root:x:0:0")
    (folder / "passwd.md").symlink_to(tmp_path / "passwd")
    (folder / "inside.md").write_text("Text.")
    (folder / "again.md").symlink_to(folder / "inside.md")

    lines, summary = run(folder)

    assert lines == [
        "again.md: created",
        "inside.md: created",
        "passwd.md: rejected: it is a link to a file outside the folder",
    ]
    assert summary == counts(posts=3, created=2, rejected=1)


# --- Front matter ---


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        ("title: Plain text", {"title": "Plain text"}),
        ('title: "Say \\"hi\\": now" ', {"title": 'Say "hi": now'}),
        ("title: 'It''s'", {"title": "It's"}),
        ("Title: x # why", {"title": "x"}),
        ("title: C# 教學", {"title": "C# 教學"}),
        ("url: https://example.org/#part", {"url": "https://example.org/#part"}),
        ("tags: [a, 'b c', ]", {"tags": ["a", "b c"]}),
        ("tags:\n  - a\n  - 'b'\ntitle: x", {"tags": ["a", "b"], "title": "x"}),
        ("tags:\n- a\n- b", {"tags": ["a", "b"]}),
        ("summary: |\n  one\n  two", {"summary": "one\ntwo"}),
        ("summary: >-\n  one\n  two", {"summary": "one two"}),
        ("summary: one\n  two", {"summary": "one two"}),
        ("empty:", {"empty": ""}),
        ("# comment\ntitle: x", {"title": "x"}),
        ('tags: ["管理, 團隊", 決策]', {"tags": ["管理, 團隊", "決策"]}),
        ("tags: [2024, true, 2026-10-01]", {"tags": ["2024", "true", "2026-10-01"]}),
        ("date: 2026-10-01 08:00:00 +0800", {"date": "2026-10-01 08:00:00 +0800"}),
        ("seo:\n  title: y\ntitle: x", {"seo.title": "y", "title": "x"}),
        ('"title": x', {"title": "x"}),
    ],
)
def test_front_matter_gives_its_fields(head, fields):
    assert front_matter.parse(f"---\n{head}\n---\nText.") == (fields, "Text.")


@pytest.mark.parametrize(
    "text",
    [
        "Text.",
        "---\nno end",
        "Text.\n---\ntitle: x\n---\n",
        "",
        "---\n第一段。\n\n---\n\n第二段。",
        "---\n---\nText.",
        "---\n- title: a\n---\n",
    ],
)
def test_a_text_without_front_matter_is_all_text(text):
    assert front_matter.parse(text) == ({}, text)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("title: a: b", "its front matter is no YAML: line 2: mapping values are not allowed here"),
        ("x: 1\ntags: [a", "its front matter is no YAML: line 4: expected ',' or ']', but got '<stream end>'"),
        ("x: " + "[" * 1000, "its front matter is nested too deeply"),
        ("x: " + "a" * 20_000, "its front matter is too long"),
    ],
)
def test_front_matter_that_is_no_yaml_is_rejected_with_the_line(folder, head, reason):
    with pytest.raises(Rejected) as told:
        read(f"---\n{head}\n---\nText.", folder)
    assert str(told.value) == reason


def test_a_head_that_only_ends_with_a_rule_is_one():
    head = "title: 題\ndate: 2024-01-02 03:04:05\ntags:\n- 甲\ncategories:\n- [一, 二]\n"

    fields, text = front_matter.parse(f"{head}---\n內文")

    assert (fields["title"], fields["tags"], fields["categories"], text) == ("題", ["甲"], ["一", "二"], "內文")


@pytest.mark.parametrize("text", ["Note: this\n---\nx", "title: 不是\n\n文\n---\nx", "date: 一\n文字\n---\n"])
def test_a_heading_that_is_underlined_is_no_head(text):
    assert front_matter.parse(text) == ({}, text)
