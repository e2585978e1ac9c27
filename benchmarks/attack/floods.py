"""Attacks on the machine: what freezes, fills or empties it."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from benchmarks.attack.verdict import Outcome, held
from benchmarks.attack.world import FORM, Client, World

MARKS = "\u0315" * 25_000 + "\u0316" * 25_000  # NFC sorts such a run in quadratic time
SHORT_MARKS = "\u0315" * 2_000 + "\u0316" * 2_000  # below 16 KB


def _while_running[T](world: World, act: Callable[[], T]) -> tuple[T, float]:
    """Return what `act` returns, and the longest that /healthz took meanwhile, in seconds."""
    longest = 0.0
    client = world.stranger()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(act)
        while not running.done():
            longest = max(longest, client.get("/healthz").seconds)
            time.sleep(0.02)
    return running.result(), longest


def combining_marks(world: World) -> Outcome:
    """A run of combining marks, which normalising sorts in quadratic time, as address, name and search words."""

    def act() -> list[int]:
        client = world.stranger()
        long = [client.post("/subscribe/", {"email": f"a{MARKS}@example.org"}).status]
        doors: list[tuple[str, dict[str, str]]] = [
            ("/subscribe/", {"email": f"a{SHORT_MARKS}@example.org"}),
            (
                "/subscribe/",
                {"email": "a@example.org", "place": SHORT_MARKS, "stamp": SHORT_MARKS, "person": SHORT_MARKS},
            ),
            ("/unsubscribe/1abc/", {"List-Unsubscribe": SHORT_MARKS}),
        ]
        for path, form in doors:
            client.post(path, form)
        for path in ("/search/?q=", "/preferences/", "/tags/", "/p/1-"):
            client.get(path + "a" + "%CC%95" * 1200 + "%CC%96" * 1200)
        return long

    statuses, longest = _while_running(world, act)
    return held(statuses == [413] and longest < 1, f"100 KB answered {statuses[0]}, /healthz at most {longest:.2f} s")


def silent_connections(world: World) -> Outcome:
    """Connections that send half a head or half a body and fall silent."""
    number = 200
    head = f"POST /subscribe/ HTTP/1.1\r\nHost: {world.host}\r\n".encode()
    half = head + f"Content-Type: {FORM}\r\nContent-Length: 1000\r\n\r\nemail=".encode()
    with world.sockets(number // 2, half), world.sockets(number // 2, head):
        median = world.median()
    return held(median < 1, f"{number} connections, others wait {median * 1000:.0f} ms")


def slow_readers(world: World) -> Outcome:
    """Connections that ask for a picture of 9 MB and read one byte a second."""
    number = 200
    request = f"GET {world.picture} HTTP/1.1\r\nHost: {world.host}\r\nX-Forwarded-Proto: https\r\n\r\n".encode()
    with world.sockets(number, request, window=1024) as sockets:
        for one in sockets:
            with suppress(OSError):
                one.recv(1)
        median = world.median()
        memory = world.memory_mb()
    return held(
        median < 1, f"{number} connections, others wait {median * 1000:.0f} ms, {memory:.0f} MB in all processes"
    )


def large_bodies(world: World) -> Outcome:
    """A file of 300 MB, and forms of 11 MB at once, to doors that are public."""
    before = world.memory_mb()
    file = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"a" * 20_000_000
    kind = "multipart/form-data; boundary=x"
    answers = [world.stranger().post(path, file, kind=kind) for path in ("/subscribe/", "/unsubscribe/1abc/")]
    forms = 10 if world.is_short else 60

    def one(_n: int) -> int:
        return world.stranger().post("/subscribe/", b"email=" + b"a" * 11_000_000).status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(one, range(forms)))
    grown = world.memory_mb() - before
    refused = {answer.status for answer in answers} | set(statuses)
    return held(refused <= {413, 0} and grown < 100, f"answered {sorted(refused)}, {grown:.0f} MB more memory")


def endless_body(world: World) -> Outcome:
    """A body in pieces that does not say how long it will be."""
    head = (
        f"POST /subscribe/ HTTP/1.1\r\nHost: {world.host}\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    sent = 0
    with world.sockets(1, head.encode()) as [one]:
        with suppress(OSError):
            for _n in range(400):
                one.sendall(piece)
                sent += len(piece)
        with suppress(OSError):
            one.settimeout(3)
            output = one.recv(200)
            is_refused = output[9:12] in {b"413", b"502"}  # Caddy 2.6 says 502 at its own limit
            return held(is_refused, f"{sent / 1e6:.1f} MB taken, then {output[9:12].decode(errors='replace')}")
    return held(sent < 20_000_000, f"{sent / 1e6:.1f} MB taken, then closed")


def kept_pages(world: World) -> Outcome:
    """The same page under thousands of addresses."""
    number = 300 if world.is_short else 3000
    before = world.memory_mb()
    client = world.stranger()
    for n in range(number):
        client.get(f"/feed.json?q={n}")
    grown = world.memory_mb() - before
    return held(grown < 30, f"{number} addresses, {grown:.0f} MB more memory")


def icons(world: World) -> Outcome:
    """An icon under many addresses, each of which had it drawn anew."""
    number = 30 if world.is_short else 100
    client = world.stranger()
    client.get("/icon-512.png")
    before = world.cpu()
    for n in range(number):
        client.get(f"/icon-512.png?q={n}")
    spent = (world.cpu() - before) / number
    return held(spent < 0.02, f"{spent * 1000:.1f} ms of CPU each")


def hung_web(world: World) -> Outcome:
    """The web server answers nothing any more, though its process lives."""
    granian = [pid for pid in world.product.pids() if _listens(pid, world.product.port)]
    for pid in granian:
        os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    client = Client(world)
    while time.monotonic() - begun < 60:
        if client.get("/healthz").status == 200:
            break
        time.sleep(0.5)
    seconds = time.monotonic() - begun
    return held(seconds < 45, f"answers again after {seconds:.0f} s")


def _listens(pid: int, port: int) -> bool:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return str(port).encode() in words and b"manage.py" not in words
    return False


def full_redis(world: World) -> Outcome:
    """Redis is full and refuses what is new: pages go on, and so do the limits of sign-up and login."""
    assert world.redis
    world.redis.fill()
    try:
        client, guesser = world.stranger(), world.stranger()
        page = client.get(world.post_path)
        asked = ["data-sum" in client.post("/subscribe/", {"email": f"n{n}@full.example.org"}).text for n in range(60)]
        refused = [guesser.log_in("full", f"wrong-{n}").status == HTTPStatus.TOO_MANY_REQUESTS for n in range(25)]
    finally:
        world.redis.mend()
    good = page.status == HTTPStatus.OK and any(asked) and any(refused)
    return held(good, f"page {page.status}, proof asked: {any(asked)}, login refused: {any(refused)}")
