"""What an author typed with a `<` is a mark, or a word that readers see: it never hides what follows."""

import unicodedata
from html import unescape

import pytest

from newsletter.mail.plaintext import text_from_html
from newsletter.posts.markdown.render import render, render_mail
from newsletter.posts.proofreading.check import check_text

BASE = "https://news.example.org"
SWALLOWERS = (
    *("<textarea>", "<title>", "<style>", "<script>", "<svg>", "<math>", "<noscript>", "<template>", "<object>"),
    *("<iframe>", "<iframe src='https://a.tw/'>", "<!--", "<pre>", "<select>", "<plaintext>", "<xmp>", "<frameset>"),
    *("<div ", "<b title='", "<a href=", "</textarea>", "<?php", "<!DOCTYPE", "<![CDATA[", "<nav>", "<code>", "<b>"),
)

pytestmark = pytest.mark.usefixtures("english")


def forms(source: str) -> list[str]:
    mail = render_mail(source, base_url=BASE)
    return [render(source), mail, text_from_html(mail)]


def tags_of(source: str) -> list[tuple[str, str]]:
    return [(one.text, str(one.message)) for one in check_text(source, terms={}) if one.rule == "tags"]


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


@pytest.mark.parametrize(
    "typed", ["&#2;email&#3;", "&#x2;email&#x3;", "&#0;&#7;&#27;&#x1b;", '<b title="&#2;">甲</b>', "[甲](/a&#2;)"]
)
def test_a_control_character_that_is_written_as_an_entity_reaches_nobody(typed):
    """In a mail, two of them around a name would be a slot, which is filled for each reader."""
    for html in (render(f"甲{typed}乙"), render_mail(f"甲{typed}乙", base_url=BASE), render(f"<p>甲{typed}乙</p>")):
        shown = [char for char in unescape(html) if unicodedata.category(char) == "Cc" and char != "\n"]
        assert shown == []
