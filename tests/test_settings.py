"""Settings describe; what has to be made is made by whoever runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.product import ROOT

READ = """
import os, sys
before = os.umask(0o022)
from django.conf import settings
settings.DEBUG
assert os.umask(before) == 0o022
print(*sorted(name for name in sys.modules if name.partition(".")[0] in {"newsletter", "subscribers"}))
"""
SECRET = "from django.conf import settings as s; print(s.SECRET_KEY)"
SHOW = ("manage.py", "shell", "--no-imports", "-v", "0", "-c", SECRET)


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a newcomer's shell would, with none of the developer's variables."""
    named = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_URL", "BULK_MAIL_URL", "SITE_URL")
    env = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "newsletter.settings", "TRUSTED_PROXIES": "0"}
    env |= dict.fromkeys(named, "") | variables
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", [".", "missing/below"])
def test_reading_settings_writes_nothing_and_loads_no_room(tmp_path, name):
    done = run("-c", READ, DATA_DIR=str(tmp_path / name))

    assert list(tmp_path.iterdir()) == []
    assert (done.stdout.split(), done.stderr) == (
        [f"newsletter{name}" for name in ("", ".celery", ".mail", ".mail.logs", ".mail.mailers", ".settings")],
        "",
    )


@pytest.mark.parametrize("name", [".", "missing/below"])
def test_the_first_command_makes_the_secret_and_the_next_one_has_the_same(tmp_path, name):
    data = tmp_path / name

    first, second = (run(*SHOW, DATA_DIR=str(data)) for _ in range(2))

    assert first.stdout == second.stdout == (data / "secret_key").read_text() + "\n"
    assert len(first.stdout) > 50
    assert {path.name for path in data.iterdir()} == {"secret_key", "queue"}
    assert [path.stat().st_mode & 0o077 for path in data.iterdir()] == [0, 0]


def test_a_secret_that_is_given_is_not_kept(tmp_path):
    given = run(*SHOW, DATA_DIR=str(tmp_path), SECRET_KEY="x" * 50)

    assert (given.stdout, [path.name for path in tmp_path.iterdir()]) == ("x" * 50 + "\n", ["queue"])


@pytest.mark.parametrize(
    "words",
    [
        ("-c", "import newsletter.wsgi; " + SECRET),
        ("-c", "import newsletter.celery as c; c.app.loader.init_worker(); " + SECRET),  # worker and clock
    ],
)
def test_every_other_entry_has_the_secret(tmp_path, words):
    done = run(*words, DATA_DIR=str(tmp_path / "data"))

    assert done.stdout == (tmp_path / "data" / "secret_key").read_text() + "\n", done.stderr


# A folder in which nobody makes a file, not even root, who runs these tests in a container.
CLOSED = Path("/proc/sys")


def test_a_folder_that_cannot_be_made_is_named_without_a_traceback():
    done = run("manage.py", "check", DATA_DIR=str(CLOSED / "data"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("DATA_DIR=/proc/sys/data cannot be used: [Errno ")
    assert done.stderr.count("\n") == 1


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
