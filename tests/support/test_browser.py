import pytest

from tests.support.page_checks import assert_accessible, assert_accessible_in_both_schemes

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


def test_in_ci_nothing_may_be_missing(monkeypatch):
    from tests.support.missing_parts import skip_missing

    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="in CI nothing may be missing: a part"):
        skip_missing("a part")
