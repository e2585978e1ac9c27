"""Parametrized cases of which only the first runs outside of CI."""

from typing import Any

import pytest


def first_of(*cases: Any) -> list[Any]:
    """All but the first are marked `exhaustive`."""
    first, *others = cases
    return [first, *(pytest.param(case, marks=pytest.mark.exhaustive) for case in others)]
