import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.utils.safestring import mark_safe

from newsletter.mail import html, letters
from newsletter.mail.colours import palette, readable_hex
from newsletter.publication.models import Publication

PUBLICATION = SimpleNamespace(
    name="Gipi電子報",
    accent="#ffee00",
    language="zh-hant",
    postal_address="10491 台北市中山區某某路 12 號",
    unspaced_names=lambda: ("Gipi電子報",),
)


@pytest.fixture(autouse=True)
def _sample_templates(settings):
    (engine,) = settings.TEMPLATES
    samples = Path(__file__).parent / "templates"
    settings.TEMPLATES = [{**engine, "DIRS": [samples, *engine["DIRS"]]}]


def render(name="sample", subject="第 42 期", **context):
    given = {"publication": PUBLICATION, "greeting": "<王> & 陳"} | context
    return letters.render(name, subject, given, base_url="https://news.example.org")


def test_a_letter_has_its_styles_inlined_and_keeps_both_kinds_of_dark():
    html = render().html

    assert re.search(r'<h1 style="[^"]*font-size: 28px', html)
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "var(--" not in html


def test_a_letter_says_its_language_on_the_page_and_on_the_wrapper():
    html = render().html

    assert '<html lang="zh-Hant-TW">' in html
    assert re.search(r'<div class="ground"[^>]* lang="zh-Hant-TW"', html)


def test_words_from_outside_are_escaped_in_html_and_plain_in_text():
    letter = render()

    assert "&lt;王&gt; &amp; 陳，<span" in letter.html
    assert "<王> & 陳，你好" in letter.text


def test_chinese_and_latin_stand_apart_in_subject_and_parts_but_not_in_a_name():
    letter = render("sample", "Gipi電子報第42期", greeting="PM讀書會")

    assert letter.subject == "Gipi電子報第 42 期"
    for part in (letter.html, letter.text):
        assert "PM 讀書會" in part
        assert "Gipi電子報" in part


@pytest.mark.parametrize(("language", "is_upright"), [("zh-hant", True), ("en", False)])
def test_emphasis_of_chinese_is_never_slanted(language, is_upright):
    own = SimpleNamespace(**vars(PUBLICATION) | {"language": language})

    html = render(publication=own, greeting=mark_safe("<em>重點</em>")).html

    assert ('<em style="font-style: normal;">重點</em>' in html) is is_upright
    assert ("text-emphasis: filled dot" in html) is is_upright


def test_an_accent_that_cannot_be_read_is_made_darker_by_day_and_softer_by_night():
    html = render().html

    assert f"{readable_hex('#ffee00', on=palette()['raised'].dark)} !important" in html
    assert not re.search(r'style="[^"]*color: #ffee00', html)


def test_pictures_say_their_size_and_tables_that_lay_out_say_so():
    html = render().html

    for picture in re.findall("<img[^>]*>", html):
        assert {"width=", "height=", "alt="} <= set(re.findall(r"\b(?:width|height|alt)=", picture))
    for table in re.findall("<table[^>]*>", html):
        assert 'role="presentation"' in table or 'class="data"' in table


def test_a_logo_has_its_address_and_a_size_that_suits_the_masthead():
    logo = SimpleNamespace(url="/media/0123456789abcdef/logo.png", width=640, height=72)
    publication = SimpleNamespace(**vars(PUBLICATION), logo=logo)

    tag = re.search(r'<img class="logo\b[^>]*>', render(publication=publication).html)[0]

    assert 'src="https://news.example.org/media/0123456789abcdef/logo.png"' in tag
    assert 'width="160"' in tag
    assert 'height="18"' in tag
    assert 'alt=""' in tag


def test_a_logo_whose_file_is_lost_stops_no_mail():
    publication = Publication(logo="0123456789abcdef/lost.png")

    assert 'class="logo' not in render(publication=publication).html


@pytest.mark.parametrize("look", Publication.MailLook.values)
def test_every_look_has_its_styles_and_reads_in_the_dark(look):
    publication = SimpleNamespace(**vars(PUBLICATION), look=look)

    html = render(publication=publication).html

    assert html.count("<style") == 1
    assert "#000000" not in html
    assert "#ffffff" not in html
    assert html.count("@media (prefers-color-scheme: dark)") == 2  # that of the house, then that of the look


def test_the_authors_footer_stands_in_both_parts():
    publication = SimpleNamespace(**vars(PUBLICATION), footer="某某公司 <統一編號>")

    letter = render("sample_with_text", publication=publication)

    assert "某某公司 &lt;統一編號&gt;" in letter.html
    assert "某某公司 <統一編號>" in letter.text


@pytest.mark.parametrize(
    "unknown", ["overflow", "opacity", "white-space", "height: auto", "word-break", "table-layout"]
)
def test_nothing_is_written_that_outlook_or_yahoo_do_not_know(unknown):
    sentence = mark_safe("<p>把一段話寫得夠長，才看得出結尾。</p>")

    everywhere = "".join(re.findall(r'style="([^"]*)"', render(greeting=sentence).html))

    assert "font-size" in everywhere
    assert unknown not in everywhere


def test_a_letter_without_its_pictures_is_no_wider_than_the_narrowest_phone(page):
    picture = f'<img src="https://news.example.org/a.png" alt="一座橋" {html.size_attributes(1200, 600)}>'
    page.set_viewport_size({"width": 320, "height": 600})
    page.route("**/*", lambda route: route.abort())

    page.set_content(render(greeting=mark_safe(picture)).html.replace('width="544" height="280"', ""))

    assert page.evaluate("document.documentElement.scrollWidth") == 320
