"""Has each group of tests run in one process, as their mark `xdist_group` asks.

pytest-xdist goes by the end of a test's id. Version 3.8 writes it into an attribute that pytest 9.2 does not read any
more, and before `rows.py` has marked the products: without this, each test goes to any process.
"""

import pytest
from _pytest.nodeid import NodeId  # pytest's public names have no way to change an id


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name the groups as pytest-xdist does; nothing to do once it does so itself."""
    if not hasattr(config, "workerinput") or not config.getvalue("loadgroup"):
        return
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        suffix = f"@{'_'.join(groups)}"
        if groups and not item.nodeid.endswith(suffix):
            item._id = NodeId.parse(item.nodeid + suffix)
