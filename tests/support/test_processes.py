"""What is asked about processes that may end at any moment."""

import os
import subprocess

from tests.support.processes import name_of


def test_a_process_has_a_name_until_it_has_ended():
    ended = subprocess.Popen(["true"])
    ended.wait()

    assert name_of(os.getpid())
    assert name_of(ended.pid) == ""
