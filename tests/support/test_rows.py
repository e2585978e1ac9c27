from pathlib import Path

from tests.support.product import ROOT
from tests.support.rows import PRODUCTS, ROWS, arranged

TESTS = ROOT / "tests"


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
    assert set(arranged(["test_kill", "test_chaos", "test_up"]).values()) == {"products-1", "products-2"}
    assert arranged([]) == {}
