"""Ghost's exports of every age: whatever a post was written in, it is here as its page was."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.moving.converters.files import InFolder, Rejected
from newsletter.moving.converters.ghost import Ghost, read_ghost_json
from newsletter.posts.markdown.render import render
from tests.moving.converters.support import TAIPEI, folder_of, unnamed, zipped
from tests.publication.pictures.test_uploads import picture

NO_FILES = Path(__file__).parent / "nowhere"  # a folder is listed with all that is below it


def source(*posts, **tables):
    whole = {"db": [{"meta": {}, "data": {"posts": list(posts), **tables}}]}
    return Ghost(InFolder(NO_FILES), TAIPEI, export=read_ghost_json(json.dumps(whole)))


def only(*posts, **tables):
    [(_name, load)] = source(*posts, **tables).posts()
    return load()


def of_page(html):
    return only({"id": 1, "title": "題", "html": html})


# --- The text ---


@pytest.mark.parametrize(
    "row",
    [
        {"lexical": '{"root": {"children": [{"type": "paragraph", "children": [{"type": "text", "text": "甲"}]}]}}'},
        {"lexical": '{"root": {"children": [{"type": "image", "src": "/a.png"}]}}'},
        {"mobiledoc": '{"sections": [[1, "p", [[0, [], 0, "甲"]]]], "cards": []}'},
        {"mobiledoc": '{"sections": [[10, 0]], "cards": [["hr", {}]]}'},
    ],
)
def test_a_text_that_ghost_made_no_page_of_is_rejected_with_what_to_do(row):
    with pytest.raises(Rejected, match=r"^the export has no page of it; save it in Ghost and export again$"):
        only({"id": 1, "title": "題", **row, "html": None})


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"lexical": '{"root": {"children": [{"type": "paragraph", "children": []}]}}'},
        {"mobiledoc": '{"sections": [[1, "p", [[0, [], 0, ""]]]], "cards": [], "atoms": [], "markups": []}'},
        {"lexical": "{", "mobiledoc": "[]"},
        {"lexical": '{"root": {"children": [{"type": []}]}}', "mobiledoc": '{"sections": [[10, 3]], "cards": []}'},
    ],
)
def test_an_empty_draft_is_an_empty_post(row):
    assert only({"id": 1, "title": "題", **row, "html": None}).body == ""


# --- The whole ---


@pytest.mark.parametrize(
    "whole",
    [
        {"db": [{"meta": {}, "data": {"posts": [{"slug": "a"}]}}]},
        {"meta": {}, "data": {"posts": [{"slug": "a"}]}},
    ],
)
def test_every_envelope_is_opened(whole):
    assert [row["slug"] for row in read_ghost_json(json.dumps(whole)).posts] == ["a"]


@pytest.mark.parametrize("text", ["", "{", "{}", '"x"', "1", "[" * 100_000])
def test_what_is_no_export_is_rejected(text):
    with pytest.raises(Rejected):
        read_ghost_json(text)


def test_a_post_has_all_its_parts():
    row = {
        "id": "p1",
        "title": "管理槓桿",
        "slug": "leverage",
        "html": "<p>內文</p>",
        "status": "published",
        "visibility": "public",
        "published_at": "2024-05-06T00:00:00.000Z",
        "custom_excerpt": "摘要",
        "feature_image": "__GHOST_URL__/content/images/c.png",
    }
    tags = [{"id": "t1", "name": "管理"}, {"id": "t2", "name": "#內部"}, {"id": "t3", "name": "AI"}]
    links = [
        {"post_id": "p1", "tag_id": "t3", "sort_order": 0},
        {"post_id": "p1", "tag_id": "t1", "sort_order": 1},
        {"post_id": "p1", "tag_id": "t2", "sort_order": 2},
    ]
    settings = [{"key": "permalinks", "value": "/:year/:month/:day/:slug/"}]

    post = only(
        row, tags=tags, posts_tags=links, settings=settings, posts_meta=[{"post_id": "p1", "feature_image_alt": "封面"}]
    )

    assert (post.source, post.title, post.slug, post.summary, post.body) == (
        "ghost:p1",
        "管理槓桿",
        "leverage",
        "摘要",
        "內文",
    )
    assert post.date == datetime(2024, 5, 6, tzinfo=UTC)
    assert post.tags == ("AI", "管理")
    assert (post.cover, post.cover_alt) == ("__GHOST_URL__/content/images/c.png", "封面")
    assert post.addresses == ("/leverage/", "/2024/05/06/leverage/")


@pytest.mark.parametrize(
    "row",
    [
        {"status": "draft"},
        {"status": "published", "visibility": "members"},
        {"status": "published", "visibility": "paid"},
        {"status": "published", "visibility": "tiers"},
        {"status": "sent"},
        {"status": "something new"},
    ],
)
def test_what_was_not_for_everybody_is_a_draft(row):
    assert only({"id": 1, "title": "x", "published_at": "2024-05-06T00:00:00Z", **row}).date is None


def test_dates_of_the_first_ghost_are_milliseconds():
    post = only({"id": 1, "title": "x", "status": "published", "published_at": 1388318242000, "page": 0})

    assert post.date == datetime(2013, 12, 29, 11, 57, 22, tzinfo=UTC)


@pytest.mark.parametrize("row", [{"page": 1}, {"page": True}, {"type": "page"}])
def test_a_page_is_a_post_that_no_list_shows(row):
    post = only({"id": 1, "title": "x", "status": "published", "published_at": "2024-05-06T00:00:00Z", **row})

    assert (post.is_unlisted, post.is_web_only) == (True, True)


def test_a_mail_that_was_sent_is_known_with_its_subject_and_time():
    row = {"id": "p1", "title": "題", "status": "published", "published_at": "2024-05-06T00:00:00Z"}
    mails = [{"post_id": "p1", "subject": "第 12 期", "status": "submitted", "submitted_at": "2024-05-06T01:00:00Z"}]

    mailed = only(row, emails=mails).mailed

    assert (mailed.subject, mailed.at) == ("第 12 期", datetime(2024, 5, 6, 1, tzinfo=UTC))
    assert only(row).mailed is None


@pytest.mark.parametrize(
    ("html", "site"),
    [
        ('<img src="https://blog.example.org/content/images/2019/a.png">', "https://blog.example.org"),
        ('<a href="https://blog.example.org/a/">x</a> <a href="https://other.org/b">y</a>', "https://blog.example.org"),
        ("<p>x</p>", ""),
    ],
)
def test_where_the_blog_was_is_told_by_its_own_links(html, site):
    assert source({"id": 1, "slug": "a", "html": html}).site_url == site


# --- As a folder ---


def rows():
    return [
        {
            "id": "a",
            "title": "甲",
            "slug": "a",
            "status": "published",
            "published_at": "2024-05-06T00:00:00Z",
            "feature_image": "/content/images/size/w600/2024/c.png",
            "html": '<p>見 <a href="__GHOST_URL__/b/">乙</a>。</p>'
            '<img src="__GHOST_URL__/content/images/2024/x.png" alt="圖">',
        },
        {
            "id": "b",
            "title": "乙",
            "slug": "b",
            "status": "published",
            "published_at": "2024-05-07T00:00:00Z",
            "html": "<p>內文</p>",
        },
    ]


def test_a_zip_with_pictures_comes_in_whole(tmp_path):
    files = {"export/blog.ghost.2024.json": json.dumps({"db": [{"data": {"posts": rows()}}]})}
    files |= {f"export/content/images/2024/{name}.png": picture("PNG") for name in "xc"}

    account, posts = folder_of(zipped(tmp_path / "ghost.zip", files), tmp_path / "out")

    place = posts["ghost:a"].cover
    assert posts["ghost:a"].body == f"見 [乙](/b/)。\n\n![圖]({place.replace('/c.png', '/x.png')})"
    assert (posts["ghost:b"].addresses, account.rejected) == (("/b/",), [])
    assert not [remark for one in account.posts.values() for remark in one.remarks]


def test_a_picture_that_is_nowhere_is_named(tmp_path):
    (tmp_path / "ghost.json").write_text(json.dumps({"data": {"posts": rows()}}))

    account, _posts = folder_of(tmp_path / "ghost.json", tmp_path / "out")

    address = "__GHOST_URL__/content/images/2024/x.png"
    said = f"a picture stays at its old address: {address} (nobody has said where the old site was)"
    assert said in map(str, account.posts["ghost:a"].remarks)
    assert len(account.posts["ghost:a"].remarks) == 2


def test_addresses_of_a_site_that_is_known_are_whole(tmp_path):
    row = {**rows()[0], "html": f"{rows()[0]['html']}<p><a href='__GHOST_URL__/about/'>我</a></p>"}
    (tmp_path / "ghost.json").write_text(json.dumps({"data": {"posts": [row, rows()[1]]}}))

    account, posts = folder_of(tmp_path / "ghost.json", tmp_path / "out", site_url="https://old.example/")

    body = posts["ghost:a"].body
    assert "![圖](https://old.example/content/images/2024/x.png)" in body
    assert "[我](https://old.example/about/)" in body
    assert "__GHOST_URL__" not in str(account) + body


def test_pictures_of_this_machine_are_never_fetched(tmp_path):
    html = '<img src="http://127.0.0.1:8000/admin/x.png">'
    row = {**rows()[0], "html": html, "feature_image": "http://10.0.0.1/a.png"}
    (tmp_path / "ghost.json").write_text(json.dumps({"data": {"posts": [row]}}))

    account, _posts = folder_of(tmp_path / "ghost.json", tmp_path / "out", fetch=True)

    details = [remark.detail for remark in account.posts["ghost:a"].remarks]
    assert details == [
        "http://127.0.0.1:8000/admin/x.png (private: 127.0.0.1)",
        "http://10.0.0.1/a.png (private: 10.0.0.1)",
    ]
    assert not (tmp_path / "out" / "pictures").exists()


# --- Cards ---


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        (
            (
                '<div class="kg-card kg-callout-card"><div class="kg-callout-text"><b>'
                '<strong style="white-space: pre-wrap;">'
                "粗</strong></b>與<i><em>斜</em></i></div></div>"
            ),
            "> **粗**與*斜*",
        ),
        (
            (
                '<div class="kg-card kg-audio-card"><audio src="/content/media/a.mp3"></audio>'
                '<div class="kg-audio-title"></div></div>'
            ),
            "[a.mp3](/content/media/a.mp3)",
        ),
        (
            '<div class="kg-card kg-header-card" data-kg-background-image="/content/images/b.jpg"><h2>大</h2></div>',
            "![](/content/images/b.jpg)\n\n## 大",
        ),
        (
            (
                '<div class="kg-card kg-signup-card"><h2>訂閱</h2><form class="kg-signup-card-form"><button>Subscribe'
                "</button><div>Email sent!</div></form><p>不寄廣告</p></div>"
            ),
            "## 訂閱\n\n不寄廣告",
        ),
        ("<!--kg-card-begin: html-->\n<p>原樣</p>\n<!--kg-card-end: html-->", "原樣"),
        ('<p>請<a href="#/portal/signup">加入</a></p>', "請加入"),
        ('<p>請<a href="https://old.example.org/#/portal/account">看</a></p>', "請看"),
        (
            '<img src="data:image/gif;base64,R0lGODlhAQAB" data-src="/content/images/a.jpg" alt="圖">',
            "![圖](/content/images/a.jpg)",
        ),
        (
            '<!--kg-gated-block:begin nonMember:true memberSegment:"" --><p>大家</p><!--kg-gated-block:end-->',
            "大家",
        ),
    ],
)
def test_a_page_is_markdown_with_nothing_unnamed(html, markdown):
    body = of_page(f"<p>前</p>{html}<p>後</p>")

    assert body.body == f"前\n\n{markdown}\n\n後"
    assert unnamed(body) == ((), {})


def test_what_only_members_saw_is_shown_to_nobody():
    gate = '<!--kg-gated-block:begin nonMember:false memberSegment:"status:-free" -->'
    post = of_page(f"<p>前</p>{gate}<p>祕密</p><!--kg-gated-block:end-->")

    assert "祕密" in post.body
    assert "祕密" not in render(post.body)
    assert [one.what for one in post.remarks] == ["what only members saw is kept as a comment"]
    assert unnamed(post) == ((), {})
