"""A folder of Markdown becomes posts: whole, and with a word about what did not fit."""

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from newsletter.moving.converters.converter import BODY_MAX
from newsletter.moving.converters.files import Rejected
from newsletter.moving.converters.markdown.front_matter import parse
from tests.moving.converters.support import TAIPEI, folder_of, laid_out, post_of, posts, zipped
from tests.publication.pictures.test_uploads import picture

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


@pytest.fixture
def folder(tmp_path):
    pictures = {"images/cover.png": picture("PNG"), "images/team.jpg": picture("JPEG")}
    return laid_out(tmp_path / "posts", pictures)


def media(folder, name):
    return f"/media/{sha256((folder / name).read_bytes()).hexdigest()[:16]}/{name.rpartition('/')[2]}"


def convert_html(folder, text):
    """Return the post of a text in the folder, and its remarks."""
    laid_out(folder, {"post.md": text})
    account, found = folder_of(folder, folder.parent / "out")
    return found["markdown:post.md"], account.posts["markdown:post.md"].remarks


def test_a_file_becomes_a_post_with_all_its_parts(folder):
    post, remarks = convert_html(folder, FULL)

    assert (post.title, post.slug, post.summary) == ("管理槓桿：讓管理變省力", "leverage", "第一句。 第二句。")
    assert post.date == datetime(2026, 10, 1, 0, 0, tzinfo=UTC)
    assert post.body == f'第一段。\n\n![團隊]({media(folder, "images/team.jpg")} "大家")'
    assert (post.tags, post.cover, remarks) == (("管理", "AI"), media(folder, "images/cover.png"), ())
    there = folder.parent / "out" / "pictures" / post.cover.removeprefix("/media/")
    assert there.read_bytes() == (folder / "images/cover.png").read_bytes()


def test_one_bad_file_stops_none_of_the_others_and_is_named_with_its_reason(folder):
    texts = {"a.md": "# First\n\nText.", "b.md": b"\xff\xfe", "c.md": "# Third\n\n![](nowhere.png)"}

    account, found = folder_of(laid_out(folder, texts), folder.parent / "out")

    assert account.rejected == [("b.md", "it is not UTF-8 text: 'b.md', byte 0")]
    assert [*found] == ["markdown:a.md", "markdown:c.md"]
    [remark] = account.posts["markdown:c.md"].remarks
    assert str(remark) == f"a picture stays at its old address: nowhere.png ({NOWHERE})"


def test_a_picture_that_lies_elsewhere_is_found_in_the_folder_that_is_named(folder, tmp_path):
    laid_out(folder, {"a.md": "# First\n\n![b](/img/late.png)"})
    laid_out(tmp_path / "old", {"img/late.png": picture("PNG")})

    _account, found = folder_of(folder, tmp_path / "out", picture_folders=[tmp_path / "old"])

    assert found["markdown:a.md"].body == f"![b]({media(tmp_path / 'old', 'img/late.png')})"


@pytest.mark.parametrize(("data", "why"), [(b"no picture", "JPEG"), (b"x" * 10_485_761, "10 MB")])
def test_what_is_no_picture_stays_at_its_old_address(folder, data, why):
    laid_out(folder, {"images/a.png": data})

    post, [remark] = convert_html(folder, "![x](images/a.png)")

    assert post.body == "![x](images/a.png)"
    assert why in remark.detail


def test_folders_below_count_and_hidden_and_other_files_do_not(folder):
    names = ("2026/one.md", "two.markdown", ".obsidian/three.md", "four.txt", "README.md", "themes/x/five.md")

    found = posts(laid_out(folder, dict.fromkeys(names, "# Title\n\nText.")))

    assert [*found] == ["2026/one.md", "two.markdown"]


def test_one_file_may_be_named(folder):
    laid_out(folder, {"readme.md": "# Title\n\nText."})

    assert [*posts(folder / "readme.md")] == ["readme.md"]


@pytest.mark.parametrize(
    ("typed", "source"),
    [
        ("[a](b.md)", "markdown:in/b.md"),
        ("[a](./b.md#part)", "markdown:in/b.md"),
        ("[a](../in/b.md)", "markdown:in/b.md"),
        ("[[b]]", "markdown:in/b.md"),
        ("{% post_link b %}", "markdown:in/b.md"),
        ("[a](/in/b/)", "markdown:in/b.md"),
        ("[a][1]\n\n[1]: b.md", "markdown:in/b.md"),
        ("{% post_url 2020-01-02-c %}", ""),
        ("[x]({% post_url 2020-01-02-c %})", "markdown:2020-01-02-c.md"),
        ("`[a](b.md)`", ""),
        ("[a](https://example.org/b.md)", ""),
        ("[a](nowhere.md)", ""),
        ("[a](#b)", ""),
    ],
)
def test_a_link_knows_the_text_that_it_means(tmp_path, typed, source):
    texts = {"in/a.md": f"# A\n\n{typed}", "in/b.md": "# B\n\nText.", "2020-01-02-c.md": "# C\n\nText."}

    post = posts(laid_out(tmp_path, texts))["in/a.md"]

    assert [*post.links.values()] == [source] * bool(source)


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
def test_the_title_is_given_or_the_first_heading_or_the_file_name(text, name, title, body):
    post = post_of(name, text)

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
def test_the_words_of_the_address_are_given_or_found(text, name, words):
    assert post_of(name, text).slug == words


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
def test_the_date_is_local_unless_it_says_otherwise_and_without_one_it_is_a_draft(given, at):
    assert post_of("a.md", f"---\n{given}\n---\nText.").date == at


def test_a_date_in_the_file_name_counts():
    assert post_of("2026-10-01-x.md", "Text.").date == datetime(2026, 10, 1, tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no text"),
        ("# Only a title", "it has no text"),
        ("a\0b", "it contains a NUL character; is it a text?"),
        ("+++\ntitle = x\n+++\nText.", "its front matter is no TOML: Invalid value (at line 1, column 9)"),
        ("x" * (BODY_MAX * 4 + 1), "a member is too large: 'post.md'"),
    ],
)
def test_a_file_that_cannot_become_a_post_is_rejected_with_the_reason(text, reason):
    with pytest.raises(Rejected) as rejected:
        post_of("post.md", text)

    assert str(rejected.value) == reason


def test_a_text_that_is_too_long_is_rejected(folder):
    laid_out(folder, {"post.md": "x" * (BODY_MAX + 1)})

    account, _posts = folder_of(folder, folder.parent / "out")

    assert account.rejected == [("post.md", "it is too long: 500,001 characters")]


def test_a_date_that_cannot_be_read_makes_a_draft_and_is_named():
    post = post_of("a.md", "---\ndate: soon\n---\nText.")

    assert (post.date, [str(one) for one in post.remarks]) == (
        None,
        ["its date cannot be read, so it is a draft: soon"],
    )


@pytest.mark.parametrize("path", ["../secret.png", "%2e%2e/secret.png", "inside.png", "/../secret.png"])
def test_no_picture_outside_of_the_folder_is_read(folder, path):
    (folder.parent / "secret.png").write_bytes(picture("PNG"))
    (folder / "inside.png").symlink_to(folder.parent / "secret.png")

    post, [remark] = convert_html(folder, f"![x]({path})")

    assert post.body == f"![x]({path})"
    assert remark.what == "a picture stays at its old address"


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
    post, remarks = convert_html(folder, text)

    assert (post.body, [one for one in remarks if "picture" in one.what]) == (text, [])


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
    name = "images/my-team.jpg" if "my team" in before else "images/team.jpg"
    digest = sha256((folder / "images" / "team.jpg").read_bytes()).hexdigest()[:16]

    post, _remarks = convert_html(folder, before)

    assert post.body == after.format(url=f"/media/{digest}/{name.removeprefix('images/')}")


def test_a_picture_that_stands_in_the_text_itself_becomes_one_of_the_library(folder):
    data = picture("PNG")

    post, _remarks = convert_html(folder, f"![x](data:image/png;base64,{b64encode(data).decode()})")

    assert post.body == f"![x](/media/{sha256(data).hexdigest()[:16]}/picture.png)"


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
def test_what_was_not_for_everybody_comes_in_as_a_draft(head):
    assert post_of("a.md", f"---\ndate: 2026-10-01\n{head}\n---\nText.").date is None


@pytest.mark.parametrize("place", ["_drafts/2026-10-01-idea.md", "blog/_drafts/idea.md", "drafts/idea.md"])
def test_what_lies_among_the_drafts_is_one(place):
    assert post_of(place, "---\ndate: 2026-10-01\n---\nText.").date is None


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
def test_what_was_for_everybody_comes_in_with_its_date(head):
    at = datetime(2026, 10, 1, tzinfo=TAIPEI)

    assert post_of("a.md", f"---\ndate: 2026-10-01\n{head}\n---\nText.").date == at


def test_a_key_that_may_be_about_readers_and_counts_for_nothing_is_named():
    post = post_of("a.md", "---\ndate: 2026-10-01\naccess_level: gold\n---\nText.")

    assert [str(one) for one in post.remarks] == [
        "a key says nothing to this importer: access_level (gold)",
        "has no place here: access_level (gold)",
    ]


def test_a_link_to_a_file_outside_the_folder_is_refused(folder, tmp_path):
    laid_out(tmp_path, {"passwd": "root:x:0:0", "posts/inside.md": "Text."})
    for name in ("passwd.md", "x.json", "x.xml", "x.html"):
        (folder / name).symlink_to(tmp_path / "passwd")
    (folder / "again.md").symlink_to(folder / "inside.md")

    account, found = folder_of(folder, tmp_path / "out")

    assert account.rejected == [("passwd.md", "it is a link to a file outside the folder")]
    assert [*found] == ["markdown:again.md", "markdown:inside.md"]


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
    assert parse(f"---\n{head}\n---\nText.") == (fields, "Text.")


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
    assert parse(text) == ({}, text)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("title: a: b", "its front matter is no YAML: line 2: mapping values are not allowed in this context"),
        ("x: 1\ntags: [a", "its front matter is no YAML: line 4: did not find expected ',' or ']'"),
        ("x: " + "[" * 60 + "]" * 60, "its front matter is nested too deeply"),
        ("x: " + "[" * 19_000, "its front matter is nested too deeply"),
        ("x: " + "a" * 20_000, "its front matter is too long"),
    ],
)
def test_front_matter_that_is_no_yaml_is_rejected_with_the_line(head, reason):
    with pytest.raises(Rejected) as refused:
        parse(f"---\n{head}\n---\nText.")
    assert str(refused.value) == reason


def test_a_head_that_only_ends_with_a_rule_is_one():
    head = "title: 題\ndate: 2024-01-02 03:04:05\ntags:\n- 甲\ncategories:\n- [一, 二]\n"

    fields, text = parse(f"{head}---\n內文")

    assert (fields["title"], fields["tags"], fields["categories"], text) == ("題", ["甲"], ["一", "二"], "內文")


@pytest.mark.parametrize("text", ["Note: this\n---\nx", "title: 不是\n\n文\n---\nx", "date: 一\n文字\n---\n"])
def test_a_heading_that_is_underlined_is_no_head(text):
    assert parse(text) == ({}, text)


def front_matter(title):
    return f"---\ntitle: {title}\ndate: 2024-01-05\n---\n"


@pytest.mark.parametrize("is_zip", [False, True])
def test_pictures_of_a_post_lie_in_the_folder_of_its_name(tmp_path, is_zip):
    one, two = picture("PNG"), picture("JPEG")
    files = {"scaffolds/post.md": b"", "source/_posts/a.md": front_matter("甲").encode() + b"{% asset_img 1.png %}"}
    files |= {"source/_posts/b.md": front_matter("乙").encode() + b"![](1.png) ![](b/1.png)"}
    files |= {"source/_posts/a/1.png": one, "source/_posts/b/1.png": two}
    path = zipped(tmp_path / "site.zip", files) if is_zip else laid_out(tmp_path / "site", files)

    _account, found = folder_of(path, tmp_path / "out")

    first, second = found["markdown:source/_posts/a.md"].body, found["markdown:source/_posts/b.md"].body
    one_there, two_there = (f"/media/{sha256(data).hexdigest()[:16]}/1.png" for data in (one, two))
    assert (first, second) == (f"![]({one_there})", f"![]({two_there}) ![]({two_there})")


def test_a_text_behind_a_password_is_a_draft_and_says_why(tmp_path):
    laid_out(tmp_path, {"a.md": "---\ntitle: 題\ndate: 2024-01-05\npassword: abc\n---\n字"})

    post = posts(tmp_path)["a.md"]

    assert post.date is None
    assert [remark.what for remark in post.remarks] == ["it was behind a password, so it is a draft"]
