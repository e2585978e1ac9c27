"""CONTRIBUTING names files, lists and steps that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
TOP = ("newsletter", "subscribers", "templates", "tests", "docs", "benchmarks")
PATH = re.compile(rf"`((?:{'|'.join(TOP)})/[\w./-]+|pyproject\.toml|README\.md|\.ci/run)`")
# A name in capitals, or a class, and the file that the sentence says it is in.
LISTS = (
    ("TABLE", "tests/desk/test_permissions.py"),
    ("BEFORE_TOKEN", "newsletter/mail/logs.py"),
    ("STRANGERS", "tests/test_strangers.py"),
    ("PostQuerySet", "newsletter/posts/models/posts.py"),
    ("IssueQuerySet", "newsletter/issues/models.py"),
    ("is_mailable", "subscribers/models/readers.py"),
    ("list_headers", "newsletter/mail/headers.py"),
    ("CELERY_BEAT_SCHEDULE", "newsletter/settings.py"),
    ("PROVIDERS", "newsletter/mail/mailers.py"),
    ("EXAMPLES", "tests/mail/test_mailers.py"),
    ("API_REASONS", "newsletter/mail/smtp_replies.py"),
    ("api_outcome", "newsletter/delivery/provider/outcomes.py"),
    ("PROVIDERS", "newsletter/delivery/sending/api_courier.py"),
    ("Converter", "newsletter/moving/converters/converter.py"),
    ("CONVERTERS", "newsletter/moving/converters/detection.py"),
    ("MARKS", "newsletter/moving/converters/markdown/marks.py"),
    ("COLUMN_NAMES", "subscribers/importers/columns.py"),
    ("IGNORED_COLUMNS", "subscribers/importers/columns.py"),
    ("STATES", "subscribers/importers/rows.py"),
    ("ISSUE_SCREENS", "newsletter/desk/site.py"),
    ("MAILING_SCREENS", "newsletter/desk/site.py"),
    ("ACCOUNT_SCREENS", "newsletter/desk/site.py"),
    ("screens", "tests/desk/test_screens.py"),
)


def test_every_path_exists():
    named = {path for path in PATH.findall(TEXT) if "NAME" not in path}

    assert {path for path in named if not (ROOT / path).exists()} == set()
    assert len(named) > 30


def test_where_a_new_file_goes_there_are_others_like_it():
    patterns = [path.replace("NAME", "*") for path in PATH.findall(TEXT) if "NAME" in path]

    assert patterns
    assert [pattern for pattern in patterns if not list(ROOT.glob(pattern))] == []


def test_every_name_is_defined_where_the_text_says():
    for name, path in LISTS:
        assert f"`{name}`" in TEXT, name
        assert f"`{path}`" in TEXT, path
        assert re.search(rf"^(?:def |class )?{name}\b", (ROOT / path).read_text(), re.MULTILINE), f"{name} in {path}"


def test_every_step_of_ci_is_described():
    steps = re.findall(r'^step "(\w+)', (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    described = re.findall(r"^\| (\w+) +\| `uv run", TEXT, re.MULTILINE)

    assert described == [step for step in steps if step != "Tools"]
