"""Libraries, loaded once, and a fork for each shell: Django, set up once, which forks for each thing that is asked.

`python forking.py` is asked through a socket, its standard input. A message with three open files asks for a shell that
has them as its input, output and errors: the answer is its process. A message with the number of such a process asks
for its exit code. Whoever closes the other end ends it.

In and out of a shell go lines of JSON. The first line is the environment. It stands in no list of processes, so that
nobody takes a shell for a part of the product. Each further line is one of these:

- a piece of Python: the answer holds its variable `answer`, or what went wrong;
- `program`, a program of Python as its interpreter is given it, and where its output goes: the answer is its process,
  or its exit code if it is waited for;
- `ended`, the process of such a program: the answer is its exit code.

A fork remembers nothing of the one before and shares no connection with it, like a process of its own, and takes 20 ms,
not 800; a shell takes 200. So the product's own parts begin under `up`, too: newsletter/operation/forks.py.
"""

import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path

FILES = 3  # standard input, output and errors of a shell
REFUSING = "up"  # a program that loads pages only once all is well
WRITE = os.O_WRONLY | os.O_CREAT | os.O_APPEND
PR_SET_PDEATHSIG = 1  # prctl(2), Linux only


def run(code: str) -> str:
    """Return a line: the answer of `code`, or its traceback."""
    from django.db import connections

    names: dict[str, object] = {"__name__": "__main__"}
    try:
        _look_again()
        with redirect_stdout(sys.stderr):
            exec(code, names)
        connections.close_all()
        return json.dumps({"answer": names.get("answer")})
    except BaseException:  # noqa: BLE001 - SystemExit too: whoever asked is told
        return json.dumps({"error": traceback.format_exc()})


def _look_again() -> None:
    from django.apps import apps

    apps.get_app_config("operation").ready()  # the secret may have come back from a backup meanwhile


def begin(program: list[str], stdout: str, stderr: str, *, is_waited_for: bool) -> int:
    """Run a program in this process; return its exit code.

    program: what follows `python`. If nobody waits for it, its process is told at once, leads a session of its own, and
    ends with this one's parent.
    """
    _entitle(program)
    answers = os.dup(1)
    for number, (path, flags) in enumerate([(os.devnull, os.O_RDONLY), (stdout, WRITE), (stderr, WRITE)]):
        os.dup2(os.open(path, flags, 0o600), number)
    if not is_waited_for:
        os.setsid()
        _die_with_parent()
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


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _entitle(program: list[str]) -> None:
    from newsletter.operation import forks

    forks._entitle(" ".join(program))


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
    """Do in a fork what a line asks for, and answer it."""
    asked = json.loads(line)
    if isinstance(asked, dict) and "ended" in asked:
        _pid, status = os.waitpid(asked["ended"], 0)
        write(json.dumps({"answer": os.waitstatus_to_exitcode(status)}))
        return
    if isinstance(asked, dict) and REFUSING not in asked["program"]:
        load_more()
    if child := os.fork():
        _tell(child, asked)
    elif isinstance(asked, str):
        write(run(asked))
        os._exit(0)
    else:
        os._exit(begin(**asked) & 0xFF)


@cache
def load_more() -> None:
    """Load what nearly every program loads at its beginning: all pages, for Django's checks, and what workers need."""
    from django.conf import settings
    from django.db import connections

    from newsletter.operation import hands

    gc.disable()
    for name in (settings.ROOT_URLCONF, "newsletter.delivery.lanes", *hands.LATER):
        import_module(name)
    connections.close_all()
    gc.freeze()
    gc.enable()


def _tell(child: int, asked: str | dict[str, object]) -> None:
    """Wait for what is waited for; say what its fork has not said itself."""
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

    gc.disable()  # what is loaded stays: to look through it meanwhile takes a tenth of the time
    django.setup()
    gc.freeze()
    gc.enable()
    while line := sys.stdin.readline():
        answer(line)


# --- The process that forks for each shell ---


def load_libraries() -> None:
    from tests.support.preloaded import LIBRARIES

    gc.disable()
    for name in LIBRARIES:
        import_module(name)
    gc.freeze()
    gc.enable()


def serve_shells(asked: socket.socket) -> None:
    while True:
        message, files, _flags, _address = socket.recv_fds(asked, 100, FILES)
        if not message:
            return
        if files and not (child := os.fork()):
            asked.close()
            _become_shell(files)
            os._exit(0)
        for file in files:
            os.close(file)
        answer = child if files else os.waitstatus_to_exitcode(os.waitpid(int(message), 0)[1])
        asked.send(str(answer).encode())


def _become_shell(files: list[int]) -> None:
    os.setsid()
    _die_with_parent()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    serve()


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # in the place of this folder, whose dns.py is not the one that the product imports
    load_libraries()
    with socket.socket(fileno=os.dup(0)) as asked:
        serve_shells(asked)
