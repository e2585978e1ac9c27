from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.product import ROOT
from tests.support.rows import PRODUCTS, ROWS, arranged, pytest_xdist_auto_num_workers

TESTS = ROOT / "tests"
ALL = {f"products-{number}" for number in range(1, ROWS + 1)}


def test_every_file_that_makes_a_product_stands_in_a_row():
    made = {path.stem for path in TESTS.rglob("test_*.py") if "make_product" in path.read_text()}

    assert made - {Path(__file__).stem} <= set(PRODUCTS)


def test_every_file_in_a_row_is_there():
    assert set(PRODUCTS) <= {path.stem for path in TESTS.rglob("test_*.py")}


def test_all_rows_take_about_as_long():
    rows = arranged(PRODUCTS)

    seconds = [sum(PRODUCTS[file] for file in PRODUCTS if rows[file] == row) for row in set(rows.values())]
    assert len(seconds) == ROWS
    assert max(seconds) - min(seconds) < 30


def test_some_files_alone_are_arranged_too():
    assert set(arranged(["test_kill", "test_up"]).values()) == {"products-1", "products-2"}
    assert set(arranged(list(PRODUCTS)[: ROWS + 1]).values()) == ALL
    assert arranged([]) == {}


@pytest.mark.parametrize("marks", ["", "servers", "browser"])
def test_each_row_has_a_process_and_the_other_tests_have_one(marks):
    config = SimpleNamespace(option=SimpleNamespace(markexpr=marks))

    assert pytest_xdist_auto_num_workers(config) == len(ALL) + 1


def test_tests_without_servers_have_no_more_processes_than_there_are_processors(monkeypatch):
    config = SimpleNamespace(option=SimpleNamespace(markexpr="not servers and not browser"))

    for processors, processes in [(1, 2), (2, 2), (3, 3), (64, 4)]:
        monkeypatch.setattr("os.cpu_count", lambda processors=processors: processors)
        assert pytest_xdist_auto_num_workers(config) == processes
