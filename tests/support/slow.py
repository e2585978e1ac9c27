"""Which tests are slow: those that take a whole part of the product, and not a quick look at one function or row.

A test is slow if it, one of its fixtures or a helper among the tests that they call, names something in WHOLES; nobody
marks it. By hand the mark is for what takes a fifth of a second in another way, with the reason.
Slow tests are left out where those with real servers are: docs/decisions/0128.
"""

from collections.abc import Hashable, Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType

import pytest

WHOLES = {
    "django.test.client.Client": "asks the site for a page",
    "django.core.management.call_command": "runs a command",
    "django.db.migrations.executor.MigrationExecutor": "migrates",
    "newsletter.delivery.author.reminders.let_go": "plans a mailing",
    "newsletter.delivery.letter.rendering.freeze": "makes the letter of an issue",
    "newsletter.delivery.planning.approving.approve": "plans a mailing",
    "newsletter.delivery.rehearsal.rehearse.rehearse": "makes the letter of an issue",
    "newsletter.desk.demo.load": "makes the sample publication",
    "newsletter.desk.jobs.working.work": "takes the posts of a blog in",
    "newsletter.operation.site_export.exporting.export": "exports the site",
    "newsletter.operation.site_export.nightly.make_due": "exports the site",
    "newsletter.publication.pictures.cards.Card": "draws pictures",
    "newsletter.publication.pictures.covers.Cover": "draws pictures",
    "concurrent.futures.thread.ThreadPoolExecutor": "starts threads",
    "threading.Thread": "starts threads",
    "multiprocessing.context.Process": "starts a process",
    "subprocess.Popen": "starts a process",
    "subprocess.run": "starts a process",
    "tests.support.pictures.pictures_made_once": "draws pictures",
    "tests.support.cpu.cpu_seconds": "measures",
    "tests.support.cpu.is_within": "measures",
    "tests.support.cpu.is_read_within": "measures",
    "time.process_time": "measures",
}
SITE = {"client", "admin_client", "async_client", "live_server"}  # fixtures of pytest-django, which ask the site too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, and count them among those with servers, before tests are chosen by their marks."""
    for item in items:
        if {"servers", "browser"} & set(item.keywords):
            continue
        if found := why(item):
            item.add_marker(pytest.mark.slow(*sorted(found)))
        if found or "slow" in item.keywords:
            item.add_marker(pytest.mark.servers)


def why(item: pytest.Item) -> set[str]:
    """Return what makes a test slow; nothing for a quick one."""
    if not isinstance(item, pytest.Function):
        return set()
    found = {WHOLES["django.test.client.Client"]} if SITE & set(item.fixturenames) else set()
    if hasattr(item.obj, "hypothesis"):
        found.add("tries many cases")
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    parts = [item.obj, *(value for value in given if callable(value) and isinstance(value, Hashable))]
    for name in item.fixturenames:
        parts += [one.func for one in item._fixtureinfo.name2fixturedefs.get(name, ())]
    return found.union(*map(taken_by, parts))


@cache
def taken_by(part: object) -> frozenset[str]:
    """Return what a function or a class of the tests takes of WHOLES, by itself or by helpers among the tests."""
    found, seen = set(), set()
    waiting = list(_functions(part))
    while waiting:
        function = waiting.pop()
        if function not in seen:
            seen.add(function)
            wholes, helpers = _named(function)
            found |= wholes
            waiting += helpers
    return frozenset(found | {WHOLES[place] for place in map(_place, seen) if place in WHOLES})


@cache
def _named(function: FunctionType) -> tuple[set[str], list[FunctionType]]:
    """Return which WHOLES a function of the tests names, and which helpers among the tests."""
    names = set(_names(function.__code__))
    values = [function.__globals__[name] for name in names & function.__globals__.keys()]
    modules = [vars(value) for value in values if isinstance(value, ModuleType)]
    values += [module[name] for module in modules for name in names & module.keys()]
    wholes, helpers = set(), []
    for value in values:
        kinds = value.__mro__ if isinstance(value, type) else (value, *type(value).__mro__)
        places = [_place(kind) for kind in kinds]
        wholes |= {WHOLES[place] for place in places if place in WHOLES}
        if places[0].startswith("tests."):
            helpers += _functions(value)
    return wholes, helpers


def _place(value: object) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names of globals and attributes that a function and those within it use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _functions(value: object) -> Iterator[FunctionType]:
    """Yield the functions behind a value: of a decorated one the inner, of a class its methods."""
    if isinstance(value, type):
        for method in vars(value).values():
            if not isinstance(method, type):
                yield from _functions(method)
        return
    for name in ("__func__", "__wrapped__", "fget", "func", "inner_test"):
        if (inner := getattr(value, name, None)) is not None:
            yield from _functions(inner)
            return
    if hypothesis := getattr(value, "hypothesis", None):
        yield from _functions(hypothesis)
    elif isinstance(value, FunctionType):
        yield value
