import re
from base64 import b64encode
from hashlib import sha256

import pytest

from newsletter.mail.colours import contrast, mail_palette, palette, parse_hex
from newsletter.publication import stylesheet
from newsletter.publication.models import Publication

COLOURS = ["#9a3412", "#ffff00", "#000000", "#ffffff", "#808080", "#0000ff", "#00ff00"]


def colour(css, name, scheme):
    """Return the value of a custom property on light (0) or dark (1) paper."""
    code = re.findall(rf"--{name}:light-dark\((#\w{{6}}),(#\w{{6}})\)", css)[-1][scheme]
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def surface(theme, name, scheme):
    return parse_hex(stylesheet.theme_palette(theme)[name][scheme])


@pytest.mark.parametrize("accent", COLOURS)
@pytest.mark.parametrize("theme", Publication.Theme.values)
@pytest.mark.parametrize("scheme", [0, 1])
def test_any_accent_can_be_read_on_every_surface(accent, theme, scheme):
    css = stylesheet.full_css(accent, theme)

    for name in ("paper", "raised", "code"):
        assert contrast(colour(css, "accent", scheme), surface(theme, name, scheme)) >= 4.5, name


@pytest.mark.parametrize("theme", Publication.Theme.values)
@pytest.mark.parametrize("scheme", [0, 1])
def test_site_and_mails_show_the_accent_of_the_desk_by_day_and_by_night(theme, scheme):
    own = palette()["accent"]

    assert colour(stylesheet.full_css(own.light.upper(), theme), "accent", scheme) == parse_hex(own[scheme])
    assert mail_palette(own.light)[("by_day", "by_night")[scheme]]["accent"] == own[scheme]


@pytest.mark.parametrize("accent", COLOURS)
@pytest.mark.parametrize("scheme", [0, 1])
def test_words_on_the_accent_can_be_read(accent, scheme):
    css = stylesheet.full_css(accent)

    assert contrast(colour(css, "accent", scheme), colour(css, "on-accent", scheme)) >= 4.5


@pytest.mark.parametrize(
    ("rule", "used"),
    [
        ("p{a:b}", True),
        ("table{a:b}", False),
        (".prose p{a:b}", True),
        (".prose .hero{a:b}", False),
        (":root:root{a:b}", True),
        ("@font-face{a:b}", True),
        ("@page{a:b}", True),
        ("[data-note]::after{a:b}", True),
        ("p:not(.ragged){a:b}", True),
        (":is(.prose,.hero) :is(td,p:not(.lede)):lang(zh){a:b}", True),
        ("section:has(>.ways){a:b}", False),
        ('[class$="-title"] a{a:b}', False),
        (".prose h1+p{a:b}", False),
    ],
)
def test_a_page_carries_the_rules_that_can_match_in_it_and_no_others(rule, used):
    names = stylesheet.names_in('<html><body><div class="prose wide"><p>一</p></div></body></html>')

    assert stylesheet.used_css(rule, names) == (rule if used else "")
    assert stylesheet.used_css(f"@media print{{{rule}}}", names) == (f"@media print{{{rule}}}" if used else "")


def test_selectors_of_other_pages_are_left_out_of_a_rule():
    assert stylesheet.used_css(".hero,:is(.a,p) b,p,.prose td{a:b}", {"p", "b", ".prose"}) == ":is(.a,p) b,p{a:b}"


@pytest.mark.parametrize("theme", Publication.Theme.values)
def test_a_page_with_every_name_carries_the_whole_sheet(theme):
    css = stylesheet.full_css("#9a3412", theme)

    assert stylesheet.used_css(css, set(re.findall(r"\.?[a-z][\w-]*", css))) == css


@pytest.mark.parametrize("theme", Publication.Theme.values)
@pytest.mark.parametrize("scheme", [0, 1])
def test_every_theme_can_be_read_in_both_schemes(theme, scheme):
    ink, quiet, paper, raised, code = (surface(theme, n, scheme) for n in ("ink", "quiet", "paper", "raised", "code"))

    assert min(contrast(ink, ground) for ground in (paper, raised, code)) >= 7
    assert min(contrast(quiet, ground) for ground in (paper, raised)) >= 4.5
    assert contrast(surface(theme, "edge", scheme), paper) >= 3  # borders of fields


@pytest.mark.parametrize("theme", Publication.Theme.values)
def test_a_theme_gives_values_to_names_of_the_palette_alone(theme):
    assert stylesheet.theme_palette(theme).keys() == palette().keys()


def test_the_policy_lets_the_one_script_in_a_page_run_and_no_other(client, db):
    page = client.get("/")

    scripts = re.findall(r"<script data-src[^>]*>(.*?)</script>", page.text, re.DOTALL)
    hashes = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts]
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert len(hashes) == 1
    assert policy["script-src"].split() == ["'self'", *hashes]
