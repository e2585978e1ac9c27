"""The reader's name in an author's text, and what stands there for those who gave none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.salutations import (
    NAME_FIELD,
    NAME_SLOT,
    fill_name_slots_with_fallbacks,
    safe_name,
    with_name_slots,
    without_name_slots,
)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("{name|friend}, hello", "friend, hello"),
        ("{稱呼|朋友}，你好：", "朋友，你好："),
        ("{ 名字｜讀者 }好，{name|你}", "讀者好，你"),
        ("{name}", "{name}"),
        ("{name|}", "{name|}"),
        ("{{ name|friend }}", "{{ name|friend }}"),
        ("{name|a word that is far too long}", "{name|a word that is far too long}"),
        ('{name|"quoted"}', '{name|"quoted"}'),
        ("<p>{name|x}</p><pre><code>{name|x} <b>{name|y}</b></code></pre>", None),
        ("<code>{name|x}</code> {name|x}", "<code>{name|x}</code> x"),
    ],
)
def test_everybody_reads_the_word_and_code_stays_as_it_was_typed(typed, read):
    read = read or "<p>x</p><pre><code>{name|x} <b>{name|y}</b></code></pre>"

    assert fill_name_slots_with_fallbacks(typed) == read
    assert without_name_slots(with_name_slots(typed)) == read


@given(st.text(max_size=60))
def test_a_slot_is_letters_alone_and_gives_the_word_back(text):
    found = NAME_FIELD.search(f"{{name|{text}}}")
    letter = with_name_slots(f"{{name|{text}}}")

    assert bool(found) == bool(NAME_SLOT.search(letter))
    assert without_name_slots(letter) == fill_name_slots_with_fallbacks(f"{{name|{text}}}")


@given(st.text(max_size=80))
def test_a_harmless_name_means_the_same_in_text_html_json_and_any_template(name):
    kept = safe_name(name)

    assert not set("{}[]<>&\"'`\\%|\x00\n\r\t") & set(kept)
    assert kept == kept.strip()


def test_a_harmless_name_keeps_its_letters():
    assert safe_name('<b>王"小明"</b> & Co.') == "b 王 小明 /b Co."
    assert safe_name("Ann-Marie O’Neill") == "Ann-Marie O’Neill"
