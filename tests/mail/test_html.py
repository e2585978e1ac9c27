import re

import pytest

from newsletter.mail import html

PAGE = """<!doctype html>
<html lang="zh-Hant-TW">
<head>
<meta charset="utf-8">
<style>p { color: #222; } a:hover { color: red; }
@media (prefers-color-scheme: dark) { p { color: #eee !important; } }</style>
</head>
<body>
  <div>
    <p>好 &amp; <a href="/a?b=1&amp;c=2">看</a></p>
  </div>
  <pre>a
  b</pre>
</body>
</html>"""


def test_rules_become_style_attributes():
    assert '<p style="color: #222;">' in html.inline_css(PAGE)


def test_media_queries_stay_for_clients_that_know_dark_mode():
    inlined = html.inline_css(PAGE)

    assert re.search(r"<style>@media \(prefers-color-scheme: dark\)\s*{ p { color: #eee !important; } }", inlined)


def test_rules_that_were_inlined_are_gone():
    assert "p { color: #222; }" not in html.inline_css(PAGE)


def test_the_character_set_stays_in_front():
    inlined = html.inline_css(PAGE)

    assert inlined.index("<meta charset") < inlined.index("<style>")
    assert inlined.count("<style>") == 1


def test_text_and_addresses_are_untouched():
    inlined = html.inline_css(PAGE)

    assert "好 &amp; " in inlined
    assert 'href="/a?b=1&amp;c=2"' in inlined
    assert "<pre>a\n  b</pre>" in inlined


def test_indentation_between_blocks_is_left_out():
    assert "\n  <div" not in html.inline_css(PAGE)


def test_nothing_is_loaded_from_anywhere():
    page = PAGE.replace("<style>", '<link rel="stylesheet" href="http://127.0.0.1:9/never.css"><style>')

    assert '<p style="color: #222;">' in html.inline_css(page)


@pytest.mark.parametrize("colour", ["#9a3412", "#ffff00", "#000000", "#ffffff", "#1e1c1a", "#808080", "#0000ff"])
@pytest.mark.parametrize("paper", ["#fffdfa", "#1e1c1a"])
def test_any_accent_can_be_read_on_both_papers(colour, paper):
    shade = html.readable(colour, on=paper)

    assert re.fullmatch("#[0-9a-f]{6}", shade)
    assert html._contrast(shade, paper) >= 4.5


def test_a_colour_that_can_be_read_is_not_touched():
    assert html.readable("#9a3412", on="#fffdfa") == "#9a3412"


def test_a_picture_is_shown_as_it_is_or_as_wide_as_the_column():
    assert html.fitted(300, 200) == (300, 200)
    assert html.fitted(1280, 640) == (544, 272)
    assert html.fitted(10_000, 1) == (544, 1)


def test_only_pictures_whose_size_is_known_and_not_said_get_one():
    known = '<img src="https://a/1.png" alt="x">'
    said = '<img src="https://a/1.png" width="20" height="10">'
    foreign = '<img src="https://b/2.png">'

    sized = html.sized(known + said + foreign, {"https://a/1.png": (1088, 100)})

    assert sized == '<img src="https://a/1.png" alt="x" width="544">' + said + foreign


def test_only_a_picture_that_fits_every_phone_has_a_height():
    assert html.attributes(280, 140) == 'width="280" height="140"'
    assert html.attributes(281, 140) == 'width="281"'


def test_code_keeps_its_lines_and_spaces_without_css_that_outlook_does_not_know():
    page = '<body><pre style="white-space:pre-wrap;color:red"><code>if a:\n    <b>go</b>  on\n</code></pre></body>'

    shown = html.for_old_clients(page)

    lines = "if a:<br>\xa0\xa0\xa0\xa0<b>go</b>\xa0\xa0on<br>"
    assert shown == f'<body><div class="pre" style="color:red"><code>{lines}</code></div></body>'


def test_a_long_run_of_letters_gets_places_to_break_and_an_address_is_left_alone():
    page = f'<body><a href="https://a.example/{"x" * 40}">{"y" * 40} https://news.example.org/p/1/</a></body>'

    shown = html.for_old_clients(page)

    assert f'href="https://a.example/{"x" * 40}"' in shown
    assert "y" * 12 + "\u200b" in shown
    assert shown.replace("\u200b", "") == page
    assert " https://news.example.org/p/1/<" in shown


def test_an_escaped_character_is_never_torn():
    page = f"<body><p>{'a' * 11}{'&amp;' * 30}</p></body>"

    assert html.for_old_clients(page).count("&amp;") == 30


def test_the_alignment_of_a_cell_stays_in_its_style():
    page = '<body><table><tr><td align="right" style="text-align: right;">1</td></tr></table></body>'

    assert html.for_old_clients(page) == page.replace(' align="right"', "")


def test_a_colour_has_a_name_that_dark_mode_can_call():
    assert (
        html.named_colours('<span style="color: #8F2D56">x</span>')
        == '<span class="c-8f2d56" style="color: #8F2D56">x</span>'
    )
    assert html.named_colours("<span>x</span>") == "<span>x</span>"


def test_headings_go_below_a_title():
    source = "<h1>a</h1><h2 class='x'>b</h2><h3>c</h3><h6>d</h6><hr>"

    assert html.demoted(source) == "<h3>a</h3><h3 class='x'>b</h3><h4>c</h4><h6>d</h6><hr>"
