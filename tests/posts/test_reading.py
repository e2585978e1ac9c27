import pytest

from newsletter.posts.templatetags.reading import phrases


@pytest.mark.parametrize(
    ("title", "classes"),
    [
        ("短", "short phrases"),
        ("先問，再做。", "short phrases"),
        ("用來檢查版面的節奏，守不守", "short phrases"),  # nine and three
        ("想把複雜的事情說得簡單，不容易", "phrases"),  # eleven: a phone's line would break it before the comma
        ("我們總是低估了最後剩下的百分之十", ""),  # sixteen: so would a wide one
        ("Working Backwards", "short phrases"),
        ("", "short phrases"),
    ],
)
def test_a_title_breaks_behind_its_punctuation_only_where_its_phrases_fit_a_line(title, classes):
    assert phrases(title) == classes
