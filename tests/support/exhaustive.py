"""Cases of a test of which the first is enough, and the others are left to CI."""

from typing import Any

import pytest


def first_of(*cases: Any) -> list[Any]:
    """Return the cases to parametrize by: all but the first are exhaustive."""
    first, *others = cases
    return [first, *(pytest.param(case, marks=pytest.mark.exhaustive) for case in others)]
