"""Programs of ours, run as a shell would run them, in a process that has the libraries loaded already.

A program takes a second of a processor to start, and half of it goes into libraries: they are loaded once, by a process
that loads nothing of ours and reads no settings, and forks for each program. `run` is for tests of what a program
reads, says and leaves behind. Not for what it loads, weighs or takes, nor for options of Python.
"""

import atexit
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIBRARIES = (  # that every program of ours loads, as far as they can be loaded without settings
    *("django.contrib.admin.options", "django.contrib.sitemaps.views", "django.contrib.staticfiles.storage"),
    *("django.core.management.commands.makemigrations", "django.core.management.commands.shell"),
    *("django.db.backends.sqlite3.base", "django.template.defaulttags", "django.template.loader_tags"),
    *("django.views.debug", "allauth.core.ratelimit", "altcha", "celery.app.amqp", "celery.worker.worker"),
    *("celery.apps.beat", "celery.bin.celery", "granian.cli"),
    *("css_inline", "environs", "flufl.bounce", "idna", "imap_tools", "nh3", "rcssmin", "sqlparse"),
    *("markdown.extensions.footnotes", "markdown.extensions.tables", "markdown.extensions.toc"),
    *("PIL.ImageCms", "PIL.ImageOps", "pygments.formatters.html", "whitenoise.middleware"),
)


def run(*words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Return how `python WORDS` ended in the folder of the project, and what it said: words as `-c CODE`, or a file."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with ExitStack() as files:
        out, err = (files.enter_context(tempfile.NamedTemporaryFile()) for _stream in range(2))
        ask = {"words": words, "env": dict(env), "out": out.name, "err": err.name}
        server.stdin.write(json.dumps(ask) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(words, code, Path(out.name).read_text(), Path(err.name).read_text())


@cache
def _server() -> subprocess.Popen[str]:
    """Return the process that forks; it ends with this one."""
    command = [sys.executable, __file__]
    pipe = subprocess.PIPE
    server = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[str]) -> None:
    server.communicate()


# --- In that process ---


def serve() -> None:
    for name in LIBRARIES:
        import_module(name)
    while line := sys.stdin.readline():
        if not (child := os.fork()):
            os._exit(become(**json.loads(line)))
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def become(words: list[str], env: dict[str, str], out: str, err: str) -> int:
    """Run the program in this fork; return its exit code."""
    os.environ.clear()
    os.environ.update(env)
    for stream, (path, flags) in enumerate([(os.devnull, os.O_RDONLY), (out, os.O_WRONLY), (err, os.O_WRONLY)]):
        os.dup2(os.open(path, flags), stream)
    code = _exit_code(words)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _exit_code(words: list[str]) -> int:
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        if words[0] == "-c":
            sys.argv, sys.path[0] = ["-c", *words[2:]], ""
            exec(words[1], names)
        else:
            sys.argv, sys.path[0] = words, str(ROOT)
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter itself does
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # in the place of this folder, whose dns.py is not the one that the libraries import
    serve()
