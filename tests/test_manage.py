"""What stands before a management command."""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.support.processes import run_python

CODE = "from django.conf import settings as s; print(s.SITE_URL, s.MAILERS['default']['OPTIONS'].get('password'))"
SHOW = ("shell", "--no-imports", "-v", "0", "-c", CODE)


def manage(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {name: os.environ[name] for name in ("PATH", "DATA_DIR")} | variables
    return run_python("manage.py", *words, env=env)


def test_variables_come_from_a_file_and_no_command_line(tmp_path):
    file = tmp_path / "newsletter.env"
    file.write_text(
        'SITE_URL=https://news.example.org\nMAIL_URL="smtp://user:pa${HOME}ss@mail.example.org:587?rate=5&timeout=9"\n'
    )

    done = manage("--env-file", str(file), *SHOW)

    assert (done.stdout, done.returncode) == ("https://news.example.org pa${HOME}ss\n", 0), done.stderr


def test_a_variable_of_the_environment_wins(tmp_path):
    file = tmp_path / "newsletter.env"
    file.write_text("SITE_URL=https://news.example.org\n")

    done = manage("--env-file", str(file), *SHOW, SITE_URL="https://other.example.org")

    assert done.stdout == "https://other.example.org None\n"


def test_a_file_that_is_not_there_is_named(tmp_path):
    missing = manage("--env-file", str(tmp_path / "none"), "check")
    nameless = manage("--env-file")

    assert missing.returncode == nameless.returncode == 1
    assert missing.stderr == f"--env-file: {tmp_path / 'none'} cannot be read: No such file or directory.\n"
    assert nameless.stderr == "--env-file needs the path of a file.\n"


@pytest.mark.parametrize("line", ["secret", "=secret", "A='secret", 'A="secret'])
def test_a_line_that_sets_nothing_is_named_by_its_number_alone(tmp_path, line):
    file = tmp_path / "newsletter.env"
    file.write_text(f"# first\nB=1\n{line}")

    done = manage("--env-file", str(file), "check")

    assert done.returncode == 1
    assert done.stderr == f"--env-file: {file}, line 3: this is no NAME=value, or its quotes do not end.\n"


# --- A database of another version ---

NEWER = "INSERT INTO django_migrations (app, name, applied) VALUES ('posts', '0099_future', '2027-01-01')"
TOO_OLD = "DELETE FROM django_migrations WHERE app = 'delivery' AND name IN ('0002_changes', '0039_announced')"
KNOWS = "The database is of a newer version of this program, which knows posts.0099_future: update first."
BEFORE = "The database is of a version before 98338c97, which alone can bring it up to date."


@pytest.fixture
def database(tmp_path, monkeypatch, migrated_sqlite):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return shutil.copy(migrated_sqlite, tmp_path / "newsletter.sqlite3")


def change(database, statement):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "words", [["send_issue"], ["run_worker"], ["import_subscribers", "none.csv"], ["backup", "x.tar"], ["migrate"]]
)
def test_a_command_refuses_a_database_of_a_newer_version(database, words):
    change(database, NEWER)

    done = manage(*words)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"CommandError: {KNOWS}\n")


@pytest.mark.parametrize("command", ["export_subscribers", "run_worker", "migrate"])
def test_a_command_refuses_a_database_that_only_a_former_version_can_bring_up_to_date(database, command):
    change(database, TOO_OLD)

    done = manage(command, *(["x.csv"] if command == "export_subscribers" else []))

    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: {BEFORE}")
    assert done.stderr.count("\n") == 1


def test_the_doctor_speaks_and_a_command_explains_itself_whatever_the_database_is(database):
    change(database, NEWER)

    doctor, explained = manage("doctor", "--json"), manage("backup", "--help")

    assert "database.migrations" in [finding["id"] for finding in json.loads(doctor.stdout)]
    assert (explained.returncode, explained.stderr) == (0, "")


def test_a_command_answers_in_the_language_of_the_terminal(tmp_path):
    folder = str(tmp_path / "data")

    english = manage("doctor", DATA_DIR=folder, LANG="en_US.UTF-8")
    chinese = manage("doctor", DATA_DIR=folder, LANG="en_US.UTF-8", LC_ALL="zh_TW.UTF-8")

    assert (english.returncode, chinese.returncode) == (1, 1), english.stderr
    assert "cannot be written to" in english.stdout
    assert "無法寫入" in chinese.stdout
