"""The process that converts a file: it ends with the worker that began it, and the next worker begins anew."""

import os
import signal
from pathlib import Path

import pytest

from tests.desk.moving_in.conftest import ghost, post
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers
POSTS = 300  # which take some seconds
BEGIN = """
from pathlib import Path
from django.utils import timezone
from newsletter.desk.jobs import posts

now = timezone.now()
found = posts.store_upload("blog.json", [Path({path!r}).read_bytes()], user=None, now=now)
posts.begin_trial(found, now, site="", fetches=False)
answer = found.folder
"""
WORK = """
from django.utils import timezone
from newsletter.desk.jobs import working
from newsletter.desk.models import PostImport

while working.work(PostImport, timezone.now()):
    pass
answer = PostImport.objects.values_list("state", "total", "cursor").get()
"""
FREE = "from newsletter.desk.models import PostImport; answer = PostImport.objects.update(lease_until=None)"
STOP = """
from django.utils import timezone
from newsletter.desk.models import PostImport

answer = PostImport.objects.get().stop(timezone.now())
"""


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that convert something."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid and "newsletter.moving.converters" in command:
            found.append(int(stat.parent.name))
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def begun(make_product, tmp_path):
    """A house in which a file of many posts waits for a worker; and the folder of its files."""
    product = make_product()
    texts = (f"<p>{'甲乙丙丁' * 300}</p><p><b>{number}</b></p>" for number in range(POSTS))
    rows = [post(1, text, id=f"id{number}") for number, text in enumerate(texts)]
    (tmp_path / "blog.json").write_bytes(ghost(*rows))
    folder = product.shell(BEGIN.format(path=str(tmp_path / "blog.json")))
    return product, product.data / "imports" / folder


def test_a_worker_that_is_killed_leaves_no_process_and_the_next_one_converts_anew(begun):
    product, folder = begun
    worker = product.manage_in_background("shell", "-v0", "-c", WORK)
    [child] = wait_until(lambda: children_of(worker.pid), 60)
    wait_until(lambda: len(list(folder.glob(".posts.part/posts/*"))) > POSTS // 10, 60)

    os.kill(worker.pid, signal.SIGKILL)  # and not its child

    wait_until(lambda: not lives(child), 30)
    assert not (folder / "posts").exists()
    product.shell(FREE)
    assert product.shell(WORK) == ["tried", POSTS, POSTS]
    assert sorted(path.name for path in folder.iterdir()) == ["export.json", "posts"]


def test_a_conversion_that_is_stopped_ends_its_process(begun):
    product, folder = begun
    worker = product.manage_in_background("shell", "-v0", "-c", WORK)
    [child] = wait_until(lambda: children_of(worker.pid), 60)
    wait_until(lambda: len(list(folder.glob(".posts.part/posts/*"))) > POSTS // 10, 60)

    assert product.shell(STOP)

    wait_until(lambda: not lives(child), 30)
    assert worker.wait(60) == 0
    assert [path.name for path in folder.iterdir()] == ["export.json"]
