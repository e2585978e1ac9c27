"""Typing in a browser: lists, the menu, and the mirror that colours Markdown without moving a glyph."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from newsletter.issues.models import KeptText
from newsletter.posts.markdown.render import render
from tests.support.page_checks import assert_accessible_in_both_schemes, wait_for_expression

pytestmark = pytest.mark.browser
AGREES = "document.querySelector('.has-mirror') !== null"
# Kinds of lines that the mirror shows, and what it colours in which way.
SHOWN = """() => ({
    text: [...document.querySelectorAll('.editor-mirror > span')].map((one) => one.textContent).join('\\n'),
    kinds: [...document.querySelectorAll('.editor-mirror > span')].map((one) => one.className).filter(Boolean),
    ...Object.fromEntries([...CSS.highlights].map(([name, ranges]) =>
        [name, [...ranges].map((one) => one.startContainer.data.slice(one.startOffset, one.endOffset)).sort()])),
})"""
ODD = "# 一\n\n**粗** *斜* ==標== ~~刪~~ `碼` [字](/p/a)[^1]\n> 引\n```\n**不粗**\n```\n\n\t縮\u3000🀄 مر\n\n[^1]: 註"


@pytest.fixture
def empty(editor):
    editor.locator("#id_body").fill("")
    return editor


def value(editor) -> str:
    return editor.input_value("#id_body")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("- 一⏎二⏎⏎後面一段", "- 一\n- 二\n\n後面一段"),
        ("9) 一⏎二⏎⏎後面", "9) 一\n10) 二\n\n後面"),
        ("> 一⏎⏎後面", "> 一\n\n後面"),
        ("1. 一⏎⌫⌫⌫   - 甲⏎⏎二⏎⏎後面", "1. 一\n   - 甲\n2. 二\n\n後面"),
    ],
    ids=["list", "numbers", "quotation", "an inner list"],
)
def test_a_list_ends_where_its_author_ends_it(empty, keys, text):
    empty.locator("#id_body").focus()
    for key in keys:
        if special := {"⏎": "Enter", "⌫": "Backspace"}.get(key):
            empty.keyboard.press(special)
        else:
            empty.keyboard.insert_text(key)

    assert value(empty) == text
    assert f"<p>{text.rsplit('\n', 1)[1]}</p>" in render(text)


def test_the_mirror_shows_the_very_text_and_colours_what_is_marked(empty):
    empty.locator("#id_body").focus()
    empty.keyboard.insert_text(ODD)
    wait_for_expression(empty, AGREES)
    shown = empty.evaluate(SHOWN)

    assert shown["text"] == ODD
    assert shown["kinds"] == ["is-heading", "is-quote", "is-code", "is-code", "is-code"]
    assert shown["ink-strong"] == ["粗"]
    assert shown["ink-em"] == ["斜"]
    assert shown["ink-hit"] == ["標"]
    assert shown["ink-del"] == ["刪"]
    assert shown["ink-code"] == ["碼"]
    assert shown["ink-link"] == ["[^1]", "[^1]:", "字"]
    empty.keyboard.press("Control+z")
    assert empty.evaluate(SHOWN)["text"] == value(empty)


def drawn(editor) -> Image.Image:
    octets = editor.locator(".editor-panes").screenshot(animations="disabled")  # ends those that fade
    return Image.open(BytesIO(octets)).convert("L")


def test_coloured_words_stand_where_the_plain_ones_do(empty):
    empty.locator("#id_body").focus()
    empty.keyboard.insert_text(ODD)
    wait_for_expression(empty, AGREES)
    paint = """(isPlain) => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(`.editor-mirror { visibility: ${isPlain ? 'hidden' : 'visible'}; background: none !important }
            .editor-mirror > span { background: none !important; box-shadow: none !important;
                -webkit-text-stroke: 0 !important }
            #id_body#id_body { -webkit-text-fill-color: ${isPlain ? 'currentcolor' : 'transparent'} !important;
                caret-color: transparent !important }`);
        document.adoptedStyleSheets = [sheet];
        Highlight.prototype.add = () => {}; // a later check colours nothing between the two pictures
        for (const ranges of CSS.highlights.values()) ranges.clear();
    }"""
    empty.evaluate(paint, False)
    mirrored = drawn(empty)
    empty.evaluate(paint, True)

    different = ImageChops.difference(mirrored, drawn(empty))
    assert sum(different.histogram()[4:]) <= 10  # pixels, of 700,000


def test_a_slash_puts_things_in_by_keys_and_escape_leaves_it(empty):
    KeptText.objects.create(kind=KeptText.Kind.CLOSING, name="結語", text="下次見。")
    empty.locator("#id_body").focus()
    empty.keyboard.insert_text("一句話")
    empty.keyboard.press("Control+Slash")
    assert_accessible_in_both_schemes(empty)
    empty.keyboard.insert_text("foot")
    empty.keyboard.press("Enter")
    empty.keyboard.insert_text("出處")
    assert value(empty) == "一句話[^1]\n\n[^1]: 出處"

    empty.locator("#id_body").fill("")
    empty.keyboard.insert_text("／")
    empty.locator("#offers [role=option]", has_text="結語").wait_for()
    empty.keyboard.press("Escape")
    assert not empty.locator("#offers").is_visible()
    empty.keyboard.insert_text("結")
    assert not empty.locator("#offers").is_visible()
    assert value(empty) == "／結"

    empty.locator("#id_body").fill("")
    empty.click(".editor-plus")
    empty.get_by_role("option", name="結語").click()
    assert value(empty) == "下次見。"
    empty.keyboard.press("Control+z")
    assert value(empty) == ""


def test_tab_leads_from_the_title_to_the_text_and_only_then_to_the_tools(empty):
    empty.locator("#id_title").focus()
    empty.keyboard.insert_text("題")
    empty.keyboard.press("Tab")
    empty.keyboard.insert_text("字")

    assert value(empty) == "字"
    empty.keyboard.press("Tab")
    assert empty.evaluate("document.activeElement.dataset.tool") == "menu"
