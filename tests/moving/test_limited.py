"""A block may take so much CPU time, whatever it does."""

import re
import time

import pytest

from newsletter.moving.limited import cpu_time


def test_a_pattern_that_would_never_end_is_stopped():
    with pytest.raises(TimeoutError), cpu_time(0.05):
        re.match(r"(a+)+$", "a" * 60 + "b")


def test_a_block_that_is_done_in_time_is_left_alone_afterwards():
    with cpu_time(0.05):
        pass

    begun = time.process_time()
    while time.process_time() - begun < 0.1:
        pass
