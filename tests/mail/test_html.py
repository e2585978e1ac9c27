""""""

import re

import pytest

from newsletter.mail import html
from newsletter.mail.html import stack_wide_tables
from newsletter.mail.plaintext import text_from_html
from newsletter.posts.markdown import render
from newsletter.posts.text.missing_text import find_missing_text, visible_text

PAGE = """<!doctype html>
<html lang="zh-Hant-TW">
<head>
<meta charset="utf-8">
<style>p { color: #222; } a:hover { color: red; }
@media (prefers-color-scheme: dark) { p { color: #eee !important; } }</style>
</head>
<body>
  <div>
    <p>好 &amp; <a href="/a?b=1&amp;c=2">看</a></p>
  </div>
  <pre>a
  b</pre>
</body>
</html>"""


def test_rules_become_style_attributes():
    assert '<p style="color: #222;">' in html.inline_css(PAGE)


def test_media_queries_stay_for_clients_that_know_dark_mode():
    inlined = html.inline_css(PAGE)

    assert re.search(r"<style>@media \(prefers-color-scheme: dark\)\s*{ p { color: #eee !important; } }", inlined)


def test_nothing_is_loaded_from_anywhere():
    page = PAGE.replace("<style>", '<link rel="stylesheet" href="http://127.0.0.1:9/never.css"><style>')

    assert '<p style="color: #222;">' in html.inline_css(page)


def test_a_picture_is_shown_as_it_is_or_as_wide_as_the_column():
    assert html.fit_column(300, 200) == (300, 200)
    assert html.fit_column(1280, 640) == (544, 272)
    assert html.fit_column(10_000, 1) == (544, 1)


def test_only_pictures_whose_size_is_known_and_not_said_get_one():
    known = '<img src="https://a/1.png" alt="x">'
    said = '<img src="https://a/1.png" width="20" height="10">'
    foreign = '<img src="https://b/2.png">'

    sized = html.with_picture_sizes(known + said + foreign, {"https://a/1.png": (1088, 100)})

    style = "width: 100%; max-width: 544px;"
    assert sized == f'<img src="https://a/1.png" alt="x" width="544" style="{style}">{said}{foreign}'


def test_code_keeps_its_lines_and_spaces_without_css_that_outlook_does_not_know():
    page = '<body><pre style="white-space:pre-wrap;color:red"><code>if a:\n    <b>go</b>  on\n</code></pre></body>'

    shown = html.for_old_clients(page)

    lines = "if a:<br>\xa0\xa0\xa0\xa0<b>go</b>\xa0\xa0on<br>"
    assert shown == f'<body><div class="pre" style="color:red"><code>{lines}</code></div></body>'


def test_a_long_run_of_letters_gets_places_to_break_and_an_address_is_left_alone():
    page = f'<body><a href="https://a.example/{"x" * 40}">{"y" * 40} https://news.example.org/p/1/</a></body>'

    shown = html.for_old_clients(page)

    assert f'href="https://a.example/{"x" * 40}"' in shown
    assert "y" * 12 + "\u200b" in shown
    assert shown.replace("\u200b", "") == page
    assert " https://news.example.org/p/1/<" in shown


def test_a_colour_has_a_name_that_dark_mode_can_call():
    assert (
        html.with_colour_classes('<span style="color: #8F2D56">x</span>')
        == '<span class="c-8f2d56" style="color: #8F2D56">x</span>'
    )
    assert html.with_colour_classes("<span>x</span>") == "<span>x</span>"


def test_headings_go_below_a_title():
    source = "<h1>a</h1><h2 class='x'>b</h2><h3>c</h3><h6>d</h6><hr>"

    assert html.demote_headings(source) == "<h3>a</h3><h3 class='x'>b</h3><h4>c</h4><h6>d</h6><hr>"


def test_a_token_that_is_shown_begins_a_line_and_can_be_copied_whole():
    address = "https://news.example.org/confirm/L4EClM9Dxj112Pzef/"

    shown = html.for_old_clients(f'<html><body><a href="{address}">{address}</a></body></html>')

    assert f'href="{address}"' in shown
    assert ">https://news.example.org/confirm/<br>L4EClM9Dxj112Pzef/<" in shown


def test_a_header_of_a_table_says_what_it_heads():
    cells = '<html><body><tr><th style="color: #222;">月</th><th scope="row">甲</th></tr></body></html>'

    assert '<th scope="col" style="color: #222;">月</th><th scope="row">甲</th>' in html.for_old_clients(cells)


@pytest.mark.parametrize(("columns", "breaks"), [(4, False), (5, True)])
@pytest.mark.parametrize("attributes", ["", ' class="x" style="color: red;"'])
def test_a_table_of_many_columns_may_break_anywhere_so_that_it_fits_a_phone(columns, breaks, attributes):
    rows = f"<tr>{'<td>甲</td>' * columns}</tr>" * 2

    old = html.for_old_clients(f"<body><table{attributes}>{rows}</table></body>")

    assert (old.count("line-break: anywhere") == 1) == breaks
    assert old.count("<td>甲</td>") == 2 * columns
    assert "color: red" in old or not attributes


def test_a_line_of_code_breaks_at_its_spaces_whatever_its_colours():
    code = "<b>if</b> <i>x</i>:\n    <b>return</b> <i>y</i>  <s># z</s>"

    old = html.for_old_clients(f"<body><pre><code>{code}</code></pre></body>")

    shown = re.sub("<br>", "|", old.partition("<body>")[2])
    assert re.sub("<[^>]+>", "", shown) == "if x:|\xa0\xa0\xa0\xa0return y\xa0\xa0# z"


def test_a_long_address_that_is_shown_breaks_without_a_character_more():
    address = f"https://example.com/{'x' * 60}/2026/{'y' * 40}?a={'z' * 40}"
    page = f'<body><a href="{address}" style="color: red">{address}</a></body>'

    shown = html.for_old_clients(page.replace("z" * 40, "z"))

    assert 'style="line-break: anywhere; color: red"' in shown
    assert html.for_old_clients(shown).count("line-break") == 1


WIDE = (
    "前言。\n\n| 工具 | 月費 | 讀者 | 信 | 備註 |\n|---|--:|:-:|---|---|\n"
    "| [甲](https://a.example.com/x) | 1 | 2 | `x` | **粗**字 |\n| 乙 |  | 5 | 6 | 7 |\n\n後語。\n"
)


def mailed(source):
    return stack_wide_tables(render.render_mail(source, base_url="https://news.example.org"))


def table(*rows, tag="<table>"):
    return tag + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def test_each_row_of_a_table_of_five_columns_is_a_block_of_heads_and_cells():
    html = mailed(WIDE)

    assert "<table" not in html
    assert html.count('<p class="record">') == 2
    assert '<span class="head">工具：</span><a href="https://a.example.com/x">甲</a><br>' in html
    assert '<span class="head">備註：</span><strong>粗</strong>字</p>' in html


def test_the_text_part_says_the_same_in_the_same_lines():
    text = text_from_html(mailed(WIDE))

    assert "工具：甲[1]\n月費：1\n讀者：2\n信：x\n備註：粗字\n\n工具：乙\n月費：—\n讀者：5\n信：6\n備註：7" in text
    assert text.startswith("前言。\n\n工具")
    assert "備註：7\n\n後語。" in text


def test_nothing_of_a_stacked_table_counts_as_lost():
    html = mailed(WIDE)

    assert find_missing_text(WIDE, visible_text(html)) == []
    assert find_missing_text(WIDE, text_from_html(html)) == []


HEADS, CELLS = "<th>頭</th>" * 5, "<td>格</td>" * 5


@pytest.mark.parametrize(
    "kept",
    [
        table(HEADS),
        table(CELLS, CELLS),
        table("<th></th>" + "<th>頭</th>" * 4, CELLS),
        table(HEADS, "<td>格</td>" * 4),
        table(HEADS, '<td colspan="2">格</td>' + "<td>格</td>" * 4),
        table(HEADS, "<td><ul><li>格</li></ul></td>" + "<td>格</td>" * 4),
        table(HEADS, CELLS, tag='<table role="presentation">'),
    ],
    ids=["no rows", "no heads", "a head is empty", "a cell is missing", "merged cells", "a list in a cell", "a layout"],
)
def test_a_table_that_lines_cannot_say_stays_one(kept):
    assert stack_wide_tables(kept) == kept
