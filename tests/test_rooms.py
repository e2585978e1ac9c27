"""A room's addresses are loaded when one of them is asked for, and are then what Django makes of them."""

import sys

import pytest
from django.urls import NoReverseMatch, get_resolver, resolve, reverse
from django.utils import translation

from newsletter import rooms
from newsletter.rooms import Room

HOUSE = """
from django.urls import path
from newsletter.rooms import Room

urlpatterns = [
    path("front/", print, name="front"),
    Room("", "{0}_near", "near"),
    Room("far/", "{0}_far", "far"),
]
"""
ROOM = """
from django.urls import path

app_name = "{0}"
urlpatterns = [path("{0}-door/<int:number>/", print, name="door")]
"""


@pytest.fixture
def house(tmp_path, monkeypatch, settings):
    """Addresses of two rooms, in modules that nobody has loaded; returns a function that says which are."""
    name = f"house_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(HOUSE.format(name))
    for room in ("near", "far"):
        (tmp_path / f"{name}_{room}.py").write_text(ROOM.format(room))
    monkeypatch.syspath_prepend(tmp_path)
    settings.ROOT_URLCONF = name
    return lambda: {room for room in ("near", "far") if f"{name}_{room}" in sys.modules}


def test_an_address_is_found_without_those_of_other_rooms(house):
    assert reverse("front") == "/front/"
    assert house() == set()
    assert reverse("near:door", args=[7]) == "/near-door/7/"
    assert house() == {"near"}
    assert reverse("far:door", args=[7]) == "/far/far-door/7/"
    assert house() == {"near", "far"}


def test_a_path_is_followed_into_the_rooms_that_it_may_lead_to(house):
    assert resolve("/near-door/7/").view_name == "near:door"
    assert house() == {"near"}
    assert resolve("/far/far-door/7/").kwargs == {"number": 7}


def test_a_name_that_a_room_lacks_is_an_error(house):
    with pytest.raises(NoReverseMatch, match="window"):
        reverse("near:window")


def test_addresses_are_found_in_every_language(house):
    with translation.override("en"):
        assert reverse("near:door", args=[7]) == "/near-door/7/"
    with translation.override("zh-hant"):
        assert reverse("near:door", args=[8]) == "/near-door/8/"
        assert reverse("far:door", args=[8]) == "/far/far-door/8/"


def test_all_rooms_are_loaded_when_that_is_asked_for(house):
    rooms.load()

    assert house() == {"near", "far"}


def test_a_room_is_named_as_its_addresses_name_it():
    for one in get_resolver("newsletter.urls").url_patterns:
        if isinstance(one, Room):
            assert getattr(one.urlconf_module, "app_name", "admin") == one.namespace == one.app_name
