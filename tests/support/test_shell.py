import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import end, kill
from tests.support.product import KEPT, ROOT, Product
from tests.support.shell import Forked, Libraries
from tests.support.waiting import wait_until

SET, GET = "import builtins; builtins.kept = 1", "import builtins; answer = hasattr(builtins, 'kept')"
MADE = "from newsletter.posts.models import Tag; Tag.objects.create(name='題', slug='t')"
COUNTED = "from newsletter.posts.models import Tag; answer = Tag.objects.count()"
HAS_PAGES = "import sys; answer = 'newsletter.desk.urls' in sys.modules"
SECRET = "from django.conf import settings; answer = settings.SECRET_KEY"


@pytest.fixture(scope="module")
def product(migrated_sqlite, tmp_path_factory):
    made = Product(tmp_path_factory.mktemp("shell"), forks=True)
    made.begin_with(migrated_sqlite)
    yield made
    made.kill()


@pytest.fixture
def other(migrated_sqlite, tmp_path):
    made = Product(tmp_path / "other", forks=True)
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


def test_nothing_of_a_call_waits_beside_the_database_file(product):
    product.shell(COUNTED)

    assert [path.name for path in product.data.glob("newsletter.sqlite3-*")] == []


@pytest.mark.parametrize("wrong", ["answer = 1 / 0", "import sys; sys.exit(3)", "answer = {1}", "(", "answer = b''"])
def test_what_goes_wrong_is_told_and_the_next_call_goes_on(product, wrong):
    with pytest.raises(AssertionError, match="Traceback"):
        product.shell(wrong)

    assert product.shell("answer = 7") == 7


def test_a_call_that_is_killed_is_told_of_too(product):
    with pytest.raises(AssertionError, match="ended with -9"):
        product.shell("import os; os.kill(os.getpid(), 9)")

    assert product.shell("answer = 7") == 7


def test_what_a_call_prints_is_not_its_answer(product):
    assert product.shell("print('{}', flush=True); answer = '題'") == "題"


def test_it_is_no_process_of_the_installation(product):
    product.shell("")

    assert product.pids() == []


def test_a_secret_that_comes_back_from_a_backup_is_the_next_calls(product):
    first = product.shell(SECRET)
    (product.data / "secret_key").write_text("x" * 50)

    assert product.shell(SECRET) == "x" * 50
    (product.data / "secret_key").write_text(first)


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_shells_are_forks_of_one_process_and_have_their_own_variables(product, other):
    found = [[one.shell(SECRET), one.shell("import os; answer = os.getppid()")] for one in (product, other)]

    (secret, shell), (another, other_shell) = found
    assert secret != another
    assert parent_of(shell) == parent_of(other_shell) != os.getpid()
    assert b"DATA_DIR" not in Path(f"/proc/{parent_of(shell)}/environ").read_bytes()


def test_a_shell_ends_with_the_process_that_it_is_a_fork_of(tmp_path):
    libraries = Libraries({name: os.environ[name] for name in KEPT if name in os.environ}, ROOT)
    with (tmp_path / "log").open("w") as log:
        asked, asks = os.pipe()
        shell = Forked(libraries, libraries.fork(asked, log.fileno(), log.fileno()), ["forking.py"])
        os.close(asked)

    with pytest.raises(subprocess.TimeoutExpired):
        shell.wait(0.01)
    libraries._process.kill()

    wait_until(lambda: not Path(f"/proc/{shell.pid}").exists())
    os.close(asks)
    os.close(shell._process)
    libraries.end()


def test_pages_are_loaded_once_for_all_commands_but_not_to_refuse(other):
    other.command("up", "--only=nothing", check=False)
    before = other.shell(HAS_PAGES)

    other.command("mailing_status", "7", check=False)

    assert (before, other.shell(HAS_PAGES)) == (False, True)


def test_after_a_kill_there_is_another(product):
    first = product.shell("import os; answer = os.getppid()")

    product.kill()

    assert product.shell("import os; answer = os.getppid()") != first


def test_a_command_has_its_own_output_and_exit_code(product):
    done = product.command("mailing_status", "7", check=False)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "CommandError: There is no issue 7.\n")
    assert (product.logs / "manage.log").read_text().endswith("CommandError: There is no issue 7.\n")


def test_a_command_says_what_one_of_its_own_process_says(product):
    asked = ("version",), ("shell", "--no-imports", "-v", "0", "-c", "1 / 0"), ("mailing_status", "no number")

    for words in asked:
        apart, forked = (run(*words, check=False) for run in (product.manage, product.command))
        assert (forked.returncode, forked.stdout) == (apart.returncode, apart.stdout)
        assert forked.stderr.splitlines()[-1:] == apart.stderr.splitlines()[-1:]


def test_a_command_that_fails_is_told_with_what_it_said(product):
    with pytest.raises(AssertionError, match="CommandError: There is no issue 7"):
        product.command("mailing_status", "7")


def test_a_command_has_the_variables_of_now(product):
    product.shell("")
    product.env["SITE_URL"] = "http://127.0.0.1:1"

    done = product.command(
        "shell", "--no-imports", "-v", "0", "-c", "from django.conf import settings as s; print(s.SITE_URL)"
    )

    assert done.stdout == "http://127.0.0.1:1\n"
    assert product.shell("import os; answer = os.environ['SITE_URL']") == "http://127.0.0.1:1"
    product.env["SITE_URL"] = product.url


def test_a_command_that_is_killed_is_told_of(product):
    with pytest.raises(AssertionError, match="exit code -9"):
        product.command("shell", "--no-imports", "-v", "0", "-c", "import os; os.kill(os.getpid(), 9)")

    assert product.shell("answer = 7") == 7


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
    assert Path(f"/proc/{program.pid}/cmdline").read_bytes().startswith(b"manage.py\0shell\0")
    kill(program)
    assert (program.returncode, product.pids()) == (-signal.SIGKILL, [])


def test_a_program_has_an_exit_code(product):
    program = begin(product, "import sys; sys.exit(3)")

    with pytest.raises(subprocess.TimeoutExpired):
        begin(product, WAITS, "other").wait(0.01)
    assert (program.wait(30), program.poll(), program.returncode) == (3, 3, 3)
    kill(product.running["other"])


def test_a_program_is_asked_to_stop_and_stops(product):
    program = begin(product, f"import signal; signal.signal(15, lambda *_: sys.exit(0)); {WAITS}", "stopped")
    wait_until(lambda: product.output("stopped"))

    assert end(program) == 0


def test_a_program_has_the_variables_of_now_and_those_of_before_go_on(product):
    first = begin(product, WAITS, "first")
    product.env["SITE_URL"] = "http://127.0.0.1:2"

    begin(product, WAITS, "second")

    wait_until(lambda: product.output("second") == "http://127.0.0.1:2\n")
    assert first.poll() is None
    product.kill()
    product.env["SITE_URL"] = product.url
    assert first.poll() == -signal.SIGKILL


def test_what_a_program_has_started_ends_with_its_group(product):
    program = begin(product, f"import os; os.fork(); {WAITS}", "two")
    wait_until(lambda: product.output("two").count("\n") == 2)
    both = product.pids()

    kill(program)

    assert len(both) == 2
    wait_until(lambda: not product.pids())


def test_one_that_is_killed_alone_leaves_its_children_to_the_last_kill(product):
    program = begin(product, f"import os; os.fork(); {WAITS}", "alone")
    wait_until(lambda: product.output("alone").count("\n") == 2)
    os.kill(program.pid, signal.SIGKILL)
    program.wait()

    (left,) = product.pids()
    product.kill()

    assert left != program.pid
    wait_until(lambda: not product.pids())


def test_an_installation_whose_shell_is_busy_is_killed_all_the_same(product):
    program = begin(product, WAITS, "beside")
    product._loaded()._write("import time; time.sleep(600)")  # it answers nobody until it is killed

    product.kill()

    assert program.returncode == -signal.SIGKILL
    wait_until(lambda: not product.pids())
