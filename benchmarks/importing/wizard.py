"""The import of a file by the forms of the desk, with somebody who opens its pages beside it."""

import argparse
import html
import http.client
import re
import threading
import time
import uuid
import zipfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from benchmarks.desk import OWNER, POSTS
from benchmarks.end_to_end import cpu_seconds, database
from benchmarks.importing.files import Expected
from tests.support.postgres import Postgres
from tests.support.processes import pids_with_variable
from tests.support.product import Product

PAUSE = 0.5  # seconds between two pages
ERRAND = """
from newsletter.desk.models import Errand
one = Errand.objects.get(pk={pk})
seconds = (one.ended_at - one.begun_at).total_seconds() if one.ended_at and one.begun_at else None
answer = {{"state": one.state, "cursor": one.cursor, "counts": one.counts, "seconds": seconds, "error": one.error}}
"""
READERS_NOW = """
from subscribers.models import Subscriber
from subscribers.models.consents import Consent
answer = [Subscriber.objects.count(), Consent.objects.count()]
"""


class Desk:
    """An owner's browser, as far as it needs one: a kept connection, a session, and the forms of a page."""

    def __init__(self, port: int, session: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.cookies = {"sessionid": session}

    def get(self, address: str) -> tuple[int, str]:
        return self._ask("GET", address)

    def post(self, address: str, body: bytes, kind: str) -> str:
        """Send a form; return where it leads."""
        headers = {"Content-Type": kind, "Origin": f"http://127.0.0.1:{self.connection.port}"}
        status, output = self._ask("POST", address, body, headers)
        assert status == 302, (status, re.sub(r"<[^>]+>|\s+", " ", output)[:2000])
        return self.leads_to

    def _ask(
        self, method: str, address: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.connection.request(method, address, body, {"Cookie": cookie, **(headers or {})})
        answer = self.connection.getresponse()
        output = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _is, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.leads_to = answer.headers.get("Location", "")
        return answer.status, output

    def token(self, page: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found, page[:500]
        return found[1]


def upload(desk: Desk, path: Path) -> str:
    """Send the file by its form; return the address of its columns."""
    address = "/admin/subscribers/subscriber/import/"
    _status, page = desk.get(address)
    edge = uuid.uuid4().hex
    fields = {"csrfmiddlewaretoken": desk.token(page), "consent": "signed up at our former service"}
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    heading = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    body = "".join(parts).encode() + heading.encode() + path.read_bytes() + f"\r\n--{edge}--\r\n".encode()
    return desk.post(address, body, f"multipart/form-data; boundary={edge}")


def choose(desk: Desk, address: str) -> str:
    """Take the columns as the page proposes them; return the address of the errand."""
    _status, page = desk.get(address)
    fields = {"csrfmiddlewaretoken": desk.token(page)}
    for name, options in re.findall(r'<select[^>]*name="(column-\d+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"\s+selected', options)
        assert chosen, options
        fields[name] = html.unescape(chosen[1])
    return desk.post(address, urlencode(fields).encode(), "application/x-www-form-urlencoded")


def begin(desk: Desk, pk: int) -> None:
    _status, page = desk.get(f"/admin/subscribers/subscriber/errands/{pk}/")
    body = urlencode({"csrfmiddlewaretoken": desk.token(page)}).encode()
    desk.post(f"/admin/subscribers/subscriber/errands/{pk}/import/", body, "application/x-www-form-urlencoded")


class Beside(threading.Thread):
    """Opens pages until `is_over`, and keeps how long each took."""

    def __init__(self, port: int, session: str, pk: int) -> None:
        super().__init__()
        self.desk, self.is_over = Desk(port, session), threading.Event()
        self.waits: dict[str, list[float]] = defaultdict(list)
        self.failures: list[tuple[str, int]] = []
        readers = "/admin/subscribers/subscriber/"
        errand = {"errand": f"{readers}errands/{pk}/", "errand, live part": f"{readers}errands/{pk}/moving/"}
        self.pages = {"today": "/admin/", "readers": readers, **errand, "posts": "/admin/posts/post/"}

    def run(self) -> None:
        while not self.is_over.is_set():
            for name, address in self.pages.items():
                began = time.perf_counter()
                status, _page = self.desk.get(address)
                self.waits[name].append(time.perf_counter() - began)
                self.failures += [(name, status)] * (status != 200)
                self.is_over.wait(PAUSE)

    def end(self) -> None:
        self.is_over.set()
        self.join()


def wait(made: Product, pk: int, state: str) -> tuple[dict[str, Any], list[tuple[float, int]]]:
    """Wait until the errand is in a state; return what it says, and its rows at each look."""
    began, looks = time.perf_counter(), list[tuple[float, int]]()
    while True:
        errand = made.shell(ERRAND.format(pk=pk))
        assert errand["state"] != "failed", errand
        looks.append((time.perf_counter() - began, errand["cursor"]))
        if errand["state"] == state:
            return errand, looks
        time.sleep(1)  # it is another process that works


def tell(name: str, rows: int, looks: list[tuple[float, int]]) -> None:
    """Say how fast it was, and how fast its first and last fifth: a part that grows with the file would show."""
    seconds = looks[-1][0]
    times = {part: next((at for at, done in looks if done >= rows * part / 5), seconds) for part in (1, 4)}
    fifths = f"first fifth {rows / 5 / times[1]:.0f}, last {rows / 5 / max(seconds - times[4], 0.001):.0f}"
    print(f"{name:8} {seconds:7.1f} s {rows / seconds:8.0f} rows/s   {fifths}", flush=True)


def play(options: argparse.Namespace, path: Path, expected: Expected, made: Product, databases: list[Postgres]) -> None:
    """Let the file be uploaded, tried and written; compare every count."""
    if not options.plain:
        with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(path, path.name)
        path = path.with_suffix(".zip")
    print(f"wizard: sent as {path.stat().st_size / 1e6:.1f} MB")
    made.shell(POSTS.format(posts=100))
    session = made.shell(OWNER)["session"]
    made.start()
    desk = Desk(made.port, session)
    before = _cpu(made, databases)

    began = time.perf_counter()
    columns = upload(desk, path)
    print(f"{'upload':8} {time.perf_counter() - began:7.1f} s")
    errand_page = choose(desk, columns)
    pk = int(errand_page.rstrip("/").rpartition("/")[2])
    beside = Beside(made.port, session, pk)
    beside.start()
    try:
        tried, looks = wait(made, pk, "tried")
        tell("trial", options.readers, looks)
        begin(Desk(made.port, session), pk)  # a kept connection is closed after a minute of silence
        done, looks = wait(made, pk, "done")
        tell("import", options.readers, looks)
    finally:
        beside.end()
    spent = [after - early for after, early in zip(_cpu(made, databases), before, strict=True)]
    print(f"CPU: worker {spent[0]:.0f} s, database {spent[1]:.0f} s; memory: {_memory(made)}")
    for name, waits in beside.waits.items():
        print(f"  {name:18} {median(waits) * 1000:6.0f} ms median, {max(waits) * 1000:6.0f} at most, of {len(waits)}")
    assert beside.failures == []
    for errand in (tried, done):
        assert errand["counts"]["rows"] == expected.rows, errand
        assert errand["counts"]["rejected"] == expected.rejected, errand
    print(f"{made.shell(READERS_NOW)} readers and lines of their record; {done['counts']}")


def _cpu(made: Product, databases: list[Postgres]) -> tuple[float, float]:
    return cpu_seconds([made.pid_of("worker")]), cpu_seconds(database(databases))


def _memory(made: Product) -> str:
    peaks = {pid: _peak_mb(pid) for pid in pids_with_variable("DATA_DIR", str(made.data))}
    worker = peaks.pop(made.pid_of("worker"))
    return f"worker {worker:.0f} MB, other processes at most {max(peaks.values()):.0f} MB"


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000
