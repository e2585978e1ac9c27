"""The account names what a text has lost, and no remark excuses more than its own words."""

import pytest

from newsletter.moving.converters import convert
from newsletter.moving.converters.convert import lost_words
from newsletter.moving.converters.converter import ConvertedPost
from newsletter.moving.counting import count_html
from newsletter.moving.folder.layout import Remark
from tests.moving.converters.support import folder_of, laid_out


def lost(html, body, *remarks):
    return lost_words(
        ConvertedPost(source="x", title="題", body=body, original_counts=count_html(html), remarks=remarks)
    )


def test_words_that_the_page_does_not_show_are_lost_each_as_often_as_it_is_missing():
    assert lost("<p>前 word word</p><p>後</p>", "前 word") == ("word", "後")


@pytest.mark.parametrize(
    ("remark", "words"),
    [
        (Remark("a form is kept as a comment", "訂閱 now"), ("其他",)),
        (Remark("a button of the old program stays away", "訂閱 now", is_loss=False, effect={"links": -1}), ("其他",)),
        (Remark("has no place here", "訂閱 now", is_loss=False), ("訂", "閱", "now", "其他")),
    ],
)
def test_a_remark_excuses_its_own_words_if_it_explains_a_difference(remark, words):
    assert "".join(lost("<p>訂閱 now</p><p>其他</p>", "", remark)) == "".join(words)


def test_the_account_counts_the_export_and_lists_what_became_of_each_post(tmp_path):
    typed = "# 題\n\n內文 **粗** 與 [連](https://e.org)。\n\n<form><p>填 Name</p></form>\n"

    account, _posts = folder_of(laid_out(tmp_path / "in", {"a.md": typed}), tmp_path / "out")

    one = account.posts["markdown:a.md"]
    assert {name: count for name, count in one.before.items() if count} == {
        "words": 1,
        "han": 6,
        "links": 1,
        "bold runs": 1,
    }
    assert [(remark.what, remark.is_loss) for remark in one.remarks] == [("a form is kept as a comment", True)]
    assert (one.lost_words, one.remarks[0].effect) == ((), {"words": -1, "han": -1})


def test_a_text_that_takes_too_long_stops_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "POST_SECONDS", 0.2)
    texts = {"a.md": "# 題\n\n" + "- *甲* [乙](c) " * 30_000, "b.md": "# 題\n\n內文。"}

    account, posts = folder_of(laid_out(tmp_path / "in", texts), tmp_path / "out")

    assert account.rejected == [("a.md", "it takes too long to convert")]
    assert [*posts] == ["markdown:b.md"]
