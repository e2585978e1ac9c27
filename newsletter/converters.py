"""Converters for the addresses of all rooms; importing this module registers them."""

from django.urls import register_converter
from django.urls.converters import IntConverter


class NumberConverter(IntConverter):
    """A number in its one spelling: each other one, as 007, would be another address of the same page."""

    regex = "0|[1-9][0-9]{0,9}"


register_converter(NumberConverter, "number")
