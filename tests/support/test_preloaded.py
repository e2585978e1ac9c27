import json
import os
import subprocess
import sys

import pytest

from tests.support import preloaded

ENV = {"PATH": os.environ["PATH"], "TOLD": "管理"}
PROGRAMS = {
    "one that ends well": ["-c", "print(1)"],
    "its words": ["-c", "import sys; print(sys.argv, [sys.path[0]])", "a", "--b"],
    "its folder and its variables": ["-c", "import os; print(os.getcwd(), os.environ['TOLD'], 'HOME' in os.environ)"],
    "an input that is empty": ["-c", "import sys; print([sys.stdin.read()])"],
    "a number": ["-c", "raise SystemExit(3)"],
    "words at the end": ["-c", "import sys; print('said'); sys.exit('no such thing')"],
    "nothing at the end": ["-c", "import sys; sys.exit(None)"],
    "what is registered for the end": ["-c", "import atexit; atexit.register(print, 'bye'); print('hello')"],
    "a descriptor": ["-c", "import os; os.write(1, b'out'); os.write(2, b'err')"],
    "a file": ["manage.py", "--env-file"],
    "a process of its own": ["-c", "import subprocess; subprocess.run(['echo', 'from below'])"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_ends_as_one_that_was_started(program):
    words = PROGRAMS[program]
    command = [sys.executable, *words]
    started = subprocess.run(
        command, cwd=preloaded.ROOT, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )

    done = preloaded.run(*words, env=ENV)

    assert (done.returncode, done.stdout, done.stderr) == (started.returncode, started.stdout, started.stderr)


def test_a_program_that_fails_shows_where():
    done = preloaded.run("-c", "1 / 0", env=ENV)

    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_program_finds_nothing_of_ours_and_of_the_one_before():
    look = "import json, os, sys; print(json.dumps([list(sys.modules), list(os.environ)])); "
    spoil = "import newsletter.settings; os.environ['SPOILT'] = '1'"

    found = [json.loads(preloaded.run("-c", look + spoil, env=ENV | {"SITE_URL": "x:"}).stdout) for _time in range(2)]

    assert found[0] == found[1]
    modules, variables = found[0]
    assert [name for name in modules if name.partition(".")[0] in {"newsletter", "subscribers", "tests"}] == []
    assert set(variables) <= {*ENV, "SITE_URL"}
