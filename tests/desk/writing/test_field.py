"""What scripts put into a field: the very text, at once however long it is, and one step of undo."""

import pytest

pytestmark = pytest.mark.browser
INSERT = """async ([text, from, to]) => {
    const { insert } = await import("/static/desk/field.js");
    const field = document.querySelector("#id_body");
    const began = performance.now();
    insert(field, text, from, to);
    return [field.value, field.selectionStart, performance.now() - began];
}"""


@pytest.mark.parametrize(
    "text",
    [
        "甲",
        "\n" * 60 + "<b>&amp; &\t甲</b>  \n   尾\u00a0" + "\n" * 3,
        "".join(f"第 {number} 行 </pre> 🀄\n" for number in range(4_000)),
    ],
    ids=["short", "odd", "long"],
)
def test_it_puts_in_the_very_text_at_once_and_undo_takes_it_out(editor, post, text):
    found, caret, took = editor.evaluate(INSERT, [text, 2, 4])

    assert found == post.body[:2] + text + post.body[4:]
    assert caret == len((post.body[:2] + text).encode("utf-16-le")) // 2
    assert took < 3_000  # ms; by insertText alone a minute
    editor.keyboard.press("Control+z")
    assert editor.input_value("#id_body") == post.body


def test_nothing_in_the_place_of_nothing_deletes_nothing(editor, post):
    assert editor.evaluate(INSERT, ["", 2, 2])[0] == post.body
