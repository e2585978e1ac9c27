# ruff: noqa: E501, ISC004 - lines as these programs write them
"""Exports of Substack, WordPress, Medium and Buttondown, written by the rules of these programs."""

import json
from datetime import UTC, datetime

import pytest

from newsletter.moving.converters.detection import detected
from newsletter.moving.converters.files import Rejected
from newsletter.moving.converters.wordpress_html import as_html, with_paragraphs
from tests.moving.converters.support import TAIPEI, folder_of, posts, unnamed, zipped

DAY = datetime(2024, 5, 6, 8, tzinfo=UTC)


# --- Substack ---

TABLE = """post_id,post_date,is_published,email_sent_at,type,audience,title,subtitle,podcast_url
1.first,2024-05-06T08:00:00.000Z,true,2024-05-06T08:05:00.000Z,newsletter,everyone,題一,副題,
2.paid,2024-05-06T08:00:00.000Z,true,,newsletter,only_paid,題二,,
3.draft,,false,,newsletter,everyone,題三,,
4.about,2024-05-06T08:00:00.000Z,true,,page,everyone,關於,,
5.lost,2024-05-06T08:00:00.000Z,true,,newsletter,everyone,題五,,
"""
TEXT = """<p>內文<a class="footnote-anchor" href="#footnote-1" id="footnote-anchor-1">1</a>，見 <a href="https://x.substack.com/p/about">那頁</a></p>
<div class="captioned-image-container"><figure><a class="image-link" href="https://substackcdn.com/image/fetch/f_auto/https%3A%2F%2Fb.amazonaws.com%2Fa.png"><div class="image2-inset"><picture><source srcset="x"><img src="https://substackcdn.com/image/fetch/w_1456,c_limit/https%3A%2F%2Fb.amazonaws.com%2Fa.png" alt="圖" data-attrs="{&quot;src&quot;:&quot;https://b.amazonaws.com/a.png&quot;,&quot;href&quot;:null}"></picture><div class="image-link-expand"><svg></svg></div></div></a><figcaption class="image-caption">說明</figcaption></figure></div>
<div class="youtube-wrap" data-attrs="{&quot;videoId&quot;:&quot;dQw4w9WgXcQ&quot;}"><iframe src="https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"></iframe></div>
<div class="subscription-widget-wrap"><p>Thanks for reading! Subscribe for free.</p><form><input type="email"></form></div>
<div class="footnote" data-component-name="FootnoteToDOM"><a id="footnote-1" href="#footnote-anchor-1" class="footnote-number">1</a><div class="footnote-content"><p>註解。</p></div></div>"""


@pytest.fixture
def substack(tmp_path):
    files = {"posts.csv": TABLE, "posts/1.first.html": TEXT}
    files |= {f"posts/{name}.html": "<p>內文</p>" for name in ("2.paid", "3.draft", "4.about")}
    return zipped(tmp_path / "substack.zip", files)


def test_a_substack_post_has_its_notes_pictures_and_films(substack):
    [(_name, load), *_rest] = detected(substack, TAIPEI).posts()
    post = load()

    assert (post.source, post.title, post.summary, post.date) == ("substack:1", "題一", "副題", DAY)
    assert (post.mailed.subject, post.mailed.at.minute) == ("題一", 5)
    assert post.addresses == ("/p/first", "/p/1")
    assert post.body == (
        "內文[^1]，見 [那頁](https://x.substack.com/p/about)\n\n"
        '![圖](https://b.amazonaws.com/a.png "說明")\n\n'
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ\n\n"
        "[^1]: 註解。"
    )


def test_what_substack_kept_from_some_is_a_draft_and_a_page_is_unlisted(substack):
    found = {name: load() for name, load in detected(substack, TAIPEI).posts() if name != "5.lost"}

    assert {name: post.date for name, post in found.items()} == {
        "1.first": DAY,
        "2.paid": None,
        "3.draft": None,
        "4.about": DAY,
    }
    assert found["4.about"].is_unlisted
    assert found["2.paid"].remarks[0].what == "it was not for everybody, so it is a draft"


def test_a_substack_export_becomes_a_folder_with_nothing_unnamed(substack, tmp_path):
    account, found = folder_of(substack, tmp_path / "out")

    assert account.rejected == [("5.lost", "its text is not in the archive")]
    assert (len(found), [one.lost_words for one in account.posts.values()]) == (4, [()] * 4)
    assert found["substack:1"].links == {"https://x.substack.com/p/about": "substack:4"}


# --- WordPress ---

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="c" xmlns:excerpt="e" xmlns:wp="w" xmlns:dc="d"><channel>
<title>Blog</title><link>https://old.example.org</link><wp:base_blog_url>https://old.example.org</wp:base_blog_url>"""
ITEM = """<item><title><![CDATA[{title}]]></title><link>https://old.example.org/2024/05/{slug}/</link>
<guid>https://old.example.org/?p={number}</guid><content:encoded><![CDATA[{content}]]></content:encoded>
<excerpt:encoded><![CDATA[摘要]]></excerpt:encoded><wp:post_id>{number}</wp:post_id>
<wp:post_date><![CDATA[2024-05-06 16:00:00]]></wp:post_date><wp:post_date_gmt><![CDATA[2024-05-06 08:00:00]]></wp:post_date_gmt>
<wp:post_name><![CDATA[{slug}]]></wp:post_name><wp:status>{status}</wp:status><wp:post_type>{kind}</wp:post_type>
<wp:post_password>{password}</wp:post_password>
<category domain="category" nicename="x"><![CDATA[生活]]></category><category domain="post_tag" nicename="y"><![CDATA[AI]]></category>
<category domain="category" nicename="u"><![CDATA[Uncategorized]]></category>{meta}</item>"""


def wxr(path, *items):
    known = {"title": "題", "slug": "my-post", "number": 5, "content": "內文", "status": "publish", "kind": "post"}
    known |= {"password": "", "meta": ""}
    path.write_text(HEAD + "".join(ITEM.format(**{**known, **item}) for item in items) + "</channel></rss>")
    return path


def test_a_wordpress_post_has_all_its_parts(tmp_path):
    picture = {"number": 9, "kind": "attachment", "status": "inherit", "slug": "pic"}
    picture["meta"] = (
        "<wp:attachment_url>https://old.example.org/wp-content/uploads/a.png</wp:attachment_url>"
        "<wp:postmeta><wp:meta_key>_wp_attachment_image_alt</wp:meta_key><wp:meta_value>封面</wp:meta_value></wp:postmeta>"
    )
    cover = "<wp:postmeta><wp:meta_key>_thumbnail_id</wp:meta_key><wp:meta_value>9</wp:meta_value></wp:postmeta>"

    found = posts(wxr(tmp_path / "w.xml", picture, {"meta": cover}))

    post = found["my-post"]
    assert list(found) == ["my-post"]
    assert (post.source, post.title, post.slug, post.summary) == (
        "wordpress:old.example.org:5",
        "題",
        "my-post",
        "摘要",
    )
    assert (post.tags, post.date) == (("生活", "AI"), DAY)
    assert (post.cover, post.cover_alt) == ("https://old.example.org/wp-content/uploads/a.png", "封面")
    assert post.addresses == ("/2024/05/my-post/", "/?p=5", "/?page_id=5")


def test_a_large_export_of_wordpress_is_several_files_in_a_zip(tmp_path):
    one, two = wxr(tmp_path / "1.xml", {"slug": "one"}), wxr(tmp_path / "2.xml", {"slug": "two", "number": 6})

    found = posts(zipped(tmp_path / "w.zip", {"a/1.xml": one.read_text(), "a/2.xml": two.read_text()}))

    assert [*found] == ["one", "two"]


@pytest.mark.parametrize(
    "item",
    [{"status": "draft"}, {"status": "private"}, {"status": "pending"}, {"password": "x"}, {"status": "new"}],
)
def test_what_wordpress_hid_is_a_draft(tmp_path, item):
    assert posts(wxr(tmp_path / "w.xml", item))["my-post"].date is None


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        ("一\n二\n\n三", "<p>一<br>\n二</p>\n<p>三</p>"),
        ("<h2>題</h2>\n\n文", "<h2>題</h2>\n<p>文</p>"),
        ("<pre>a\n\nb</pre>", "<pre>a\n\nb</pre>"),
    ],
)
def test_the_old_editors_lines_are_paragraphs(typed, html):
    assert with_paragraphs(typed) == html


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ('[caption id="a" width="1"]<img src="/a.png" alt="圖"> 說明[/caption]', '![圖](/a.png "說明")'),
        ("[embed]https://youtu.be/dQw4w9WgXcQ[/embed]", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("看\n\nhttps://youtu.be/dQw4w9WgXcQ\n\n好", "看\n\nhttps://www.youtube.com/watch?v=dQw4w9WgXcQ\n\n好"),
        ('[code language="php"]$a = "<b>";\n\n$b[/code]', '```php\n$a = "<b>";\n\n$b\n```'),
        (
            "<!-- wp:paragraph -->\n<p>甲<strong>乙</strong></p>\n<!-- /wp:paragraph -->\n\n<!-- wp:separator -->\n"
            '<hr class="wp-block-separator"/>\n<!-- /wp:separator -->',
            "甲**乙**\n\n---",
        ),
        (
            '<!-- wp:embed {"url":"https://youtu.be/dQw4w9WgXcQ"} -->\n<figure class="wp-block-embed is-type-video">'
            '<div class="wp-block-embed__wrapper">\nhttps://youtu.be/dQw4w9WgXcQ\n</div></figure>\n<!-- /wp:embed -->',
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        (
            '<!-- wp:button --><div class="wp-block-button"><a class="wp-block-button__link" href="/x">去</a></div><!-- /wp:button -->',
            "[去](/x)",
        ),
        (
            '<!-- wp:table --><figure class="wp-block-table"><table><thead><tr><th>甲</th></tr></thead>'
            "<tbody><tr><td>乙|丙</td></tr></tbody></table></figure><!-- /wp:table -->",
            "| 甲 |\n| --- |\n| 乙\\|丙 |",
        ),
    ],
)
def test_blocks_and_short_codes_are_markdown(tmp_path, content, body):
    assert posts(wxr(tmp_path / "w.xml", {"content": content}))["my-post"].body == body


def test_a_short_code_of_a_plug_in_stays_and_is_named():
    remarks = []

    assert '[gallery ids="1,2"]' in as_html('<p>x</p>\n\n[gallery ids="1,2"]', "", remarks)
    assert [str(one) for one in remarks] == ['a short code stays as it was typed: [gallery ids="1,2"]']


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "b">]><rss><channel/></rss>', "declares a document type"),
        (
            '<?xml version="1.0"?><!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss><channel/></rss>',
            "declares a document type",
        ),
        ("<?xml version='1.0'?><rss><channel><item>", "no XML that can be read"),
    ],
)
def test_hostile_and_broken_xml_is_refused_whole(tmp_path, text, why):
    (tmp_path / "w.xml").write_text(text)

    with pytest.raises(Rejected, match=why):
        folder_of(tmp_path / "w.xml", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_plug_ins_break_is_mended(tmp_path):
    path = wxr(
        tmp_path / "w.xml",
        {"meta": "<wp:attachment_url>https://e.org/?a=1&b=2</wp:attachment_url>", "content": "a & b\x08"},
    )

    assert posts(path)["my-post"].body == "a & b"


# --- Medium ---

STORY = """<!DOCTYPE html><html><head><title>題</title></head><body><article class="h-entry"><header><h1 class="p-name">題</h1></header>
<section data-field="subtitle" class="p-summary">副題</section><section data-field="body" class="e-content"><section class="section">
<div class="section-divider"><hr class="section-divider"></div><div class="section-content"><div class="section-inner">
<h3 class="graf graf--h3 graf--title">題</h3><h4 class="graf graf--subtitle">副題</h4>
<p class="graf">甲<strong class="markup--strong">乙</strong>，見 <a href="https://medium.com/@me/other-0123456789ab">那篇</a></p>
<pre class="graf graf--pre"><code>x<br>y</code></pre></div></div></section></section>
<footer><p class="p-tags">Tagged in <a class="p-tag" href="/tag/ai">AI</a></p><p>By <a class="p-author h-card">Me</a> on <a href="https://medium.com/p/abcdef012345"><time class="dt-published" datetime="2024-05-06T08:00:00.000Z">x</time></a>.</p>
<p><a href="https://medium.com/@me/my-story-abcdef012345" class="p-canonical">Canonical link</a></p></footer></article></body></html>"""


def test_a_medium_story_has_its_title_above_and_its_text(tmp_path):
    path = zipped(
        tmp_path / "m.zip", {"posts/2024-05-06_my-story-abcdef012345.html": STORY, "profile/about.html": "<p>x</p>"}
    )

    [post] = posts(path).values()

    assert (post.source, post.title, post.summary, post.tags, post.date) == (
        "medium:abcdef012345",
        "題",
        "副題",
        ("AI",),
        DAY,
    )
    assert post.body == "甲**乙**，見 [那篇](https://medium.com/@me/other-0123456789ab)\n\n```\nx\ny\n```"
    assert post.addresses == ("/@me/my-story-abcdef012345", "/p/abcdef012345")


def test_stories_of_medium_know_each_other(tmp_path):
    other = STORY.replace("abcdef012345", "0123456789ab").replace("my-story", "other")
    names = ("posts/2024-05-06_my-story-abcdef012345.html", "posts/2024-05-06_other-0123456789ab.html")

    found = posts(zipped(tmp_path / "m.zip", dict(zip(names, (STORY, other), strict=True))))

    assert [unnamed(post) for post in found.values()] == [((), {})] * 2
    assert next(iter(found.values())).links == {"https://medium.com/@me/other-0123456789ab": "medium:0123456789ab"}


# --- Buttondown ---

MAILS = [
    {"id": "u1", "subject": "題", "slug": "my-mail", "publish_date": "2024-05-06 08:00:00+00:00", "description": "述"},
    {"id": "u2", "subject": "稿", "slug": "draft", "publish_date": "", "status": "draft"},
]


def buttondown(folder):
    (folder / "emails").mkdir(parents=True)
    (folder / "emails" / "my-mail.md").write_text(
        "<!-- buttondown-editor-mode: plaintext -->## 題\n\n**粗** {{ subscriber.email }}"
    )
    (folder / "emails" / "draft.md").write_text("<!-- buttondown-editor-mode: fancy --><p>甲<strong>乙</strong></p>")
    return folder


@pytest.mark.parametrize("form", ["json", "csv", "folder", "zip"])
def test_a_buttondown_export_is_read_in_every_form(tmp_path, form):
    folder = buttondown(tmp_path / "in")
    rows = "id,subject,slug,publish_date,status,description\nu1,題,my-mail,2024-05-06 08:00:00+00:00,sent,述\nu2,稿,draft,,draft,\n"
    if form in {"csv", "zip"}:
        (folder / "emails.csv").write_text(rows)
    else:
        (folder / "emails.json").write_text(json.dumps(MAILS))
    path = {"json": folder / "emails.json", "csv": folder / "emails.csv", "folder": folder}.get(form)
    if path is None:
        files = {name: (folder / name).read_text() for name in ("emails.csv", "emails/my-mail.md", "emails/draft.md")}
        path = zipped(tmp_path / "b.zip", files)

    found = posts(path)

    one, two = found["my-mail"], found["draft"]
    assert (one.source, one.title, one.summary, one.date) == ("buttondown:u1", "題", "述", DAY)
    assert one.body == "## 題\n\n**粗** {{ subscriber.email }}"
    assert [str(remark) for remark in one.remarks] == [
        "a field of Buttondown stays as it was typed: {{ subscriber.email }}"
    ]
    assert (one.mailed.at, one.addresses) == (DAY, ("/archive/my-mail/",))
    assert (two.body, two.date, two.mailed) == ("甲**乙**", None, None)


# --- What is none of them ---


def test_an_archive_of_something_else_is_refused(tmp_path):
    with pytest.raises(Rejected, match="no program is known"):
        detected(zipped(tmp_path / "x.zip", {"a.txt": "x", "b.json": "{}"}), TAIPEI)
