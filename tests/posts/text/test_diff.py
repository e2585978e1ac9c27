"""What has changed between two texts, shown in the size in which an author thinks of it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.posts.text.diff import PartKind, diff, shorten_unchanged

TEXTS = st.text(st.sampled_from("甲乙丙，。 \nabc1é\u0301👩\u200d"), max_size=80)


def marked(before: str, after: str) -> str:
    marks = {PartKind.SAME: "{}", PartKind.REMOVED: "[-{}-]", PartKind.ADDED: "{{+{}+}}"}
    return "".join(marks[one.kind].format(one.text) for one in diff(before, after))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("", "", ""),
        ("", "新的", "{+新的+}"),
        ("會議少了四成。", "會議少了將近一半。", "會議少了[-四成-]{+將近一半+}。"),
        ("We meet often.", "We met often.", "We [-meet-]{+met+} often."),
        ("用 GPT-4 寫", "用 GPT-5 寫", "用 GPT-[-4-]{+5+} 寫"),
        ("一。\n\n二。\n\n三。", "一。\n\n三。", "一。\n\n[-二。\n\n-]三。"),
        ("一。\n\n三。", "一。\n\n二。\n\n三。", "一。\n\n{+二。\n\n+}三。"),
        ("甲的乙", "丙的丁", "[-甲的乙-]{+丙的丁+}"),  # one character between two changes
    ],
)
def test_what_has_changed_is_shown_where_it_stands(before, after, shown):
    assert marked(before, after) == shown


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_pieces(before, after):
    found = diff(before, after)

    assert "".join(one.text for one in found if one.kind is not PartKind.ADDED) == before
    assert "".join(one.text for one in found if one.kind is not PartKind.REMOVED) == after
    assert all(one.text for one in found)


def test_of_long_passages_that_stayed_only_the_ends_are_shown():
    [same, removed] = shorten_unchanged(diff("長" * 1000 + "舊", "長" * 1000))

    assert (len(same.text), len(same.tail), same.hidden_length) == (160, 160, 680)
    assert removed.text == "舊"


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("同\n" * 100_000, "同\n" * 50_000 + "異\n" + "同\n" * 50_001),
        (
            "".join(chr(0x4E00 + n % 9000) for n in range(250_000)),
            "".join(chr(0x4E00 + n % 8999) for n in range(250_000)),
        ),
        ("的" * 250_000 + "一", "二" + "的" * 249_000),
        ("一句話。\n" * 3000, "兩句話。\n一句話。\n" * 3000),
    ],
)
def test_long_and_repetitive_texts_are_compared_within_seconds(before, after):
    began = time.process_time()

    diff(before, after)

    assert time.process_time() - began < 5
