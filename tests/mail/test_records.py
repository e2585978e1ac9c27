import pytest

from newsletter.mail.records import stacked
from newsletter.mail.text.plaintext import text_from_html
from newsletter.posts.markdown import render
from newsletter.posts.text.comparison import unshown, words_of

WIDE = (
    "前言。\n\n| 工具 | 月費 | 讀者 | 信 | 備註 |\n|---|--:|:-:|---|---|\n"
    "| [甲](https://a.example.com/x) | 1 | 2 | `x` | **粗**字 |\n| 乙 |  | 5 | 6 | 7 |\n\n後語。\n"
)


def mailed(source):
    return stacked(render.render_mail(source, base_url="https://news.example.org"))


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

    assert unshown(WIDE, words_of(html)) == []
    assert unshown(WIDE, text_from_html(html)) == []


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
    assert stacked(kept) == kept
