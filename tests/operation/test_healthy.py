"""What a container is asked every half minute."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from newsletter.operation import healthy, programs
from newsletter.operation.liveness import component_readiness
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Component
from tests.support.product import ROOT

WELL = {"ready": True, "database": "ok", "migrations": "ok", "queue": "ok"}
WELL |= dict.fromkeys(("dispatcher", "confirmations", "clock"), "ok")


def runs(data, *names, host=None, process=None, address="http://127.0.0.1:1"):
    """Leave the notes of an `up` that runs these programs."""
    for name in names:
        note = {"process": process or os.getpid(), "host": host or socket.gethostname(), "address": address}
        (data / f"up-{name}.lock").write_text(json.dumps(note))


def beats(data, part, *, ago=0.0):
    at = time.monotonic() - ago
    (data / "heartbeats").mkdir(exist_ok=True)
    (data / "heartbeats" / part).touch()
    os.utime(data / "heartbeats" / part, (at, at))


@contextmanager
def web(answers, status=200):
    """Answer /readyz as the web server does; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            is_asked = (self.path, self.headers["Host"]) == ("/readyz", "localhost")
            self.send_response(status if is_asked else 400)
            self.end_headers()
            self.wfile.write(json.dumps(answers).encode())

        def log_message(self, *_words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_nothing_that_runs_is_not_well(tmp_path, capsys):
    assert healthy.report(tmp_path) == 1
    assert capsys.readouterr().out == f"Nothing of the newsletter in {tmp_path} runs on this machine.\n"


def test_one_container_with_everything_is_asked_about_everything(tmp_path, capsys):
    beats(tmp_path, "worker")
    beats(tmp_path, "clock")
    with web(WELL) as address:
        runs(tmp_path, "web", "worker", "clock", address=address)

        assert healthy.report(tmp_path) == 0

    assert capsys.readouterr().out == "web: ok\nworker: ok\nclock: ok\n"


@pytest.mark.parametrize("part", ["database", "migrations", "queue", "dispatcher", "confirmations"])
def test_what_readyz_names_is_named(tmp_path, part):
    beats(tmp_path, "worker")
    beats(tmp_path, "clock")
    with web(WELL | {"ready": False, part: "silent for 70 s"}, status=503) as address:
        runs(tmp_path, "web", "worker", "clock", address=address)

        assert healthy.health(tmp_path)["web"] == f"{part} silent for 70 s"


def test_a_web_server_is_well_while_the_workers_of_other_machines_are_silent(tmp_path):
    with web(WELL | {"ready": False, "dispatcher": "silent for 70 s", "clock": "silent for 70 s"}, 503) as address:
        runs(tmp_path, "web", address=address)

        assert healthy.health(tmp_path) == {"web": "ok"}


def test_a_web_server_that_does_not_answer_is_not_well(tmp_path):
    runs(tmp_path, "web")

    assert healthy.health(tmp_path) == {"web": "does not answer (ConnectionRefusedError)"}


def test_an_answer_that_is_none_is_not_well(tmp_path):
    with web("a proxy's page") as address:
        runs(tmp_path, "web", address=address)

        assert healthy.health(tmp_path) == {"web": "does not answer (TypeError)"}


@pytest.mark.parametrize(("name", "part"), [("worker", "worker"), ("clock", "clock")])
def test_a_worker_and_a_clock_alone_are_asked_for_their_heartbeats(tmp_path, name, part):
    runs(tmp_path, name)
    answers = [healthy.health(tmp_path)]
    for ago in (0, 59, 75):
        beats(tmp_path, part, ago=ago)
        answers.append(healthy.health(tmp_path))

    assert [answer[name] for answer in answers] == ["has not begun its work", "ok", "ok", "silent for 75 s"]


def test_containers_that_share_a_folder_are_asked_about_themselves(tmp_path):
    beats(tmp_path, "clock")
    runs(tmp_path, "clock")
    runs(tmp_path, "web", "worker", host="another-container")

    assert healthy.health(tmp_path) == {"clock": "ok"}


@pytest.mark.parametrize("note", ["", "{}", "no json", '["a list"]', '{"host": 1}'])
def test_a_note_that_nobody_of_ours_wrote_counts_as_none(tmp_path, note):
    (tmp_path / "up-web.lock").write_text(note)

    assert healthy.health(tmp_path) == {}


def test_the_note_of_a_process_that_died_counts_as_none(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    runs(tmp_path, "clock", process=ended.pid)

    assert healthy.health(tmp_path) == {}


def test_it_reads_what_the_others_write(settings, tmp_path):
    """It imports nothing of ours, so names are written twice."""
    settings.DATA_DIR = tmp_path
    for part in (Component.WORKER, Component.CLOCK):
        heartbeats.beat(part)

    with programs.hold_locks(programs.ALL_PROGRAMS[1:], programs.LockInfo.for_this_process()):
        assert healthy.health(tmp_path) == {"worker": "ok", "clock": "ok"}

    assert tuple(programs.ALL_PROGRAMS) == healthy.PROGRAMS
    assert healthy.SILENT_SECONDS == heartbeats.SILENT_AFTER_SECONDS
    assert {*healthy.WORKER_PARTS, "clock"} == set(component_readiness())


@pytest.mark.parametrize("variables", [{}, {"SITE_URL": "no address"}])
def test_it_costs_no_more_than_python_itself(tmp_path, variables):
    """Django is not loaded: it would take a second of a processor, twice a minute."""
    runs(tmp_path, "clock")
    beats(tmp_path, "clock")
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)} | variables
    command = [sys.executable, "-X", "importtime", "manage.py", "healthy"]

    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("clock: ok\n", 0)
    assert "django" not in done.stderr
    assert "celery" not in done.stderr
