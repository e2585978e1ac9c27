"""The product does nothing by tricks that a reader of Django, Celery and Python would not expect."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = {"boto3", "botocore", "sentry_sdk", "pyrage"}  # packages that an installation may lack
BEFORE_LIMITS = {"subscribers/importers/workbook.py"}  # read before the limits of its process are set
LIBRARIES = {"celery", "kombu", "multiprocessing"}
DJANGOS = {"_meta", "_base_manager", "_default_manager"}  # documented in spite of their names


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ("newsletter", "subscribers"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
    return {name.partition(".")[0] for name in names}


def test_imports_stand_at_the_top_but_for_extras():
    late = {
        f"{name}:{node.lineno}"
        for name, tree in modules()
        if name not in BEFORE_LIMITS and not name.endswith("/apps.py")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and not imported(node) & EXTRAS
    }

    assert late == set()


def test_nothing_knows_of_memory_and_of_c():
    found = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and imported(node) & {"ctypes", "gc"}
    }

    assert found == set()


def test_no_private_part_of_celery_kombu_or_multiprocessing_is_used():
    """Of other objects than its own, where these are imported; a kombu transport defines what it must override."""
    found = {
        f"{name}:{node.lineno} {node.attr}"
        for name, tree in modules()
        if any(isinstance(node, ast.Import | ast.ImportFrom) and imported(node) & LIBRARIES for node in ast.walk(tree))
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__")
        if ast.unparse(node.value) not in {"self", "cls", "super()", "os"} and node.attr not in DJANGOS
    }

    assert found == set()
