"""A process that has loaded Django and forks for each request: 20 ms instead of 800.

Requests and responses are lines of JSON. The first line is the environment, so that it is not visible in /proc, by
which tests find processes of the product. Each further line is one of:

- Python source: the response has its variable `answer`, or the error;
- `program`, arguments of a Python interpreter, and files for its output: the response is its pid, or its exit code if
  it is waited for;
- `ended`, the pid of such a program: the response is its exit code.

Each fork has its own connections and shares no state with the one before.
"""

import gc
import json
import os
import runpy
import sys
import traceback
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path

REFUSING = "up"  # a program that loads pages only once all is well
WRITE = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def run(code: str) -> str:
    """Run code; return its `answer` or its traceback as JSON."""
    from django.db import connections

    names: dict[str, object] = {"__name__": "__main__"}
    try:
        _look_again()
        with redirect_stdout(sys.stderr):
            exec(code, names)
        connections.close_all()
        return json.dumps({"answer": names.get("answer")})
    except BaseException:  # noqa: BLE001 - SystemExit too: it is reported
        return json.dumps({"error": traceback.format_exc()})


def _look_again() -> None:
    from django.apps import apps

    apps.get_app_config("operation").ready()  # the secret may have come back from a backup meanwhile


def begin(program: list[str], stdout: str, stderr: str, *, is_waited_for: bool) -> int:
    """Run a program in this process; return its exit code.

    program: the arguments after `python`. If it is not waited for, its pid is returned at once; it leads a session, and
    dies with this process's parent.
    """
    from tests.support.parent_death import die_with_parent

    answers = os.dup(1)
    for number, (path, flags) in enumerate([(os.devnull, os.O_RDONLY), (stdout, WRITE), (stderr, WRITE)]):
        os.dup2(os.open(path, flags, 0o600), number)
    if not is_waited_for:
        os.setsid()
        die_with_parent()
        os.write(answers, json.dumps({"answer": os.getpid()}).encode() + b"\n")
    os.close(answers)
    try:
        return _exit_code(program)
    except BaseException:  # noqa: BLE001 - Python itself ends so with it
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _exit_code(program: list[str]) -> int:
    try:
        _look_again()
        if program[0] == "-m":
            sys.argv = program[1:]
            runpy.run_module(program[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = program
            runpy.run_path(program[0], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    return 0


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer(line: str) -> None:
    """Handle one request."""
    asked = json.loads(line)
    if isinstance(asked, dict) and "ended" in asked:
        _pid, status = os.waitpid(asked["ended"], 0)
        write(json.dumps({"answer": os.waitstatus_to_exitcode(status)}))
        return
    if isinstance(asked, dict) and REFUSING not in asked["program"]:
        load_pages()
    if child := os.fork():
        _tell(child, asked)
    elif isinstance(asked, str):
        write(run(asked))
        os._exit(0)
    else:
        os._exit(begin(**asked) & 0xFF)


@cache
def load_pages() -> None:
    """Preload the URLconf, which Django's checks need in nearly every program."""
    from django.conf import settings
    from django.db import connections

    import_module(settings.ROOT_URLCONF)
    connections.close_all()
    gc.freeze()


def _tell(child: int, asked: str | dict[str, object]) -> None:
    """Wait for the fork if requested, and respond with what it has not reported itself."""
    if isinstance(asked, dict) and not asked["is_waited_for"]:
        return
    _pid, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if isinstance(asked, dict):
        write(json.dumps({"answer": code}))
    elif status:
        write(json.dumps({"error": f"the fork ended with {code}"}))


def serve() -> None:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "newsletter.settings", **json.loads(sys.stdin.readline())}
    import django

    django.setup()
    gc.freeze()
    while line := sys.stdin.readline():
        answer(line)


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # in the place of this folder, whose dns.py is not the one that the product imports
    serve()
