""""""

import re
from textwrap import dedent

import pytest

from newsletter.mail.plaintext import text_from_html, tidy


def test_a_text_template_loses_surplus_blank_lines_and_its_lines_stay_whole():
    assert tidy(f"\n\n一\n\n\n\n{'長' * 400}  \n\n") == f"一\n\n{'長' * 400}\n"


def read(html):
    return text_from_html(f"<html><head><title>x</title></head><body>{html}</body></html>")


# --- links ---


def test_a_link_in_a_sentence_gets_a_number_and_its_address_stands_at_the_end():
    text = read('<p>詳見<a href="https://e.tw/a">這篇</a>。</p><p>完。</p>')

    assert text == "詳見這篇[1]。\n\n完。\n\n──────\n[1] https://e.tw/a\n"


def test_a_link_alone_in_its_block_is_followed_by_its_address():
    assert read('<p><a href="https://e.tw/c"><span>確認訂閱</span></a></p>') == "確認訂閱\nhttps://e.tw/c\n"


def test_links_side_by_side_are_each_followed_by_their_address():
    text = read('<p><a href="https://e.tw/1">有幫助</a> · <a href="https://e.tw/2">普通</a></p>')

    assert text == "有幫助\nhttps://e.tw/1\n普通\nhttps://e.tw/2\n"


def test_an_address_that_is_its_own_text_is_written_once_and_ends_in_a_space():
    text = read('<p>請看<a href="https://e.tw/a">https://e.tw/a</a>，謝謝。</p>')

    assert text == "請看https://e.tw/a ，謝謝。\n"


@pytest.mark.parametrize(
    "html",
    [
        '<p>看<a href="U">一</a>和<a href="U">二</a></p>',
        '<p><a href="U">一</a></p><p>看<a href="U">二</a></p>',
        '<p>看<a href="U">一</a></p><p><a href="U">二</a></p>',
        '<p><a href="U">一</a></p><p><a href="U">二</a></p>',
        '<p><a href="U">U</a></p><p>看<a href="U">二</a></p>',
    ],
)
def test_an_address_is_shown_once_however_often_it_is_linked(html):
    assert read(html.replace("U", "https://e.tw/a")).count("https://e.tw/a") == 1


def test_every_address_of_the_html_is_in_the_text():
    addresses = [f"https://e.tw/{number}/?a=1&b={number}" for number in range(30)]
    html = "".join(f'<li>第<a href="{address.replace("&", "&amp;")}">項</a></li>' for address in addresses)

    assert re.findall(r"https?://\S+", read(f"<ul>{html}</ul>")) == addresses


# --- blocks ---


def test_headings_are_marked_and_paragraphs_apart():
    assert read("<h1>標題</h1><p>一</p><h2>Two</h2><h3>三</h3>") == "■ 標題\n\n一\n\n◆ Two\n\n◇ 三\n"


def test_lists_have_bullets_numbers_and_depth():
    html = (
        "<p>前</p><ul><li>甲</li><li>乙<ol start='3'><li>一</li><li>二</li></ol></li><li><p>丙</p></li></ul><p>後</p>"
    )

    assert read(html) == "前\n\n• 甲\n• 乙\n  3. 一\n  4. 二\n• 丙\n\n後\n"


def test_a_paragraph_is_one_line_however_long():
    assert read(f"<p>{'長' * 400}</p><ul><li>{'項' * 90}</li></ul>") == f"{'長' * 400}\n\n• {'項' * 90}\n"


def test_a_quotation_is_marked_on_every_line():
    assert read(f"<blockquote><p>{'引' * 50}<br>用</p></blockquote>") == f"> {'引' * 50}\n> 用\n"


def test_code_keeps_its_lines_and_spaces():
    assert read("<p>看</p><pre><code>def f():\n    return  1\n</code></pre>") == (
        "看\n\n    def f():\n        return  1\n"
    )


def test_a_picture_is_its_description_and_one_without_is_nothing():
    assert read('<p><img src="a" alt="一座 橋"></p><p><img src="b" alt="">字</p>') == "［圖：一座 橋］\n\n字\n"


def test_a_caption_stands_below_its_picture():
    html = '<figure><img src="a" alt="三個圓"><figcaption>創新的要件</figcaption></figure><p>字</p>'

    assert read(html) == "［圖：三個圓］\n創新的要件\n\n字\n"


def test_a_small_table_is_drawn_in_columns():
    html = """<table><thead><tr><th>名稱</th><th>Price</th></tr></thead>
    <tbody><tr><td>蘋果汁</td><td>3</td></tr><tr><td>Tea</td><td><a href="https://e.tw/t">12</a></td></tr></tbody></table>"""

    assert read(html) == dedent("""\
        名稱     Price
        ------   -----
        蘋果汁   3
        Tea      12[1]

        ──────
        [1] https://e.tw/t
        """)


def test_a_wide_table_becomes_lines_with_the_heading_in_front():
    html = f"<table><tr><th>題</th><th>文</th></tr><tr><td>甲</td><td>{'字' * 40}</td></tr></table>"

    assert read(html) == f"題：甲\n文：{'字' * 40}\n"


def test_a_table_that_only_lays_out_leaves_no_trace():
    assert read('<table role="presentation"><tr><td><p>一</p></td></tr><tr><td>二</td></tr></table>') == "一\n\n二\n"


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display: none; color: red">預覽</div>',
        "<div hidden>預覽</div>",
        '<p class="quiet html-only">預覽</p>',
        "<style>p { color: red }</style>",
        "<script>alert(1)</script>",
        '<div aria-hidden="true"><p>預<br>覽</p></div>',
        "<!-- 預覽 -->",
    ],
)
def test_what_readers_do_not_see_is_left_out(hidden):
    assert read(f"{hidden}<p>正文</p>") == "正文\n"


@pytest.mark.parametrize(
    "html", ["", "<p>", "</td></table></ul></a>", "<li>x", "<a>x", "<table><td>x</td></table>", "<a href=x>"]
)
def test_broken_html_is_read_as_well_as_it_can_be(html):
    assert read(html).endswith("\n")


def test_the_title_of_a_link_stands_behind_its_words():
    text = text_from_html('<p>請看<a href="https://e.org/a" title="第一章">這裡</a>，再說。</p>')

    assert text.startswith("請看這裡（第一章）")
    assert "https://e.org/a" in text
