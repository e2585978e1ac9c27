"""Which programs run where."""

import os
from pathlib import Path

import pytest

from newsletter.operation import programs
from newsletter.operation.programs import ALL_PROGRAMS, LockInfo, Program
from newsletter.operation.supervisor import AlreadyInUse
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Component
from tests.support.processes import run_python


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("web", ["web"]),
        ("clock,web", ["web", "clock"]),
        ("web, worker ,clock,web", ["web", "worker", "clock"]),
    ],
)
def test_programs_are_named(text, found):
    assert list(programs.parse_programs(text)) == found


@pytest.mark.parametrize(
    ("text", "wrong"), [("wbe", "wbe"), ("web,beat", "beat"), ("", ""), ("web,", ""), ("Web", "Web")]
)
def test_a_name_that_is_none_is_said_with_those_there_are(text, wrong):
    with pytest.raises(ValueError, match=f"^“{wrong}” is none of web, worker, clock$"):
        programs.parse_programs(text)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("", "http://127.0.0.1:80"),
        ("::", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("192.0.2.1", "http://192.0.2.1:80"),
    ],
)
def test_a_web_server_is_found_where_it_listens(host, address):
    assert programs.local_url(host, 80) == address


def test_two_of_different_kinds_share_a_folder_and_two_of_one_kind_do_not(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    first = LockInfo(7, "a-machine", "http://127.0.0.1:8000")

    with (
        programs.hold_locks([Program.WEB], first),
        programs.hold_locks([Program.WORKER, Program.CLOCK], LockInfo(8, "a-machine")),
    ):
        with pytest.raises(AlreadyInUse, match="web: process 7 on a-machine, http"):
            programs.hold_locks(ALL_PROGRAMS, LockInfo.for_this_process()).__enter__()
        with pytest.raises(AlreadyInUse, match="clock: process 8 on a-machine"):
            programs.hold_locks([Program.CLOCK], LockInfo.for_this_process()).__enter__()

    with programs.hold_locks(ALL_PROGRAMS, LockInfo.for_this_process()):
        pass


def test_starting_one_forgets_no_heartbeat_of_another(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    heartbeats.set_process_name("")
    for part in Component:
        heartbeats.beat(part)

    programs.clear_heartbeats([Program.WEB])
    assert {path.name for path in (tmp_path / "heartbeats").iterdir()} == set(Component)
    programs.clear_heartbeats([Program.CLOCK])
    assert {path.name for path in (tmp_path / "heartbeats").iterdir()} == set(Component) - {Component.CLOCK}
    programs.clear_heartbeats([Program.WORKER])
    assert list((tmp_path / "heartbeats").iterdir()) == []


def test_every_heartbeat_is_of_one_program():
    assert sorted(part for parts in programs.COMPONENTS.values() for part in parts) == sorted(Component)


def test_only_those_asked_for_are_started():
    def names(*chosen):
        return [child.name for child in programs.children(chosen, "127.0.0.1", 8000)]

    assert names(Program.WEB) == ["web"]
    assert names(Program.CLOCK) == ["clock"]
    assert names(Program.WORKER) == ["worker", "lane-1"]
    assert names(*ALL_PROGRAMS) == ["web", "worker", "lane-1"], "the clock is a thread of the worker"


LANE = """
import sys
import django
django.setup()
from django.urls import reverse, set_urlconf
from newsletter.operation import programs
set_urlconf(programs.MAIL_URLCONF)
print(reverse("subscribers:unsubscribe", args=["token"]))
unused = ("newsletter.desk.site", "newsletter.api.v1", "redis", "requests")
print([name for name in sys.modules if name.startswith(unused)])
programs.worker_children(1, "WARNING", has_clock=True)
print("requests" in sys.modules, "newsletter.delivery.tasks" in sys.modules)
"""


def test_a_lane_loads_neither_the_desk_nor_the_api_nor_a_client_for_what_is_not_there(tmp_path):
    """It would be 35 MB larger. Nor does a worker, whose tasks are loaded before it is forked."""
    env = os.environ | {"DATA_DIR": str(tmp_path), "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "newsletter.settings"}

    done = run_python("-c", LANE, env=env)

    assert done.stdout.splitlines() == ["/unsubscribe/token/", "[]", "False True"], done.stderr


FORK = """
import os
from pathlib import Path
import django
django.setup()
from newsletter.operation import programs
programs.children(programs.ALL_PROGRAMS, "127.0.0.1", 8000)
if os.fork() == 0:
    made = [[] for _number in range(80_000)]  # more than a process at rest
    sizes = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    print(sizes["Private_Dirty"].split()[0], flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_a_process_shares_what_was_loaded_before_its_fork(tmp_path):
    """A full garbage collection in it would copy all of that: 60 MB."""
    env = os.environ | {"DATA_DIR": str(tmp_path), "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "newsletter.settings"}

    done = run_python("-c", FORK, env=env)

    assert int(done.stdout) < 20_000, done.stderr
