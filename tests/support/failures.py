"""Keeps the names of tests that failed, for .ci/run, which runs them once more alone: docs/decisions/0112."""

from pathlib import Path

import pytest

PHASES = ("setup", "call", "teardown")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--failures", type=Path, metavar="FILE", help="write the names of what failed here, a line each")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("failures")
    if path and not hasattr(config, "workerinput"):  # a process of pytest-xdist tells the one that has started it
        config.pluginmanager.register(Failures(path), "failures")


class Failures:
    """Writes the file only if every test has run: of a run that ended early nobody knows what else would fail."""

    def __init__(self, path: Path) -> None:
        self.path, self.names, self.is_whole = path, dict[str, None](), True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.is_whole = self.is_whole and not report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.is_whole = self.is_whole and report.when in PHASES  # not so for a test whose process has died
        if report.failed:
            self.names[_without_group(report.nodeid)] = None

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self.is_whole and exitstatus == pytest.ExitCode.TESTS_FAILED:
            self.path.write_text("".join(f"{name}\n" for name in self.names))


def _without_group(name: str) -> str:
    """Return the name of a test without what pytest-xdist adds for its own use: "@" and a group, behind all else."""
    return name.rpartition("@")[0] if name.rfind("@") > name.rfind("]") else name
