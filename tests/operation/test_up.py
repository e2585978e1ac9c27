"""The whole product in one command, as its operator sees it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from newsletter import server
from newsletter.operation import programs
from tests.support.processes import name_of, pids_with_variable
from tests.support.product import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


def _said(product) -> str:
    return (product.logs / "up.log").read_text()


def _get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.status


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.read().decode()


def test_up_runs_everything_mends_it_and_stops_it(make_product):
    """One installation, start to stop: starting it is what takes long."""
    product = make_product(is_new=True)
    product.forks = False  # it is executed, as its operator does it
    product.data.mkdir(exist_ok=True)
    product.data.chmod(0o755)  # as an older version made it
    product.start()
    wait_until(lambda: "Ctrl-C stops it." in _said(product), what=lambda: _said(product))

    # The newcomer is told where to go.
    said = _said(product)
    assert f"Site     {product.url}/" in said
    assert f"Outbox   {product.url}/outbox/" in said
    link = next(word for word in said.split() if "/admin/start/" in word)
    assert _get(link) == 200
    assert "這裡很快會有一份電子報" in _text(f"{product.url}/")
    assert (product.data / "site_url").read_text() == f"{product.url}\n"
    assert _get(f"{product.url}/readyz") == 200

    # Nobody else on this machine reads what it keeps.
    kept = [product.data, *product.data.rglob("*")]
    kept = [path for path in kept if path.exists()]
    assert [path for path in kept if path.lstat().st_mode & 0o077] == [product.data]
    assert product.data.stat().st_mode & 0o777 == 0o750

    # The second `up` is refused.
    again = product.command("up", check=False)
    assert again.returncode == 1
    assert f"The newsletter in {product.data} is running already (web: process " in again.stderr

    # What dies comes back; tests/operation/test_supervisor.py stops one.
    os.kill(wait_until(lambda: product.pid_of("web")), signal.SIGKILL)
    wait_until(lambda: "web is started again." in _said(product), what=lambda: _said(product))
    wait_until(lambda: _answers(product), what=lambda: _said(product))

    # All ends in time.
    started = time.monotonic()
    assert product.stop() == {"up": 0}
    assert time.monotonic() - started < 10
    assert pids_with_variable("DATA_DIR", str(product.data)) == []

    # The second start reuses what the first has made, the secret above all.
    secret = (product.data / "secret_key").read_text()
    product.start()
    wait_until(lambda: _said(product).count("Ctrl-C stops it.") == 2, what=lambda: _said(product))
    assert (product.data / "secret_key").read_text() == secret
    assert _get(link) == 200


def _answers(product) -> bool:
    try:
        return _get(f"{product.url}/healthz") == 200
    except OSError:
        return False


@pytest.mark.exhaustive
@pytest.mark.parametrize("log", ["/dev/full", "a pipe that nobody reads"])
def test_a_log_that_cannot_be_written_ends_nothing(make_product, log):
    product = make_product()
    to = "| true" if log != "/dev/full" else f">{log}"
    command = f"{sys.executable} manage.py up --port {product.port} {to}"
    product._execute("up", ["/bin/sh", "-c", command if log != "/dev/full" else f"exec {command}"])
    killed = wait_until(lambda: _answers(product) and product.pid_of("lane-1"), 60, what=lambda: _said(product))

    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: product.pid_of("lane-1") not in {0, killed}, 60, what=lambda: _said(product))

    assert _answers(product)
    if log == "/dev/full":
        assert product.stop() == {"up": 0}


def test_a_full_disk_is_a_sentence(make_product):
    product = make_product(is_new=True)
    words = ["prlimit", "--fsize=0", sys.executable, "manage.py", "up", "--port", "0"]

    done = subprocess.run(words, cwd=ROOT, env=product.env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"CommandError: DATA_DIR={product.data} cannot be used: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_document_shows_the_command_that_up_runs():
    command = server.command("127.0.0.1", 8000, processes=4)

    assert f"`{' '.join(command[2:])}`" in (ROOT / "docs" / "deploy.md").read_text()


@pytest.mark.parametrize(("redis_url", "processes"), [("", 1), ("redis://127.0.0.1:6379/0", programs.WEB_PROCESSES)])
def test_only_processes_that_share_their_counters_are_many(settings, redis_url, processes):
    settings.REDIS_URL = redis_url

    web, *_others = programs.children(programs.ALL_PROGRAMS, "127.0.0.1", 8000)

    assert web.work.args == ("127.0.0.1", 8000, processes)


def test_a_taken_port_is_named_with_a_way_out(make_product):
    product = make_product()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        done = product.command("up", "--port", str(port), check=False)

    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken by another program." in done.stderr
    assert "Choose another one: manage.py up --port " in done.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("address", [("--host", "192.0.2.1"), ("--port", "99999")])
def test_an_address_that_cannot_be_had_is_said_so(make_product, address):
    done = make_product().command("up", *address, check=False)

    assert done.returncode == 1
    assert "CommandError: Cannot listen on" in done.stderr


@pytest.mark.parametrize("only", ["web,beat", "", "all"])
def test_programs_that_do_not_exist_are_refused_with_the_names_of_those_that_do(make_product, only):
    done = make_product().command("up", f"--only={only}", check=False)

    wrong = only.rpartition(",")[2]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"CommandError: --only: “{wrong}” is none of web, worker, clock.\n"


@pytest.mark.exhaustive
def test_the_programs_run_apart_as_in_three_containers_and_each_says_how_it_is(
    make_product, redis_url, collected_static
):
    """Three starts at once on an empty folder: they migrate one after the other. The image has collected the files."""
    product = make_product(is_new=True, redis_url=redis_url)
    product.env["STATIC_ROOT"] = str(collected_static)
    words = {"web": ("--port", str(product.port)), "worker": (), "clock": ()}

    for name, more in words.items():
        product._execute(name, [sys.executable, "manage.py", "up", "--only", name, *more])
    wait_until(
        lambda: product.command("healthy", check=False).returncode == 0, seconds=90, what=product.log_tails, every=0.5
    )

    said = product.command("healthy").stdout
    assert said == "web: ok\nworker: ok\nclock: ok\n"
    wait_until(lambda: f"Site     {product.url}/" in product.output("web"), 60, what=product.log_tails)
    assert "Worker: running." in product.output("worker")
    assert {*words, "lane-1"} <= {name_of(pid) for pid in product.pids()}, "ps says which is which"
    kept = [path for path in product.data.rglob("*") if path.exists()]
    assert [path for path in kept if path.lstat().st_mode & 0o077] == [], "nobody else reads what any of them keeps"
    assert _get(f"{product.url}/readyz") == 200
    assert product.stop() == dict.fromkeys(words, 0)
    stopped = product.command("healthy", check=False)
    assert (stopped.returncode, stopped.stdout.startswith("Nothing of the newsletter")) == (1, True)
