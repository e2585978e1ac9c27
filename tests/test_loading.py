"""What a process loads before it does anything: libraries and patterns that it may never need take time and memory."""

import json
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
from newsletter import rooms

rooms.load()
print(len(compiled))
assert Client().get("/", headers={"Host": "localhost"}).status_code == 200
print(*sys.modules)
"""
WORKER = """
import sys

import django

django.setup()
from newsletter.operation import hands

hands.load()
from celery.utils import imports

from newsletter.celery import app

imports.entry_points = None  # what looks through all packages
app.backend
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
LINKS = """
import sys

import django

django.setup()
from django.urls import reverse

from newsletter.delivery import lanes
from newsletter.delivery.letter.rendering import reader_values
from subscribers.models import Subscriber

assert reader_values(Subscriber(pk=1))["unsubscribe_url"].startswith("http://localhost/")
assert reverse("issues:issue", args=[1])
print(*sys.modules)
"""
SCREENS = {"newsletter.desk.site", "newsletter.desk.admin", "newsletter.posts.admin", "subscribers.admin"}
PATTERNS = 620  # regular expressions of Django, of libraries and of ours that are compiled while all of it is loaded
NEEDLESS = {  # library or part of ours: loaded by those who use it
    *("anymail", "boto3", "botocore", "cryptography", "dkim", "dns", "redis", "requests", "sentry_sdk"),
    *("css_inline", "disposable_email_domains", "email_validator", "openpyxl", "python_calamine", "segno"),
    *("newsletter.desk.demo", "newsletter.desk.intake.stages", "newsletter.posts.importers.detecting"),
}


A_LIST = """
import sys

import django

django.setup()
from django.core.management import execute_from_command_line

execute_from_command_line(["manage.py", "import_subscribers", sys.argv[1]])
print(*sys.modules)
"""
OF_FEW_TASKS = {  # 12 MB that a worker does not need to send a mailing, nor to look at what is due
    *("PIL", "imap_tools", "markdown", "nh3", "pygments", "newsletter.posts.markdown.render"),
    *("newsletter.delivery.events.reading.mail", "newsletter.posts.proofreading", "subscribers.importers.columns"),
}
OF_PAGES = {"css_inline", "newsletter.urls", "whitenoise"}  # 7 MB that an import does not need


@pytest.fixture
def said(tmp_path, migrated_sqlite, collected_static):
    """Return a function that runs code in an installation of its own, and returns the lines that it printed."""
    shutil.copy(migrated_sqlite, tmp_path / "newsletter.sqlite3")
    own = {
        "DATA_DIR": str(tmp_path),
        "SITE_URL": "http://localhost",
        "DATABASE_URL": "",
        "MAIL_URL": "",
        "REDIS_URL": "",
        "STATIC_ROOT": str(collected_static),
    }

    def run(code: str, *words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *words],
            cwd=ROOT,
            env=os.environ | own,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_a_process_that_shows_a_page_loads_what_it_needs(said):
    patterns, modules = said(FIRST_PAGE)

    assert "newsletter.posts.models.posts" in modules.split()
    assert NEEDLESS & set(modules.split()) == set()
    assert int(patterns) < PATTERNS, "Use compile_late (newsletter/regular_expressions.py) for what few processes need."


def test_a_command_loads_the_screens_of_the_desk_only_to_check_them(said):
    *_version, before, after = said(COMMAND)

    assert set(before.split()) & SCREENS == set()
    assert set(after.split()) >= SCREENS


def test_the_links_of_a_mail_load_no_screen_of_the_desk(said):
    loaded = set(said(LINKS)[0].split())

    assert "subscribers.urls" in loaded
    assert loaded & (SCREENS | {"newsletter.api.urls"}) == set()


def test_a_worker_loads_what_few_tasks_need_when_they_do(said):
    loaded = set(said(WORKER)[-1].split())

    assert "newsletter.delivery.sending.lane" in loaded
    assert loaded & OF_FEW_TASKS == set()


def test_an_import_of_readers_loads_no_page(said, tmp_path):
    (tmp_path / "readers.csv").write_text("email\na@example.org\n")

    counts, modules = said(A_LIST, str(tmp_path / "readers.csv"))

    assert json.loads(counts)["created"] == 1
    assert OF_PAGES & set(modules.split()) == set()
