"""Settings describe; what has to be made is made by whoever runs."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import run_python
from tests.support.product import ROOT

READ = """
import os, sys
before = os.umask(0o022)
from django.conf import settings
from tests.support.processes import run_python
settings.DEBUG
assert os.umask(before) == 0o022
print(*sorted(name for name in sys.modules if name.partition(".")[0] in {"newsletter", "subscribers"}))
"""
ENDS = (
    ".buckets",
    ".celery",
    ".environment",
    ".mail",
    ".mail.logs",
    ".mail.mailers",
    ".settings",
)  # pure modules, and Celery's
SECRET = "from django.conf import settings as s; print(s.SECRET_KEY)"
CHANGES = ["makemigrations", "--check", "--dry-run"]
SHOW = ("manage.py", "shell", "--no-imports", "-v", "0", "-c", SECRET)


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a newcomer's shell would, with none of the developer's variables."""
    named = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_URL", "BULK_MAIL_URL", "SITE_URL")
    env = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "newsletter.settings", "TRUSTED_PROXIES": "0"}
    env |= dict.fromkeys(named, "") | variables
    return run_python(*words, env=env)


def test_reading_settings_writes_nothing_and_loads_no_room(tmp_path):
    done = run("-c", READ, DATA_DIR=str(tmp_path / "missing" / "below"))

    assert list(tmp_path.iterdir()) == []
    assert (done.stdout.split(), done.stderr) == (
        [f"newsletter{name}" for name in ("", *ENDS)],
        "",
    )


@pytest.mark.parametrize("words", [["check"], ["version"], ["doctor", "--help"], CHANGES])
@pytest.mark.parametrize("name", [".", "missing/below"])
def test_a_command_that_only_looks_writes_nothing(tmp_path, name, words):
    done = run("manage.py", *words, DATA_DIR=str(tmp_path / name))

    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".", "missing/below"])
def test_who_first_needs_the_secret_makes_it_and_the_next_one_has_the_same(tmp_path, name):
    data = tmp_path / name

    first, second = (run(*SHOW, DATA_DIR=str(data)) for _ in range(2))

    assert first.stdout == second.stdout == (data / "secret_key").read_text() + "\n"
    assert len(first.stdout) > 50
    assert [path.name for path in data.iterdir()] == ["secret_key"]
    assert [path.stat().st_mode & 0o077 for path in (data, data / "secret_key")] == [0, 0]


@pytest.mark.exhaustive
def test_a_secret_that_is_given_is_not_kept(tmp_path):
    given = run(*SHOW, DATA_DIR=str(tmp_path), SECRET_KEY="x" * 50)

    assert (given.stdout, [path.name for path in tmp_path.iterdir()]) == ("x" * 50 + "\n", [])


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "words",
    [
        ("-c", "import newsletter.wsgi; " + SECRET),
        ("-c", "import newsletter.celery as c; c.app.loader.init_worker(); " + SECRET),  # worker and clock
    ],
)
def test_every_other_entry_has_the_secret(tmp_path, words):
    done = run(*words, DATA_DIR=str(tmp_path))

    assert done.stdout == (tmp_path / "secret_key").read_text() + "\n", done.stderr


# A folder in which nobody makes a file, not even root, who runs these tests in a container.
CLOSED = Path("/proc/sys")


def test_a_folder_that_cannot_be_made_is_named_without_a_traceback():
    done = run(*SHOW, DATA_DIR=str(CLOSED / "data"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("DATA_DIR=/proc/sys/data cannot be used: [Errno ")
    assert done.stderr.count("\n") == 1


@pytest.mark.exhaustive
def test_nor_is_there_one_for_a_folder_that_may_only_be_read():
    variables = {"DATA_DIR": str(CLOSED), "SECRET_KEY": "x" * 50, "REDIS_URL": "redis://127.0.0.1:1/0"}

    done = run("manage.py", "up", **variables)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("CommandError: DATA_DIR=/proc/sys cannot be used: [Errno ")


def test_what_is_wrong_with_a_variable_is_said_without_a_traceback(tmp_path):
    done = run("manage.py", "check", DATA_DIR=str(tmp_path), SITE_URL="news.example.org")

    assert (done.returncode, done.stderr) == (
        1,
        "SITE_URL must be an absolute http(s) URL, got 'news.example.org'\n",
    )


def test_a_variable_that_only_looks_like_ours_is_named_with_the_one_that_is_meant(tmp_path):
    done = run("manage.py", "check", DATA_DIR=str(tmp_path), MAILURL="smtp://user:hunter2@localhost", SITEURL="")

    assert "MAILURL is set, but nothing reads it.\n\tHINT: The name is MAIL_URL" in done.stderr
    assert done.stderr.count("newsletter.W002") == 1
    assert (done.returncode, "hunter2" in done.stderr) == (0, False)


def test_a_relative_folder_begins_at_the_project_whatever_the_working_folder_is(tmp_path):
    code = "from django.conf import settings as s; print(s.DATA_DIR, s.STATIC_ROOT, s.DATABASES['default']['NAME'])"
    relative = {"DATA_DIR": "here/data", "STATIC_ROOT": "here/static", "DATABASE_URL": "sqlite:///here/db.sqlite3"}
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "newsletter.settings"}
    command = [sys.executable, "-c", code]

    done = subprocess.run(command, cwd=tmp_path, env=env | relative, capture_output=True, text=True, check=False)

    assert done.stdout.split() == [str(ROOT / "here" / name) for name in ("data", "static", "db.sqlite3")], done.stderr


def test_a_bucket_of_pictures_that_cannot_be_is_refused_at_the_start_without_its_secret(tmp_path):
    done = run("manage.py", "check", DATA_DIR=str(tmp_path), MEDIA_STORAGE_URL="s3://key:hidden@host:x/pictures")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("MEDIA_STORAGE_URL")
    assert "hidden" not in done.stderr


# --- Variables that are there and empty ---

EXAMPLE = sorted(set(re.findall(r"^# ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)))
VALUES = """
from django.conf import settings as s
names = sorted(name for name in dir(s) if name.isupper() and name not in {"SECRET_KEY", "LOGGING_CONFIG"})
print(*(f"{name}={getattr(s, name)!r}" for name in names), sep="\\n")
"""
READ_ALL = ("-c", VALUES)


@pytest.fixture(scope="module")
def unset(tmp_path_factory):
    """The folder of an installation of whose variables none is set, and its settings."""
    data = tmp_path_factory.mktemp("data")
    env = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "newsletter.settings", "DATA_DIR": str(data)}
    done = run_python(*READ_ALL, env=env)
    assert done.returncode == 0, done.stderr
    return data, done.stdout


def test_variables_that_are_empty_are_as_if_they_were_not_set(unset):
    """As Docker Compose hands them over: all of them, and the files that they may come from."""
    data, settings = unset
    empty = {f"{name}{ending}": "" for name in EXAMPLE for ending in ("", "_FILE")} | {"DATA_DIR": str(data)}

    done = run(*READ_ALL, **empty)

    assert {"SEND_RATE", "DEBUG", "TRUSTED_PROXIES", "KEEP_DELIVERIES_DAYS"} <= set(EXAMPLE)
    assert (done.stdout, done.stderr) == (settings, "")


# --- Values in files ---


def test_a_value_of_a_file_ends_before_its_last_line_does(tmp_path):
    (tmp_path / "url").write_text("postgres://newsletter@postgres/newsletter\n")
    (tmp_path / "password").write_text("correct horse\n")
    code = "from django.conf import settings as s; d = s.DATABASES['default']; print(d['NAME'], d['PASSWORD'], sep='|')"

    files = {"DATABASE_URL_FILE": str(tmp_path / "url"), "DATABASE_PASSWORD_FILE": str(tmp_path / "password")}
    done = run("-c", code, DATA_DIR=str(tmp_path), **files)

    assert done.stdout == "newsletter|correct horse\n", done.stderr


def test_a_secret_is_what_its_file_holds_because_links_have_been_signed_with_it(tmp_path):
    (tmp_path / "secret").write_text("x" * 50 + "\n")
    code = "from django.conf import settings as s; print(repr(s.SECRET_KEY))"

    done = run("-c", code, DATA_DIR=str(tmp_path), SECRET_KEY_FILE=str(tmp_path / "secret"))

    assert done.stdout == repr("x" * 50 + "\n") + "\n", done.stderr


def test_a_file_that_cannot_be_read_is_named_without_a_traceback(tmp_path):
    done = run("manage.py", "check", DATA_DIR=str(tmp_path), DATABASE_URL_FILE="/nowhere/file")

    expected = "DATABASE_URL_FILE cannot be read: [Errno 2] No such file or directory: '/nowhere/file'\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_a_value_that_is_none_is_named_without_a_traceback(tmp_path):
    done = run("manage.py", "check", DATA_DIR=str(tmp_path), SEND_RATE="many")

    assert done.returncode == 1
    assert done.stderr.startswith('Environment variable "SEND_RATE" invalid: ')
    assert done.stderr.count("\n") == 1


# --- Static files that were collected already ---


@pytest.mark.exhaustive
def test_an_empty_folder_of_static_files_is_reported_before_the_database_has_changed(tmp_path):
    data = tmp_path / "data"
    data.mkdir()

    done = run("manage.py", "up", "--only", "web", DATA_DIR=str(data), STATIC_ROOT=str(tmp_path / "static"))

    assert "is empty: run manage.py collectstatic" in done.stderr
    with closing(sqlite3.connect(data / "newsletter.sqlite3")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []


@pytest.mark.exhaustive
def test_static_files_of_a_folder_that_is_named_are_not_collected_again(tmp_path, migrated_sqlite):
    collected, data = tmp_path / "static", tmp_path / "data"
    data.mkdir()
    shutil.copy(migrated_sqlite, data / "newsletter.sqlite3")
    variables = {"DATA_DIR": str(data), "STATIC_ROOT": str(collected), "TRUSTED_PROXIES": ""}

    early = run("manage.py", "up", "--only", "web", **variables)
    assert (early.returncode, early.stdout) == (1, "Collecting style sheets and scripts.\n")
    assert early.stderr == (
        f"CommandError: STATIC_ROOT={collected} is empty: run manage.py collectstatic, or leave it out.\n"
    )

    words = ("--no-input", "-v", "0", "--ignore", "*")  # to compress all of them takes four seconds
    assert run("manage.py", "collectstatic", *words, **variables).returncode == 0
    assert (collected / "staticfiles.json").exists()
    assert not (data / "static").exists()
