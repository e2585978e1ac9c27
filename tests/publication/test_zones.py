"""The time zones to choose from: each once, those of our authors first."""

from zoneinfo import available_timezones

from django.utils import translation

from newsletter.publication.forms import zone_groups

CHOICES = [name for _group, found in zone_groups() for name, _label in found]


def test_every_zone_of_a_place_is_there_once():
    places = {name for name in available_timezones() if "/" in name}

    assert set(CHOICES) == places
    assert len(CHOICES) == len(places)


def test_taipei_is_the_first_and_the_groups_have_names():
    with translation.override("en"):
        groups = [(str(name), found) for name, found in zone_groups()]

    assert CHOICES[0] == "Asia/Taipei"
    assert groups[0][0] == "Often chosen"
    assert all(name for name, _zones in groups)
    assert all(found for _name, found in groups)
