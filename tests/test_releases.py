"""What a release says of itself: one number everywhere, and a table of those that CI upgrades from."""

import json
import os
import re
import subprocess
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
    assert sorted(rows) == sorted(
        path.name.removesuffix(".tar.xz") for path in (ROOT / "tests/flows/releases").iterdir()
    )


def test_the_text_of_the_tag_is_what_the_command_of_the_page_cuts_out(tmp_path):
    (command,) = re.findall(r"`(sed .+?) >tag\.txt`", RELEASING)
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.startswith(f"Newsletter {VERSION}\n\n")
    assert done.stdout.endswith("\nThe changelog of this version: docs/changelog.md\n")


def test_the_command_says_what_runs_here(tmp_path):
    done = manage("version", DATA_DIR=str(tmp_path))

    first, second = done.stdout.splitlines()
    assert re.fullmatch(rf"newsletter {re.escape(VERSION)} \(([0-9a-f]{{12}}(-dirty)?|commit unknown)\)", first)
    assert second.startswith(f"Python 3.13.{sys.version_info.micro}, Django {django.get_version()}, SQLite 3.")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout")
def test_the_service_knows_the_commit_of_a_checkout_that_belongs_to_root(tmp_path):
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    done = manage("version", "--json", DATA_DIR=str(tmp_path), GIT_TEST_ASSUME_DIFFERENT_OWNER="1")

    assert json.loads(done.stdout)["commit"].removesuffix("-dirty") == head.stdout.strip()


@pytest.mark.exhaustive
def test_a_program_gets_the_same_as_json_and_a_database_that_is_away_is_said(tmp_path):
    done = manage("version", "--json", DATA_DIR=str(tmp_path), DATABASE_URL="postgres://nobody@127.0.0.1:1/nowhere")

    facts = json.loads(done.stdout)
    assert facts.keys() == {"name", "version", "commit", "python", "django", "database"}
    assert facts["database"] == "PostgreSQL, which does not answer (OperationalError)"
