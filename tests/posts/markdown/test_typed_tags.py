"""What an author typed with a `<` is a mark, or a word that readers see: it never hides what follows."""

import unicodedata
from html import unescape

import pytest
from django.utils import translation

from newsletter.mail.plaintext import text_from_html
from newsletter.posts.markdown.render import render, render_mail
from newsletter.posts.proofreading.check import findings
from tests.factories import make_post

BASE = "https://news.example.org"
SWALLOWERS = (
    *("<textarea>", "<title>", "<style>", "<script>", "<svg>", "<math>", "<noscript>", "<template>", "<object>"),
    *("<iframe>", "<iframe src='https://a.tw/'>", "<!--", "<pre>", "<select>", "<plaintext>", "<xmp>", "<frameset>"),
    *("<div ", "<b title='", "<a href=", "</textarea>", "<?php", "<!DOCTYPE", "<![CDATA[", "<nav>", "<code>", "<b>"),
)


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


def forms(source: str) -> list[str]:
    mail = render_mail(source, base_url=BASE)
    return [render(source), mail, text_from_html(mail)]


def tags_of(source: str) -> list[tuple[str, str]]:
    return [(one.text, str(one.message)) for one in findings(source, terms={}) if one.rule == "tags"]


AROUND = (
    "在 {} 裡打字，*好*。\n\n下一段。",
    "{} 裡打字，好。\n\n下一段。",
    "- {} 好\n- 下一段。",
    "<div>\n{} 好\n\n下一段。",
)


@pytest.mark.parametrize("tag", SWALLOWERS)
@pytest.mark.parametrize(
    "around",
    [
        "在 {} 裡打字，*好*。\n\n下一段。",
        "{} 裡打字，好。\n\n下一段。",
        "- {} 好\n- 下一段。",
        "<div>\n{} 好\n\n下一段。",
    ],
)
def test_a_tag_that_nothing_closes_hides_nothing(tag, around):
    for shown in forms(around.format(tag)):
        assert "好" in shown
        assert "下一段。" in shown


@pytest.mark.parametrize("tag", ["<textarea>", "<title>", "<script>", "<svg>", "<nav>", "<!--"])
def test_such_a_tag_in_a_sentence_is_shown_as_typed(tag):
    page, mail, text = forms(f"在 {tag} 裡打字")

    assert page == mail == f"<p>在 {tag.replace('<', '&lt;').replace('>', '&gt;')} 裡打字</p>"
    assert text == f"在 {tag} 裡打字\n"


def test_whole_elements_stay_marks():
    for html in ("<b>粗</b>", "H<sub>2</sub>O", '<span title="a > b">字</span>', "<ruby>字<rt>ㄗˋ</rt></ruby>"):
        assert "&lt;" not in render(html)
    assert "&lt;" not in render("<details>\n<summary>甲</summary>\n\n乙\n\n</details>")
    assert "&lt;" not in render("<table><tr><td>甲<td>乙</table>")
    assert render("甲 <!-- 藏 --> 乙") == "<p>甲  乙</p>"


def test_a_tag_in_one_block_is_not_closed_by_another_block_far_below():
    for shown in forms("<div><script>\n\n第一段。\n\n<div></script></div>\n\n第二段。"):
        assert "第一段。" in shown
        assert "第二段。" in shown


def test_a_frame_of_another_site_is_a_link_in_every_form():
    source = '甲\n\n<iframe width="646" height="363" src="//map.example.org/a?b=1&amp;c=2"></iframe>\n\n乙'

    page, mail, text = forms(source)

    link = '<a class="embed" href="https://map.example.org/a?b=1&amp;c=2">Embedded page: map.example.org</a>'
    assert link in page
    assert link in mail
    assert "https://map.example.org/a?b=1&c=2" in text
    assert tags_of(source) == [
        (
            '<iframe width="646" height="363" src="//map.example.org/a?b=1&amp;c=2">',
            "Readers get a link instead; from YouTube and Vimeo alone, the site shows a film.",
        )
    ]


@pytest.mark.django_db
def test_the_feed_has_the_link_to_a_film_inside_a_block_too(client):
    make_post("甲", body='<div>\n<iframe src="https://player.vimeo.com/video/123456"></iframe>\n</div>')

    feed = client.get("/feed.json").json()["items"][0]["content_html"]

    assert 'href="https://player.vimeo.com/video/123456"' in feed
    assert "<iframe" not in feed


def test_a_frame_without_a_web_address_is_shown_as_typed():
    for address in ("javascript:alert(1)", "//[x", "data:text/html,x", "/p/1/"):
        assert render(f'<iframe src="{address}"></iframe>').startswith("<p>&lt;iframe src=")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("在 <textarea> 裡", "<textarea>"),
        ("<b>半", "<b>"),
        ("在 <nav> 和 </nav> 之間", "<nav>"),
        ("<script>\nlet a = 1\n</script>", "<script>"),
        ("<svg><path/></svg>", "<svg>"),
    ],
)
def test_the_format_check_names_a_tag_that_is_no_mark(source, found):
    assert tags_of(source)[0][0] == found


@pytest.mark.parametrize(
    "source",
    [
        "a < b",
        "List<String> 和 <your-name>",
        "<https://a.tw> <a@b.tw>",
        "`<title>`",
        "```\n<title>\n```",
        "<b>粗</b><br>",
        "<!-- 藏 -->",
    ],
)
def test_the_format_check_is_silent_about_what_is_plain(source):
    assert tags_of(source) == []


# --- The core's own marks ---


@pytest.mark.parametrize(
    "source", ["重點是*甲**乙*<br>丙", r"<foo\+@bar.com>", "**甲*乙**<b>丙*", "> *甲**乙*<br>丙", "- *甲**乙*<br>丙"]
)
def test_no_mark_of_the_renderer_reaches_a_reader(source):
    for shown in forms(f"前\n\n{source}\n\n*後*"):
        assert not set("\x02\x03") & set(shown)
        assert "klzzwxh" not in shown
        assert "前" in shown


def test_only_the_block_that_fails_is_shown_as_typed():
    assert render("*前*\n\n重點是*甲**乙*<br>丙\n\n*後*") == (
        "<p><em>前</em></p>\n<p>重點是*甲**乙*&lt;br&gt;丙</p>\n<p><em>後</em></p>"
    )


def test_an_address_with_a_backslash_is_text():
    assert "mailto" not in render(r"<foo\+@bar.com>")
    assert 'href="mailto:foo@bar.com"' in render("<foo@bar.com>")


def test_control_characters_are_not_rendered():
    assert render("甲\x02乙\x0b丙\x00丁\x1f") == "<p>甲乙丙丁</p>"


@pytest.mark.parametrize(
    "typed", ["&#2;email&#3;", "&#x2;email&#x3;", "&#0;&#7;&#27;&#x1b;", '<b title="&#2;">甲</b>', "[甲](/a&#2;)"]
)
def test_a_control_character_that_is_written_as_an_entity_reaches_nobody(typed):
    """In a mail, two of them around a name would be a slot, which is filled for each reader."""
    for html in (render(f"甲{typed}乙"), render_mail(f"甲{typed}乙", base_url=BASE), render(f"<p>甲{typed}乙</p>")):
        shown = [char for char in unescape(html) if unicodedata.category(char) == "Cc" and char != "\n"]
        assert shown == []
