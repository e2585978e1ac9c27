"""Handles missing dependencies."""

import os
from typing import NoReturn

import pytest


def skip_missing(reason: str) -> NoReturn:
    """Skip the test with a reason that says what to install; in CI, fail it.

    CI: the environment variable that build services set. There a part that is not there is a fault.
    """
    if os.environ.get("CI"):
        pytest.fail(f"in CI nothing may be missing: {reason}", pytrace=False)
    pytest.skip(reason)
