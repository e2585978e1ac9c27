"""Slow tests are found by what they name."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import import_module

import pytest
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.planning import approving
from newsletter.publication.pictures.cards import Card
from tests.support.slow import WHOLES, _functions, _place, taken_by, why

ASKS, STARTS, PLANS, DRAWS = "asks the site for a page", "starts a process", "plans a mailing", "draws pictures"
CARD = Card("題", "Gipi電子報", "2026年", "#9a3412")


class Browser(Client):
    pass


class Desk:
    def opened(self) -> object:
        return asking()

    @cached_property
    def page(self) -> object:
        return asking()


class Shelf:
    run = "a word of its own"


def asking() -> Client:
    return Client()


def by_a_helper() -> object:
    return asking()


@cache
def once() -> object:
    return by_a_helper()


@contextmanager
def within() -> Iterator[object]:
    yield by_a_helper()


def by_a_method() -> object:
    return Desk().opened()


def in_a_helper_within() -> object:
    def within() -> Client:
        return Client()

    return within()


def in_circles(times: int) -> object:
    return in_circles(times - 1) if times else asking()


def by_a_browser() -> object:
    return Browser()


def by_a_module() -> object:
    return approving.approve


def by_a_program() -> object:
    return subprocess.run(["true"], check=True)


def by_a_card() -> object:
    return CARD.title


def by_a_request_that_goes_nowhere() -> object:
    return RequestFactory().get("/")


def by_a_name_of_its_own() -> object:
    return Shelf().run


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (asking, {ASKS}),
        (by_a_helper, {ASKS}),
        (once, {ASKS}),
        (within, {ASKS}),
        (by_a_method, {ASKS}),
        (in_a_helper_within, {ASKS}),
        (in_circles, {ASKS}),
        (by_a_browser, {ASKS}),
        (Desk, {ASKS}),
        (by_a_module, {PLANS}),
        (by_a_program, {STARTS}),
        (by_a_card, {DRAWS}),
        (by_a_request_that_goes_nowhere, set()),
        (by_a_name_of_its_own, set()),
        (Shelf, set()),
        ("a text", set()),
    ],
)
def test_what_a_function_takes_is_found_in_it_and_in_its_helpers(function, takes):
    assert taken_by(function) == takes


@pytest.mark.parametrize("place", WHOLES)
def test_each_whole_is_found_under_its_name(place):
    """One that was renamed would be found in no test any more."""
    module, _dot, name = place.rpartition(".")
    found = getattr(import_module(module), name)

    assert _place(found if isinstance(found, type) else next(_functions(found), found)) == place


@pytest.fixture
def asker() -> Callable[[], object]:
    return by_a_helper


@pytest.mark.usefixtures("asker")
def test_a_test_is_slow_by_a_fixture_and_counts_as_one_with_servers(request):
    assert why(request.node) == {ASKS}
    assert request.node.get_closest_marker("slow").args == (ASKS,)
    assert "servers" in request.node.keywords


@pytest.mark.usefixtures("client")
def test_the_client_of_the_tests_asks_the_site(request):
    assert why(request.node) == {ASKS}


@pytest.mark.parametrize("does", [by_a_program])
def test_a_test_is_slow_by_what_it_is_given(does, request):
    assert why(request.node) == {STARTS}


@given(st.just(1))
def _property(number: int) -> None:
    assert number


def test_a_test_of_many_cases_is_slow(request):
    found = pytest.Function.from_parent(request.node.parent, name="some", callobj=_property)

    assert why(found) == {"tries many cases"}


@pytest.mark.slow("by hand")
def test_what_is_marked_by_hand_counts_as_one_with_servers(request):
    assert "servers" in request.node.keywords


def test_other_tests_are_quick(request):
    assert why(request.node) == set()
    assert not {"slow", "servers"} & set(request.node.keywords)
