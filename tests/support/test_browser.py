import pytest

from tests.support.pages import assert_accessible, assert_accessible_in_both_schemes

pytestmark = pytest.mark.browser
GOOD = "<!doctype html><html lang=en><title>T</title><main><h1>Good</h1><p>Text.</p></main>"
IN_THE_DARK = "<style>@media (prefers-color-scheme: dark) { body { background: #000; color: %s } }</style>"


def test_a_page_without_barriers_passes(page):
    page.set_content(GOOD)

    assert_accessible(page)


def test_a_picture_without_words_is_a_barrier(page):
    page.set_content(GOOD.replace("<p>", "<img src='data:,'><p>"))

    with pytest.raises(AssertionError, match="image-alt"):
        assert_accessible(page)


def test_words_that_are_lost_in_the_dark_alone_are_a_barrier(page):
    page.set_content(GOOD + IN_THE_DARK % "#222")

    with pytest.raises(AssertionError, match="color-contrast"):
        assert_accessible_in_both_schemes(page)


def test_colours_are_asked_for_when_they_have_arrived(page):
    page.set_content(GOOD + IN_THE_DARK % "#fff" + "<style>body { transition: all 60s }</style>")

    assert_accessible_in_both_schemes(page)


def test_without_a_browser_the_reason_says_what_to_install(monkeypatch):
    from tests.support.browser import chromium

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        chromium()


@pytest.mark.parametrize(
    ("installed", "taken"),
    [
        (["chromium", "chromium-headless-shell"], "chromium-headless-shell"),
        (["chromium"], "chromium"),
        (["chrome", "google-chrome"], "google-chrome"),
    ],
)
def test_what_draws_no_windows_comes_first_and_the_whole_browser_will_do(monkeypatch, tmp_path, installed, taken):
    from tests.support.browser import chromium

    for name in installed:
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)

    assert chromium() == str(tmp_path / taken)


def test_a_browser_that_is_asked_for_is_taken_before_all_others(monkeypatch, tmp_path):
    from tests.support.browser import chromium

    monkeypatch.setenv("CHROMIUM", str(tmp_path / "mine"))

    assert chromium() == str(tmp_path / "mine")


def test_in_ci_nothing_may_be_missing(monkeypatch):
    from tests.support.missing import missing

    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="in CI nothing may be missing: a part"):
        missing("a part")
