import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.text.wrapping import CLOSERS, tidy, wrap


@pytest.mark.exhaustive
def test_no_line_is_too_long_none_begins_with_a_comma_and_none_ends_with_a_bracket():
    dice = random.Random(72)
    for _round in range(300):
        text = "".join(dice.choice("中文字是「」（），。！？、ab 12") for _char in range(400))
        text = re.sub(r"\s+(?=[，。！？、」）])|(?<=[「（])\s+", "", text)

        lines = wrap(text).split("\n")

        assert all(not line.startswith(tuple("，。！？、」）")) for line in lines[1:])
        assert all(not line.endswith(tuple("「（")) for line in lines[:-1])
        assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


def test_an_address_is_never_broken():
    address = "https://news.example.org/" + "a-b/" * 40

    assert address in wrap(f"這裡有一個很長的網址 {address} 然後繼續寫").split("\n")


def test_an_emoji_of_several_characters_is_never_torn():
    family = "👨\u200d👩\u200d👧"

    assert all(line.replace(family, "") == "" for line in wrap(family * 60).split("\n"))


def test_a_text_template_is_wrapped_and_loses_surplus_blank_lines():
    assert tidy(f"\n\n一\n\n\n\n{'長' * 40}  \n\n") == f"一\n\n{'長' * 36}\n{'長' * 4}\n"


@given(
    st.lists(
        st.sampled_from(["中", "文", "API", " Go ", "（", "」", "。", "，", "：", "[1]", "[12]", "…", "“", "”", "%"]),
        max_size=90,
    )
)
def test_no_line_begins_with_a_closing_mark_behind_latin_or_the_number_of_a_link(pieces):
    typed = re.sub(rf"\s+(?=[{re.escape(CLOSERS)}])", "", "".join(pieces)).lstrip(CLOSERS)

    lines = wrap(typed, columns=20).split("\n")

    assert [line for line in lines if line[:1] and line[0] in CLOSERS] == []
