"""What a password must be."""

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import translation


def problems(password: str) -> list[str]:
    with translation.override("en"):
        try:
            validate_password(password, User(username="gipi"))
        except ValidationError as error:
            return error.messages
    return []


@pytest.mark.parametrize("password", ["gipi2026", "P@ssw0rd1", "elevenchars", "管理槓桿管理槓桿管理槓", ""])
def test_less_than_twelve_characters_are_too_few(password):
    assert any("at least 12 characters" in problem for problem in problems(password))


@pytest.mark.parametrize(
    "password", ["twelve-chars", "管理槓桿與產品的十二個字", "correct horse battery staple", "x7" * 512]
)
def test_twelve_characters_of_any_script_are_enough(password):
    assert problems(password) == []


def test_more_than_anybody_types_is_too_much():
    assert problems("x7" * 512 + "x") == ["Your password can have at most 1024 characters."]
