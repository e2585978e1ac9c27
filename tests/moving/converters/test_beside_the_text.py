# ruff: noqa: E501 - lines as these programs write them
"""What programs keep beside a text, or say only in a style or a mark of their editor, comes along or is named."""

import json

import pytest

from newsletter.moving.converters.files import Rejected
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.wordpress_html import as_html
from tests.moving.converters.support import posts
from tests.moving.converters.test_others import wxr


def markdown(html):
    return convert_html(html).markdown


def from_wordpress(text):
    remarks = []
    return markdown(as_html(text, "", remarks)).strip(), [str(one) for one in remarks]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<p><span style="text-decoration: underline;">底線</span></p>', "<u>底線</u>"),
        ('<p><span style="text-decoration-line: line-through">刪</span></p>', "~~刪~~"),
        ('<p><a href="/a"><span style="text-decoration: underline;">連結</span></a></p>', "[連結](/a)"),
        ('<pre lang="php">x</pre>', "```php\nx\n```"),
        ('<pre lang="zh-TW">字</pre>', "```\n字\n```"),
        (
            '<div class="youtube-wrap" data-attrs="{&quot;videoId&quot;:&quot;dQw4w9WgXcQ&quot;,&quot;startTime&quot;:&quot;30s&quot;}"></div>',
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=30s",
        ),
        ('<h2>題<div class="pencraft"><button class="pencraft"><svg></svg></button></div></h2>', "## 題"),
    ],
)
def test_what_a_style_or_an_attribute_says_comes_along(html, expected):
    assert (markdown(html), convert_html(html).remarks) == (expected, [])


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("寫作 [[gallery]] 短碼", "寫作 [gallery] 短碼"),
        (
            '<!-- wp:syntaxhighlighter/code {"language":"python"} -->\n<pre class="wp-block-syntaxhighlighter-code">x</pre>\n<!-- /wp:syntaxhighlighter/code -->',
            "```python\nx\n```",
        ),
    ],
)
def test_short_codes_and_marks_of_blocks_come_along(typed, expected):
    text, remarks = from_wordpress(typed)

    assert (text, remarks) == (expected, [])


@pytest.mark.parametrize(
    "typed",
    [
        "[googlemaps https://maps.example/x]",
        "[tweet https://twitter.com/a/1]",
        "[toc]",
        "[my_form]",
        "[ez-toc-widget-x]",
    ],
)
def test_short_codes_of_plug_ins_are_named_whatever_is_given_to_them(typed):
    assert from_wordpress(typed)[1] == [f"a short code stays as it was typed: {typed}"]


def test_words_in_brackets_are_no_short_codes():
    assert from_wordpress("他說 [sic]，[1] 與 [well-known]。")[1] == []


def test_what_was_thrown_away_stays_there(tmp_path):
    with pytest.raises(Rejected, match="it was in the trash there"):
        posts(wxr(tmp_path / "w.xml", {"status": "trash"}))


def test_what_nobody_else_could_read_is_a_draft_and_says_so(tmp_path):
    [post] = posts(wxr(tmp_path / "w.xml", {"status": "private"})).values()

    assert post.date is None
    assert "it was not for everybody, so it is a draft: private" in map(str, post.remarks)


def test_comments_and_fields_of_plug_ins_are_named(tmp_path):
    comment = "<wp:comment><wp:comment_id>1</wp:comment_id><wp:comment_approved>{}</wp:comment_approved></wp:comment>"
    fields = "<wp:postmeta><wp:meta_key>{}</wp:meta_key><wp:meta_value>{}</wp:meta_value></wp:postmeta>"
    meta = fields.format("subtitle", "副題") + fields.format("_edit_last", "1") + fields.format("empty", "")
    meta += fields.format("_yoast_wpseo_metadesc", "摘要 &amp; 其他")

    path = wxr(tmp_path / "w.xml", {"meta": meta + comment.format(1) + comment.format(0) + comment.format(1)})

    path.write_text(path.read_text().replace("<![CDATA[摘要]]>", ""))
    [post] = posts(path).values()
    assert post.summary == "摘要 & 其他"
    assert [str(one) for one in post.remarks] == ["has no place here: subtitle (副題), its comments: 2"]


@pytest.mark.parametrize(
    ("html", "named"),
    [
        ('<iframe src="https://maps.example/x"></iframe>', ["https://maps.example/x"]),
        ('<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ"></iframe>', []),
        ("<iframe></iframe>", []),
    ],
)
def test_a_frame_that_is_no_film_is_named(html, named):
    assert [
        one.detail for one in convert_html(html).remarks if one.what == "what another site shows is a link"
    ] == named


def test_a_picture_of_substacks_first_years_has_its_title_below_it():
    html = """<div class="image3" data-attrs='{"src": "https://e.org/a.png", "title": "白板"}'></div>"""

    assert markdown(html) == "![白板](https://e.org/a.png)\n\n> 白板"


@pytest.mark.parametrize("mark", ["1", "[1]", "*", "註1"])
def test_a_number_that_leads_to_a_paragraph_which_leads_back_is_a_footnote(mark):
    html = f'<p id="p">句<a href="#n">{mark}</a>。</p><p id="n">註的字<a href="#p">↩</a></p>'

    assert markdown(html) == "句[^1]。\n\n[^1]: 註的字"


def test_questions_that_lead_to_answers_are_no_footnotes():
    html = '<p id="q"><a href="#a">為什麼？</a></p><p id="a">因為。<a href="#q">回問題</a></p>'

    assert markdown(html) == "[為什麼？](#a)\n\n因為。[回問題](#q)"


@pytest.mark.parametrize(("status", "is_public"), [("scheduled", True), ("draft", False), ("managed", False)])
def test_a_mail_that_buttondown_would_send_later_is_public_on_its_day_and_mailed_by_nobody(tmp_path, status, is_public):
    row = {
        "id": "1",
        "subject": "題",
        "slug": "x",
        "body": "字",
        "status": status,
        "publish_date": "2099-01-05T08:00:00Z",
    }
    (tmp_path / "emails.json").write_text(json.dumps([row]))

    [post] = posts(tmp_path / "emails.json").values()

    assert (post.date is not None, post.mailed) == (is_public, None)
