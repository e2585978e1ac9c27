"""What a process loads before it does anything: libraries and patterns that it may never need take time and memory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIRST_PAGE = """
import re._compiler as compiler
import sys

compiled, compile_ = [], compiler.compile
compiler.compile = lambda *given: compiled.append(given) or compile_(*given)

import django

django.setup()
from django.test import Client
from django.urls import get_resolver

get_resolver().url_patterns
print(len(compiled))
assert Client().get("/", headers={"Host": "localhost"}).status_code == 200
print(*sys.modules)
"""
COMMAND = """
import sys

import django

django.setup()
from django.core import checks
from django.core.management import call_command

call_command("version")
print(*sys.modules)
assert not checks.run_checks(tags=["admin"])
print(*sys.modules)
"""
SCREENS = {"newsletter.desk.site", "newsletter.desk.admin", "newsletter.posts.admin", "subscribers.admin"}
PATTERNS = 620  # regular expressions of Django, of libraries and of ours that are compiled while all of it is loaded
NEEDLESS = {  # library or part of ours: loaded by those who use it
    *("anymail", "boto3", "botocore", "cryptography", "dkim", "dns", "redis", "requests", "sentry_sdk"),
    *("disposable_email_domains", "email_validator", "openpyxl", "python_calamine", "segno"),
    *("newsletter.desk.demo", "newsletter.desk.intake.stages", "newsletter.posts.importers.detecting"),
}


@pytest.fixture
def loaded(tmp_path, migrated_sqlite, collected_static):
    """Return a function that runs Python in an installation, with Django not yet set up, and returns its lines."""
    shutil.copy(migrated_sqlite, tmp_path / "newsletter.sqlite3")
    own = {
        "DATA_DIR": str(tmp_path),
        "SITE_URL": "http://localhost",
        "DATABASE_URL": "",
        "MAIL_URL": "",
        "REDIS_URL": "",
        "STATIC_ROOT": str(collected_static),
    }

    def run(source: str) -> list[str]:
        command = [sys.executable, "-W", "ignore", "-c", source]
        said = subprocess.run(command, cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        return said.stdout.splitlines()

    return run


def test_a_process_that_shows_a_page_loads_what_it_needs(loaded):
    patterns, modules = loaded(FIRST_PAGE)

    assert "newsletter.posts.models.posts" in modules.split()
    assert NEEDLESS & set(modules.split()) == set()
    assert int(patterns) < PATTERNS, "Use compile_late (newsletter/regular_expressions.py) for what few processes need."


def test_a_command_loads_the_screens_of_the_desk_only_to_check_them(loaded):
    *_version, before, after = loaded(COMMAND)

    assert set(before.split()) & SCREENS == set()
    assert set(after.split()) >= SCREENS
