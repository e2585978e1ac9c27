"""The product does nothing by tricks that a reader of Django, Celery and Python would not expect."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = {"boto3", "botocore", "sentry_sdk", "pyrage"}  # packages that an installation may lack
# Read where no models are yet, or before the limits of their process are set.
BEFORE_MODELS = {
    "newsletter/operation/hands.py",
    "newsletter/operation/management/commands/run_worker.py",
    "newsletter/operation/resting.py",
    "newsletter/rsgi.py",
    "newsletter/server.py",
    "subscribers/importers/workbook.py",
}
PROCESSES = {"newsletter/operation/forks.py", "newsletter/operation/supervisor.py", "newsletter/stirring.py"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ("newsletter", "subscribers"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
    return {name.partition(".")[0] for name in names}


def test_imports_stand_at_the_top_but_for_extras_and_before_there_are_models():
    late = {
        f"{name}:{node.lineno}"
        for name, tree in modules()
        if name not in BEFORE_MODELS and not name.endswith("/apps.py")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and not imported(node) & EXTRAS
    }

    assert late == set()


def test_only_the_processes_know_of_memory_and_of_c():
    found = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and imported(node) & {"ctypes", "gc"}
    }

    assert found == PROCESSES
