"""Groups of tests, in a run of pytest."""

import re
import subprocess
import sys

import pytest

from tests.support.product import ROOT

pytestmark = pytest.mark.servers  # it starts a run of pytest
TESTS = """
import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("address", ["lin@b.example", "b"])
def test_of_a_group(address):
    pass


def test_of_a_row():
    pass


def test_alone():
    pass
"""
ROWS = """
import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "test_of_a_row":
            item.add_marker(pytest.mark.xdist_group("products-1"))
"""


def test_the_id_of_a_test_ends_with_its_group_by_which_it_is_sent_to_a_process(tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(ROWS)
    options = ["-p", "xdist", "-p", "tests.support.groups", "-n", "2", "--dist", "loadgroup", "-v"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # to load those that are not asked for takes most of the time

    command = [sys.executable, "-m", "pytest", *options, "--rootdir", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert sorted(re.findall(r"PASSED test_some\.py::(\S+)", done.stdout)) == [
        "test_alone",
        "test_of_a_group[b]@one",
        "test_of_a_group[lin@b.example]@one",
        "test_of_a_row@products-1",
    ]
