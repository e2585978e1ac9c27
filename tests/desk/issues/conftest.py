"""The author's clock stands still."""

import pytest
import time_machine


@pytest.fixture
def clock(request):
    """Frozen at the module's NOW; tests may move it."""
    with time_machine.travel(request.module.NOW, tick=False) as clock:
        yield clock
