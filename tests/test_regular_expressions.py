"""Patterns that are compiled when they are first used."""

import re

import pytest

from newsletter.regular_expressions import Late, compile_late


def test_it_answers_as_a_pattern_that_was_compiled_at_once():
    late, text = Late(r"(?P<word>[a-z]+)(\d?)", re.IGNORECASE), "Ab1 cd2 ef"
    now = re.compile(late.pattern, late.flags)

    for _first_and_again in range(2):
        assert late.search(text).groupdict() == now.search(text).groupdict()
        assert late.match(text)[2] == "1"
        assert late.fullmatch(text) is None
        assert [found.span() for found in late.finditer(text)] == [found.span() for found in now.finditer(text)]
        assert late.findall(text) == now.findall(text)
        assert late.split(text) == now.split(text)
        assert late.sub(r"<\g<word>>", text) == "<Ab> <cd> <ef>"
        assert late.subn("", text) == ("  ", 3)


def test_its_text_and_flags_are_known_without_compiling_it():
    broken = compile_late("(", re.DOTALL)

    assert (broken.pattern, broken.flags) == ("(", re.DOTALL)
    with pytest.raises(re.PatternError):
        broken.search("a")


def test_what_no_pattern_has_it_has_not():
    with pytest.raises(AttributeError, match="scanner"):
        Late("a", 0).scanner("a")
