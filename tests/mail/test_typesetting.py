import pytest

from newsletter.mail.typesetting import KEPT, LATIN_FONT, keep_endings, keep_name, narrow_quotes


def kept(html: str) -> str:
    return (
        keep_endings(html.replace(">", ">一行有九個字以上，", 1))
        .replace(">一行有九個字以上，", ">", 1)
        .replace(KEPT, "[")
        .replace("</span>", "]")
    )


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<p>供大家參考。</p>", "<p>供大家[參考。]</p>"),
        ("<p>藝術家擅<strong>偷取。</strong>」</p>", "<p>藝術家擅<strong>[偷取。]</strong>」</p>"),
        ("<p>普及應<strong>用。</strong></p>", "<p>普及[應<strong>用。</strong>]</p>"),
        ("<p>這是<strong>應用創</strong>新。</p>", "<p>這是<strong>應用</strong>[<strong>創</strong>新。]</p>"),
        ('<p>在<a href="/x">這裡</a>吧。</p>', '<p>在[<a href="/x">這裡</a>吧。]</p>'),
        ("<p>你也用 AI 嗎？</p>", "<p>你也用 [AI 嗎？]</p>"),
        ("<p>選的是方案 B。</p>", "<p>選的是方[案 B。]</p>"),
        ("<p>對，好。</p>", "<p>[對，好。]</p>"),
        ("<li>先問<ul><li>再做</li></ul></li>", "<li>[先問]<ul><li>再做</li></ul></li>"),
        ("<p>有註腳。<sup><a>1</a></sup></p>", "<p>有[註腳。]<sup><a>1</a></sup></p>"),
    ],
)
def test_a_paragraph_never_ends_in_one_character(typed, shown):
    assert kept(typed) == shown


@pytest.mark.parametrize(
    "html",
    [
        "<p>好。</p>",
        "<p>We ship what we use.</p>",
        "<p>我們後來都改用 DeepSeek。</p>",
        "<p>https://example.org/p/7</p>",
        "<p></p>",
        "<p>一行放得下的字。</p>",
        "<td>表格裡的一格有很多字</td>",
    ],
)
def test_what_cannot_end_in_one_character_of_a_longer_line_stays_as_it_is(html):
    assert keep_endings(html) == html


def test_a_long_row_of_marks_costs_no_time():
    assert keep_endings(f"<p>字字{'…' * 5000}<b></p>").startswith("<p>字字")


def test_the_name_stays_whole_in_text_alone():
    page = '<title>雙週刊</title><body><a title="雙週刊">雙週刊</a><textarea>雙週刊</textarea>'

    shown = keep_name(page, "雙週刊")

    assert shown == page.replace('">雙週刊<', f'">{KEPT}雙週刊</span><')


def test_a_name_with_signs_and_marks_stays_whole():
    assert keep_name("<body>C++週報&lt;3 ", "C++週報<3") == f"<body>{KEPT}C++週報&lt;3</span> "


@pytest.mark.parametrize("name", ["The Long View", "十一個字以上的名字會超出手機", ""])
def test_a_name_that_may_break_is_left_alone(name):
    assert keep_name(f"<body>{name}", name) == f"<body>{name}"


def test_latin_quotes_are_set_in_a_latin_font_but_in_code():
    page = narrow_quotes("<title>’</title><body><p>don’t</p><pre>“a”</pre><code>’</code>")

    assert page == f"<title>’</title><body><p>don{LATIN_FONT}’</span>t</p><pre>“a”</pre><code>’</code>"
