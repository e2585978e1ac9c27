"""What a release says of itself: one number everywhere, and a table of those that CI upgrades from."""

import json
import os
import re
import sys
import tomllib

import django
import pytest

from tests.support.processes import run_python
from tests.support.product import ROOT

RELEASING = (ROOT / "docs" / "releasing.md").read_text()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def manage(*words, **env):
    return run_python("manage.py", *words, env=os.environ | env)


def test_every_place_has_the_same_number():
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    heads = re.findall(r"^## (\S+?),? ", (ROOT / "docs" / "changelog.md").read_text(), re.MULTILINE)

    assert [one["version"] for one in locked if one["name"] == "newsletter"] == [VERSION]
    assert heads[0] == VERSION
    assert f"Newsletter {VERSION}\n" in RELEASING
    assert f'image.version="{VERSION}"' in (ROOT / "Dockerfile").read_text()


def test_each_release_of_the_table_is_frozen_and_each_frozen_one_is_in_the_table():
    table = RELEASING.partition("## Releases that CI upgrades from")[2]
    rows = re.findall(r"^\|[^|]+\| `(\S+)`", table, re.MULTILINE)

    assert rows
    assert sorted(rows) == sorted(path.name.partition(".")[0] for path in (ROOT / "tests/flows/releases").iterdir())
    assert all(row in RELEASING.partition("For 0.")[2] for row in rows), "the text of the tag names them"


def test_the_command_says_what_runs_here(tmp_path):
    done = manage("version", DATA_DIR=str(tmp_path))

    first, second = done.stdout.splitlines()
    assert re.fullmatch(rf"newsletter {re.escape(VERSION)}( \([0-9a-f]{{12}}(-dirty)?\))?", first)
    assert second.startswith(f"Python 3.13.{sys.version_info.micro}, Django {django.get_version()}, SQLite 3.")


@pytest.mark.exhaustive
def test_a_program_gets_the_same_as_json_and_a_database_that_is_away_is_said(tmp_path):
    done = manage("version", "--json", DATA_DIR=str(tmp_path), DATABASE_URL="postgres://nobody@127.0.0.1:1/nowhere")

    facts = json.loads(done.stdout)
    assert facts.keys() == {"name", "version", "commit", "python", "django", "database"}
    assert facts["database"] == "PostgreSQL, which does not answer (OperationalError)"
