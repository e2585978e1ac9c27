"""What a mail refers to is read as its reader's client reads it."""

import pytest

from newsletter.delivery.rehearsal.checks import Shown, addresses_in, read_html


def test_links_are_read_once_in_their_order_with_entities_resolved():
    found = read_html(
        '<a href="https://b/?x=1&amp;y=2">乙</a><a href="https://a/">甲</a><a href="https://a/">甲</a><a name="x">'
    )

    assert found.links == ["https://b/?x=1&y=2", "https://a/"]
    assert found.words == "乙甲甲"


@pytest.mark.parametrize(
    ("html", "picture"),
    [
        ('<img src="/a.png" alt="圖" width="6" height="4">', Shown("/a.png", "圖", has_width=True)),
        ('<img src="/a.png" alt="" width="6">', Shown("/a.png", "", has_width=True)),
        ('<img src="/a.png" alt>', Shown("/a.png", "", has_width=False)),
        ('<img src="/a.png">', Shown("/a.png", None, has_width=False)),
    ],
)
def test_a_picture_without_alt_is_another_than_one_with_an_empty_alt(html, picture):
    assert read_html(html).pictures == [picture]


def test_addresses_of_a_text_end_where_chinese_or_a_sentence_does():
    text = "詳見 https://a.example/1。再見 <https://b.example/?x=1&y=2>，（https://c.example/）\nhttps://d.example/x. https://a.example/1"

    assert addresses_in(text) == [
        "https://a.example/1",
        "https://b.example/?x=1&y=2",
        "https://c.example/",
        "https://d.example/x",
    ]
