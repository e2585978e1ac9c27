"""Where posts and other things with one name or number are, without reversing each: for lists and maps."""

from functools import cache

from django.urls import reverse


@cache
def around(name: str) -> tuple[str, str]:
    """Return what stands before and after the one argument of an address: asking for each is a third of a long list."""
    before, _argument, after = reverse(name, args=["0"]).rpartition("0")
    return before, after


def address(number: int, words: str) -> str:
    """Return where a post is; its number alone leads there too."""
    before, after = around("posts:post")
    return f"{before}{number}-{words}{after}" if words else f"{before}{number}{after}"
