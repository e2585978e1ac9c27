"""Cards: a title set as a typesetter would, in a picture that other sites accept."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageColor

from newsletter.publication.pictures import cards
from newsletter.publication.pictures.cards import (
    COVER_HEIGHT,
    COVER_TEXT_WIDTH,
    COVER_WIDTH,
    NAME_LINES_MAX,
    PAPER,
    Card,
    Cover,
    fit_name,
    fit_title,
    text_width,
    wrap_lines,
)

CARD = Card("管理槓桿", "Gipi電子報", "2026年10月28日", "#9a3412")
LONG = "讓管理變省力的四個技巧：從「看得見的事」到「真正決定成果的事」"


def picture(card):
    return Image.open(BytesIO(card.png())).convert("RGB")


def test_a_card_is_a_small_png_of_the_size_that_is_asked_for():
    octets = CARD.png()

    image = Image.open(BytesIO(octets))
    assert (image.format, image.size) == ("PNG", (1200, 630))
    assert len(octets) < 60_000


@pytest.mark.parametrize(
    "change", [{"title": "別的"}, {"name": "別報"}, {"detail": "昨天"}, {"accent": "#123456"}, {"number": "42"}]
)
def test_everything_that_is_seen_changes_picture_and_address(change):
    other = replace(CARD, **change)

    assert other.digest != CARD.digest
    assert ImageChops.difference(picture(CARD), picture(other)).getbbox()


@pytest.mark.parametrize("room", [244, 334])
@pytest.mark.parametrize("title", ["人", "管理槓桿", LONG, LONG * 3, "Leadership without authority " * 3, "字" * 200])
def test_a_title_of_any_length_fits(title, room):
    size, lines = fit_title(title, room)

    assert len(lines) * size * cards.LINE_HEIGHT <= room
    assert all(cards.text_width(line, size) <= cards.WIDTH - 2 * cards.MARGIN for line in lines)


def test_a_title_that_cannot_fit_says_that_it_goes_on():
    _size, lines = fit_title("字" * 300, 244)

    assert lines[-1].endswith("字…")


def test_words_stay_whole_and_punctuation_stands_where_it_may():
    lines = wrap_lines("他說：「OpenAI的Roadmap，其實（很短）。」Roadmap", 92, 500)

    assert "".join(lines).count("Roadmap") == 2
    assert all(line[0] not in cards.NOT_AT_LINE_START and line[-1] not in cards.NOT_AT_LINE_END for line in lines)


@pytest.mark.exhaustive
@pytest.mark.parametrize("title", ["🎉", "\u200b", "\ue000", "\x00", "𠮷"])
def test_what_no_font_has_is_left_out_and_the_rest_is_drawn(title):
    with_it, without = replace(CARD, title=f"管理{title}"), replace(CARD, title="管理")

    assert picture(with_it).size == (1200, 630)
    if title != "𠮷":  # a system with Chinese fonts has it
        assert not ImageChops.difference(picture(with_it), picture(without)).getbbox()


@pytest.mark.parametrize("char", "臺灣管理產品經濟學喆堃犇峯裡着，。「」A9é—…")
def test_the_font_has_what_taiwanese_authors_type(char):
    assert cards._font_index(char) == 0 or char in "犇峯着"


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("從零開始打造一個讓人願意每天使用的產品", ["從零開始打造一個", "讓人願意每天使用的產品"]),
        ("每兩週一封信，談產品、團隊與 AI", ["每兩週一封信，", "談產品、團隊與 AI"]),
        ("AI 時代的產品經理，最重要的能力是提問", ["AI 時代的產品經理，", "最重要的能力是提問"]),
    ],
)
def test_a_title_breaks_between_phrases_and_not_within_a_word(title, lines):
    assert fit_title(title, 334)[1] == lines


ACCENT = "#9a3412"
COVER = Cover("Gipi 電子報", "每兩週一封信，寫給想把事情做好的人。", "Gipi", "2026", ACCENT)


def drawn(cover):
    return Image.open(BytesIO(cover.png())).convert("RGB")


def colours(picture, box):
    return {colour for _count, colour in picture.crop(box).getcolors(maxcolors=1 << 24)}


def test_a_cover_has_the_shape_that_shops_ask_for_and_weighs_little():
    octets = COVER.png()

    assert Image.open(BytesIO(octets)).size == (1200, 1920)
    assert len(octets) < 100_000


def test_the_author_stands_at_the_foot_of_a_cover():
    foot = (0, COVER_HEIGHT - 170, COVER_WIDTH, COVER_HEIGHT - 90)

    assert len(colours(drawn(COVER), foot)) > 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["信", "Gipi 電子報", "產品經理與主管的兩週一封信：管理槓桿", "字" * 200, "a" * 200])
def test_no_name_leaves_the_margins(name):
    size, lines = fit_name(name)

    assert 1 <= len(lines) <= NAME_LINES_MAX
    assert all(text_width(line, size) <= COVER_TEXT_WIDTH for line in lines)
    picture = drawn(Cover(name, name, name, "2026", ACCENT))
    for box in [
        (0, 40, 100, COVER_HEIGHT),
        (COVER_WIDTH - 100, 40, COVER_WIDTH, COVER_HEIGHT),
        (0, COVER_HEIGHT - 90, COVER_WIDTH, COVER_HEIGHT),
    ]:
        assert colours(picture, box) == {ImageColor.getrgb(PAPER)}
