"""Django, set up once, and a fork of it for each piece of Python: `python forking.py`, in and out a line of JSON each.

The first line is the environment. It stands in no list of processes, so that nobody takes this one for a part of the
product. Each further line is code; the answer holds its variable `answer`, or what went wrong. A fork remembers
nothing of the one before and shares no connection with it, like a process of its own, and takes 20 ms, not 800.
"""

import gc
import json
import os
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path


def run(code: str) -> str:
    """Return a line: the answer of `code`, or its traceback."""
    from django.apps import apps
    from django.db import connections

    names: dict[str, object] = {"__name__": "__main__"}
    try:
        apps.get_app_config("operation").ready()  # the secret may have come back from a backup meanwhile
        with redirect_stdout(sys.stderr):
            exec(code, names)
        connections.close_all()
        return json.dumps({"answer": names.get("answer")})
    except BaseException:  # noqa: BLE001 - SystemExit too: whoever asked is told
        return json.dumps({"error": traceback.format_exc()})


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def serve() -> None:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "newsletter.settings", **json.loads(sys.stdin.readline())}
    import django

    gc.disable()  # what is loaded stays: to look through it meanwhile takes a tenth of the time
    django.setup()
    gc.freeze()
    gc.enable()
    while code := sys.stdin.readline():
        if not (child := os.fork()):
            write(run(json.loads(code)))
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        if status:
            write(json.dumps({"error": f"the fork ended with {os.waitstatus_to_exitcode(status)}"}))


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # in the place of this folder, whose dns.py is not the one that the product imports
    serve()
