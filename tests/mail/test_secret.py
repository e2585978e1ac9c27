"""The secret that is made once."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from newsletter.mail.secret import kept
from tests.support.product import ROOT

MAKE = """
import sys, pathlib
from newsletter.mail import secret
sys.stdin.readline()
print(secret.kept(pathlib.Path(sys.argv[1]), sys.argv[2]))
"""
DIE = """
import os, signal, sys, pathlib
from newsletter.mail import secret
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
target = sys.argv[2]
if target == "named":
    pathlib.Path.replace = die
elif target == "written":
    os.fsync = die
elif target == "opened":
    os.fdopen = die
secret.kept(pathlib.Path(sys.argv[1]), "x" * 50)
"""


def test_a_secret_is_made_once(tmp_path):
    path = tmp_path / "data" / "secret_key"

    assert [kept(path, "first"), kept(path, "second")] == ["first", "first"]


def test_only_its_owner_may_read_it(tmp_path):
    before = os.umask(0)
    try:
        kept(tmp_path / "data" / "secret_key", "first")
    finally:
        os.umask(before)

    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_file_that_a_kill_left_empty_is_filled(tmp_path):
    path = tmp_path / "secret_key"
    path.touch()

    assert kept(path, "first") == "first"
    assert path.read_text() == "first"


def test_a_secret_that_somebody_wrote_is_kept_as_it_is(tmp_path):
    path = tmp_path / "secret_key"
    path.write_text("by hand\n")

    assert kept(path, "other") == "by hand"
    assert path.read_text() == "by hand\n"


@pytest.mark.parametrize("moment", ["opened", "written", "named"])
def test_a_kill_at_any_moment_leaves_no_broken_file(tmp_path, moment):
    path = tmp_path / "secret_key"

    done = subprocess.run([sys.executable, "-c", DIE, path, moment], cwd=ROOT, check=False)

    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    assert kept(path, "first") == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("is_empty", [False, True])
def test_of_many_processes_at_once_all_have_the_same(tmp_path, is_empty):
    path = tmp_path / "secret_key"
    if is_empty:
        path.touch()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    processes = [subprocess.Popen([sys.executable, "-c", MAKE, path, f"secret {n}"], **pipes) for n in range(4)]

    with ThreadPoolExecutor(4) as threads:
        said = set(threads.map(lambda process: process.communicate("\n", timeout=30)[0], processes))

    assert len(said) == 1
    assert said == {path.read_text() + "\n"}
