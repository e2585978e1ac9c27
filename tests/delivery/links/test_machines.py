import pytest

from newsletter.delivery.links.counting import asks_not_to_be_tracked, is_machine

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)
CUBOT = "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
LINE = f"{IPHONE} Safari Line/14.5.0"


@pytest.mark.parametrize(
    "program", [IPHONE, CUBOT, LINE, "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"]
)
def test_a_browser_is_a_person(program):
    assert not is_machine({"User-Agent": program})


@pytest.mark.parametrize(
    "program",
    [
        "",
        "curl/8.5.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Mozilla/5.0 (Windows NT 10.0) BarracudaCentral",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0 Safari/537.36",
        "facebookexternalhit/1.1",
        "WhatsApp/2.23.20.0",
        "Mozilla/5.0 (Windows NT 6.1) SkypeUriPreview Preview/0.5",
    ],
)
def test_a_scanner_is_a_machine(program):
    assert is_machine({"User-Agent": program})


@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose", "X-Moz"])
def test_a_browser_that_looks_ahead_is_no_reader(name):
    assert is_machine({"User-Agent": IPHONE, name: "prefetch;prerender"})


def test_who_asks_not_to_be_tracked_is_heard():
    assert asks_not_to_be_tracked({"Sec-GPC": "1"})
    assert asks_not_to_be_tracked({"DNT": "1"})
    assert not asks_not_to_be_tracked({"DNT": "0"})
    assert not asks_not_to_be_tracked({})
