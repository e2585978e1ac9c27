"""What stands before a management command."""

import os
import subprocess

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


def test_a_command_answers_in_the_language_of_the_terminal(tmp_path):
    folder = str(tmp_path / "data")

    english = manage("doctor", DATA_DIR=folder, LANG="en_US.UTF-8")
    chinese = manage("doctor", DATA_DIR=folder, LANG="en_US.UTF-8", LC_ALL="zh_TW.UTF-8")

    assert (english.returncode, chinese.returncode) == (1, 1), english.stderr
    assert "cannot be written to" in english.stdout
    assert "無法寫入" in chinese.stdout
