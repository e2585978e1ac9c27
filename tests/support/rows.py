"""In what order tests run, and which of them never at the same time.

Files that run the whole product stand in four rows, and one process of pytest-xdist does a row. A product waits for
most of its time: of the seconds below it takes a quarter of a processor. Four rows and the process that does the other
tests keep two processors busy; with more, products would compete until what takes a second takes ten.
"""

import os
from collections.abc import Iterable

import pytest

SERVERS_SECONDS = 300  # that a test with real servers may take, unless it says otherwise
ROWS = 4
PRODUCTS = {  # files that run the product, or processes of it, and their seconds on a quiet machine
    "test_attack": 90,
    "test_backups": 40,
    "test_buckets": 20,
    "test_chaos": 120,
    "test_deploy": 20,
    "test_errands": 20,
    "test_events": 45,
    "test_flow": 90,
    "test_hands": 30,
    "test_jumps": 65,
    "test_kill": 130,
    "test_life": 110,
    "test_limiter": 15,
    "test_machines": 25,
    "test_month": 30,
    "test_moving_house": 60,
    "test_moving_readers": 10,
    "test_result": 45,
    "test_ruins": 60,
    "test_tables": 40,
    "test_outages": 100,
    "test_pictures_in_a_bucket": 25,
    "test_reading": 30,
    "test_restore": 120,
    "test_returned": 25,
    "test_run_worker": 10,
    "test_stopping": 30,
    "test_up": 75,
    "test_upgrade": 20,
    "test_webhooks": 20,
    "test_wishes": 30,
}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one for each row of products, which wait for most of their time, and one for the others, which do not."""
    return max(2, min(4, os.cpu_count() or 1)) if "not servers" in config.option.markexpr else ROWS + 1


@pytest.hookimpl(tryfirst=True)  # slow tests count as such with servers, but they are none: slow.py
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the products into their rows; begin with what takes long, so that nobody waits for it at the end."""
    rows = arranged({item.path.stem for item in items if _runs_product(item)})
    for item in items:
        if "servers" in item.keywords and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SERVERS_SECONDS))
        if _runs_product(item):
            item.add_marker(pytest.mark.xdist_group(rows[item.path.stem]))
    items.sort(key=_place)


def arranged(files: Iterable[str]) -> dict[str, str]:
    """Return the row of each file, so that all rows take about as long."""
    rows, seconds = {}, dict.fromkeys(range(1, ROWS + 1), 0)
    for file in sorted(files, key=lambda file: (-PRODUCTS[file], file)):
        row = min(seconds, key=seconds.__getitem__)
        seconds[row] += PRODUCTS[file]
        rows[file] = f"products-{row}"
    return rows


def _runs_product(item: pytest.Item) -> bool:
    return "servers" in item.keywords and item.path.stem in PRODUCTS


def _place(item: pytest.Item) -> int:
    """Return a number that is smaller for a test that takes longer."""
    if _runs_product(item):
        return -PRODUCTS[item.path.stem]
    return ("servers" not in item.keywords) + ("browser" not in item.keywords)
