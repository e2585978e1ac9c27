import os
import signal
import subprocess
import sys

import pytest

from tests.support.processes import kill
from tests.support.product import Product
from tests.support.waiting import wait_until

pytestmark = pytest.mark.exhaustive

SET, GET = "import builtins; builtins.kept = 1", "import builtins; answer = hasattr(builtins, 'kept')"
MADE = "from newsletter.posts.models import Tag; Tag.objects.create(name='題', slug='t')"
COUNTED = "from newsletter.posts.models import Tag; answer = Tag.objects.count()"
SECRET = "from django.conf import settings; answer = settings.SECRET_KEY"


@pytest.fixture(scope="module")
def product(migrated_sqlite, tmp_path_factory):
    made = Product(tmp_path_factory.mktemp("shell"), forks=True)
    made.begin_with(migrated_sqlite)
    yield made
    made.kill()


def test_a_call_remembers_nothing_of_the_one_before(product):
    product.shell(SET)

    assert product.shell(GET) is False


def test_what_a_call_has_written_the_next_one_finds(product):
    before = product.shell(COUNTED)

    product.shell(MADE.replace("'t'", f"'t{before}'"))

    assert product.shell(COUNTED) == before + 1


@pytest.mark.parametrize("wrong", ["answer = 1 / 0", "import sys; sys.exit(3)", "answer = {1}"])
def test_what_goes_wrong_is_told_and_the_next_call_goes_on(product, wrong):
    with pytest.raises(AssertionError, match="Traceback"):
        product.shell(wrong)

    assert product.shell("answer = 7") == 7


def test_what_a_call_prints_is_not_its_answer(product):
    assert product.shell("print('{}', flush=True); answer = '題'") == "題"


def test_a_secret_that_comes_back_from_a_backup_is_the_next_calls(product):
    first = product.shell(SECRET)
    (product.data / "secret_key").write_text("x" * 50)

    assert product.shell(SECRET) == "x" * 50
    (product.data / "secret_key").write_text(first)


def test_a_command_says_what_one_of_its_own_process_says(product):
    asked = ("version",), ("shell", "--no-imports", "-v", "0", "-c", "1 / 0"), ("mailing_status", "no number")

    for words in asked:
        apart, forked = (run(*words, check=False) for run in (product.manage, product.command))
        assert (forked.returncode, forked.stdout) == (apart.returncode, apart.stdout)
        assert forked.stderr.splitlines()[-1:] == apart.stderr.splitlines()[-1:]


def test_a_command_has_the_variables_of_now(product):
    product.shell("")
    product.env["SITE_URL"] = "http://127.0.0.1:1"

    done = product.command(
        "shell", "--no-imports", "-v", "0", "-c", "from django.conf import settings as s; print(s.SITE_URL)"
    )

    assert done.stdout == "http://127.0.0.1:1\n"
    assert product.shell("import os; answer = os.environ['SITE_URL']") == "http://127.0.0.1:1"
    product.env["SITE_URL"] = product.url


# --- Programs that go on ---

# A program that goes on until it is killed.
WAITS = "import os, sys, time; print(os.environ['SITE_URL'], flush=True); time.sleep(60)"


def begin(product, code, name="program"):
    return product._start(name, [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c", code])


def test_a_program_goes_on_beside_the_next_calls_and_is_a_part_of_the_installation(product):
    program = begin(product, WAITS)
    wait_until(lambda: product.output("program"))

    assert product.shell("answer = 7") == 7
    assert (program.poll(), product.pids()) == (None, [program.pid])
    kill(program)
    assert (program.returncode, product.pids()) == (-signal.SIGKILL, [])


def test_a_program_has_an_exit_code(product):
    program = begin(product, "import sys; sys.exit(3)")

    with pytest.raises(subprocess.TimeoutExpired):
        begin(product, WAITS, "other").wait(0.01)
    assert (program.wait(30), program.poll(), program.returncode) == (3, 3, 3)
    kill(product.running["other"])


def test_one_that_is_killed_alone_leaves_its_children_to_the_last_kill(product):
    program = begin(product, f"import os; os.fork(); {WAITS}", "alone")
    wait_until(lambda: product.output("alone").count("\n") == 2)
    os.kill(program.pid, signal.SIGKILL)
    program.wait()

    (left,) = product.pids()
    product.kill()

    assert left != program.pid
    wait_until(lambda: not product.pids())
