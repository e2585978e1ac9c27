"""URL path converters; importing this module registers them."""

from django.urls import register_converter
from django.urls.converters import IntConverter


class NumberConverter(IntConverter):
    """A number without leading zeros: 007 would be a second address of the same page."""

    regex = "0|[1-9][0-9]{0,9}"


register_converter(NumberConverter, "number")
