import sys
from types import SimpleNamespace

import pytest

from tests.support import compiling

MODULES = ("first", "broken", "second", "skipped", "third", "last")  # as their files stand in a folder


@pytest.fixture
def collect(tmp_path, monkeypatch):
    """Return what collects a folder of tests in a process of a run, and says which modules it has loaded, in order."""
    folder = tmp_path / "some_tests"
    folder.mkdir()
    skipping = "import pytest\npytest.skip('no', allow_module_level=True)"  # as a module does whose library is missing
    for place, name in enumerate(MODULES):
        text = {"broken": "1 / 0", "skipped": skipping}.get(name, "")
        (folder / f"test_{place}_{name}.py").write_text(f"import sys\nsys.some_tests.append({name!r})\n{text}\n")
    (folder / "helper.py").write_text("import sys\nsys.some_tests.append('helper')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "some_tests", [], raising=False)

    def collecting(worker: str, *asked: str) -> list[str]:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
        place = SimpleNamespace(rootpath=tmp_path, args=list(asked), invocation_params=SimpleNamespace(dir=tmp_path))
        compiling.pytest_collection(SimpleNamespace(config=place))
        return sys.some_tests

    yield collecting
    for name in [name for name in sys.modules if name.startswith("some_tests")]:
        del sys.modules[name]


@pytest.mark.parametrize(("worker", "first"), [("gw0", 0), ("gw1", 2), ("gw2", 4)])
def test_each_process_begins_at_another_module_and_loads_them_all(collect, worker, first):
    assert collect(worker, "some_tests") == [*MODULES[first:], *MODULES[:first]]


def test_only_what_was_asked_for_is_loaded(collect):
    second = "some_tests/test_2_second.py"
    assert collect("gw0", f"{second}::test_it", f"{second}::test_that") == ["second"]


def test_what_is_nowhere_is_left_to_the_collection(collect):
    assert collect("gw0", "some_tests/test_nothing.py", "/elsewhere/test_it.py") == []


def test_a_run_of_one_process_has_nobody_to_wait_for(collect):
    assert collect("", "some_tests") == []
