"""Validation errors in the requested language."""

import re
from datetime import date
from typing import Annotated, Literal

import pytest
from django.utils import translation
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from newsletter.api.error_handling import validation_message


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


WRONG = [  # of each sort that our endpoints take: its type, what is sent, what is told
    (Thing, {}, "This has to be there."),
    (Thing, {"name": "a", "soul": 1}, "There is no field of this name."),
    (Thing, 1, "This has to be an object."),
    (dict[str, str], 1, "This has to be an object."),
    (str, 1, "This has to be a text."),
    (Annotated[str, Field(min_length=2)], "a", "This needs at least 2 characters."),
    (Annotated[str, Field(max_length=2)], "abc", "This may have at most 2 characters."),
    (Annotated[str, Field(pattern="^#[0-9]$")], "a", "This has to look like ^#[0-9]$."),
    (int, "soon", "This has to be a whole number."),
    (int, 1.5, "This has to be a whole number."),
    (int, [], "This has to be a whole number."),
    (Annotated[int, Field(ge=1)], 0, "This has to be 1 or more."),
    (Annotated[int, Field(le=9)], 10, "This has to be 9 or less."),
    (Annotated[int, Field(gt=1)], 1, "This has to be more than 1."),
    (Annotated[int, Field(lt=9)], 9, "This has to be less than 9."),
    (bool, "perhaps", "This has to be true or false."),
    (bool, [], "This has to be true or false."),
    (Literal["full", "link", "none"], "half", "This has to be one of 'full', 'link', 'none'."),
    (list[int], 1, "This has to be a list."),
    (Annotated[list[int], Field(max_length=1)], [1, 2], "This may have at most 1 entries."),
    (Annotated[list[int], Field(min_length=1)], [], "This needs at least 1 entries."),
    (AwareDatetime, "soon", "This has to be a time with its offset, as 2026-12-04T08:00:00+08:00."),
    (AwareDatetime, "2026-12-04T08:00:00", "This has to be a time with its offset, as 2026-12-04T08:00:00+08:00."),
    (date, "soon", "This has to be a day, as 2026-12-04."),
    (date, [], "This has to be a day, as 2026-12-04."),
    (None, 1, "This has to be null."),
    (complex, "x", "This value cannot be used."),
]


def told(kind, value):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors()
    return validation_message(error["type"], error.get("ctx", {}))


def test_each_sort_of_value_has_its_sentence():
    with translation.override("en"):
        assert [told(kind, value) for kind, value, _said in WRONG] == [said for _kind, _value, said in WRONG]


def test_and_one_in_chinese():
    with translation.override("zh-hant"):
        found = [told(kind, value) for kind, value, _said in WRONG]

    assert [one for one in found if not re.search(r"[\u4e00-\u9fff]", one)] == []
    without_names = [re.sub(r"true|false|null|full|link|none", "", one) for one in found]
    assert [one for one in without_names if re.search(r"[A-Za-z]{4}", one)] == []


def test_a_program_is_told_in_its_language(editor):
    answer = editor.get("/posts?limit=1000", accept_language="zh-TW")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"detail": "這裡最大是 100。", "parameter": "limit"}]
