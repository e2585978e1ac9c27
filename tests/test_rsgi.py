"""Django behind granian, through the real server."""

import asyncio
import fcntl
import json
import os
import select
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from newsletter import rsgi
from newsletter.limits import body_size
from tests.support.echo_server import echo_server
from tests.support.processes import end
from tests.support.product import Product
from tests.support.sockets import connect, exchange, open_connections, read_all, request_head
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers
SILENT = 200
FORM, LENGTH = "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3"


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """Return the port of a server that shows what arrives (tests/support/echo_app.py)."""
    with echo_server(tmp_path_factory.mktemp("echo")) as (port, _process):
        yield port


def shown(port: int, sent: bytes) -> dict[str, str]:
    status, _, body = exchange(port, sent)
    assert status == 201
    return json.loads(body)


@pytest.mark.exhaustive
def test_to_look_for_the_listener_prolongs_nobodys_lock(tmp_path):
    """A worker waits for such a lock before it sends anything: a web server that never let it go stopped all mail."""
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        rsgi._drop_unread_connections()

    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.exhaustive
def test_to_look_for_the_listener_ends_no_lock_of_sqlite(tmp_path):
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("BEGIN EXCLUSIVE")
        rsgi._drop_unread_connections()

        code = f"import sqlite3; sqlite3.connect({str(tmp_path / 'db')!r}, timeout=0).execute('BEGIN EXCLUSIVE')"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "database is locked" in other.stderr


@pytest.mark.exhaustive
def test_the_listener_drops_clients_that_take_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        rsgi._drop_unread_connections()

        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


# --- What arrives ---


def test_a_request_arrives_as_the_environ_of_wsgi(echo):
    arrived = shown(
        echo, request_head("GET", "/p/%E7%AE%A1%2F?q=%E7%AE%A1&r=1", "Accept: text/html", "Cookie: a=1; b=2")
    )

    assert arrived["REQUEST_METHOD"] == "GET"
    assert arrived["PATH_INFO"].encode("latin-1").decode() == "/p/管/"
    assert arrived["QUERY_STRING"] == "q=%E7%AE%A1&r=1"
    assert (arrived["SERVER_NAME"], arrived["SERVER_PORT"]) == ("127.0.0.1", str(echo))
    assert arrived["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert arrived["REMOTE_ADDR"] == "127.0.0.1"
    assert (arrived["HTTP_HOST"], arrived["HTTP_ACCEPT"]) == ("localhost", "text/html")
    assert arrived["HTTP_COOKIE"] == "a=1; b=2"
    assert arrived["body"] == ""


def test_a_query_that_is_no_text_at_all_is_no_error_of_ours(site):
    with closing(socket.create_connection(("127.0.0.1", site.port), timeout=20)) as line:
        line.sendall(b"GET /search/?q=\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status = line.makefile("rb").readline().split()[1]

    assert status in {b"200", b"400"}


def test_a_body_in_chunks_arrives_whole_and_with_its_length(echo):
    chunked = b"5\r\nemail\r\n3\r\n=ab\r\n0\r\n\r\n"

    arrived = shown(echo, request_head("POST", "/", FORM, "Transfer-Encoding: chunked") + chunked)

    assert (arrived["body"], arrived["CONTENT_LENGTH"]) == ("email=ab", "8")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("told", "sent"),
    [("Content-Length: 50", b"email=halved"), ("Transfer-Encoding: chunked", b"c\r\nemail=halved\r\n")],
)
def test_a_client_that_goes_away_in_the_middle_of_a_form_has_sent_nothing(echo, told, sent):
    with connect(echo, request_head("POST", "/halved", FORM, told) + sent) as line:
        line.shutdown(socket.SHUT_WR)
        answer = read_all(line)

    assert answer[:12] in {b"", b"HTTP/1.1 400"}
    assert "/halved" not in json.loads(exchange(echo, request_head("GET", "/arrived"))[2])


def test_a_header_with_an_underscore_does_not_stand_for_another(echo):
    arrived = shown(echo, request_head("GET", "/", "X-Forwarded-For: 203.0.113.7", "X_Forwarded_For: 127.0.0.1"))

    assert arrived["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"


@pytest.mark.exhaustive
def test_a_header_that_cannot_be_read_is_not_taken_for_one_that_is_missing(echo):
    assert shown(echo, request_head("GET", "/", "Accept: \xff"))["HTTP_ACCEPT"] == "?"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
        (b"GET / HTTP/1.1\r\nX-Name: no host", 400),
        (b"GET / HTTP/1.1\r\nHost: \xff", 400),
        (b"get / HTTP/1.1\r\nHost: localhost", 405),
        (b"PROPFIND / HTTP/1.1\r\nHost: localhost", 405),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: \xff, 203.0.113.7", 400),
        (b"GET / HTTP/1.0", 201),
    ],
)
def test_a_request_whose_host_method_or_sender_cannot_be_told_is_refused(echo, sent, status):
    assert exchange(echo, sent + b"\r\nConnection: close\r\n\r\n")[0] == status


# --- What is answered ---


def test_status_and_headers_leave_as_they_are(echo):
    status, answer, _ = exchange(echo, request_head("GET", "/"))

    assert status == 201
    assert answer.count(b"set-cookie: ") == 2
    assert b"x-name: e\r\n" in answer


def fetched(port: int, path: str, method: str = "GET", **fields: str):
    """Return the answer to an ordinary client, and its body."""
    line = HTTPConnection("127.0.0.1", port, timeout=20)
    line.request(method, path, headers={"Host": "localhost"} | {key.replace("_", "-"): fields[key] for key in fields})
    answer = line.getresponse()
    body = answer.read()
    line.close()
    return answer, body


@pytest.mark.exhaustive
def test_a_large_file_arrives_whole(echo):
    assert fetched(echo, "/large")[1] == b"0123456789" * 100_000


@pytest.mark.exhaustive
def test_a_client_that_takes_nothing_is_dropped(echo):
    """After two seconds here, by the kernel."""
    fetched(echo, "/")  # the first request of a process sets the limit for those that connect later
    with connect(echo, request_head("GET", "/huge"), window_bytes=4096) as line:
        assert line.recv(1) == b"H"

        wait_until(lambda: not is_known(line))


def is_known(line: socket.socket) -> bool:
    """Return whether the server's side of a connection is there, without taking a byte from it (proc(5), net/tcp)."""
    client = f":{line.getsockname()[1]:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(client) and row[3] == "01" for row in rows)


@pytest.mark.exhaustive
def test_what_is_made_bit_by_bit_arrives_whole(echo):
    assert fetched(echo, "/stream")[1] == b"".join(b"%d\n" % number for number in range(200_000))


def test_requests_that_wait_for_something_do_not_keep_others_waiting(echo):
    """The answer for which they wait is given by the server that they keep busy."""
    with open_connections(12, echo, request_head("GET", "/wait")) as lines:
        assert exchange(echo, request_head("GET", "/go"))[0] == 201

        assert all(b"went" in read_all(line) for line in lines)


@pytest.mark.exhaustive
def test_a_server_that_is_busy_and_gets_on_says_that_it_lives(tmp_path):
    """Its threads would say so late, and whoever asks would end it for being busy."""
    with echo_server(tmp_path) as (port, _process), open_connections(40, port, request_head("GET", "/nap")) as naps:
        select.select(naps, [], [], 20)  # one has been taken, and the others are longer

        wait_until(lambda: answer_within(1, port, request_head("GET", "/healthz")).endswith(b"ok\n"), 7)
        assert not answer_within(0.3, port, request_head("POST", "/healthz", FORM, "Content-Length: 1") + b"a")


def answer_within(seconds: float, port: int, sent: bytes) -> bytes:
    with connect(port, sent) as line:
        line.settimeout(seconds)
        try:
            return read_all(line)
        except TimeoutError:
            return b""


@pytest.mark.exhaustive
def test_a_server_in_which_nothing_ends_does_not_say_so(tmp_path):
    with (
        echo_server(tmp_path) as (port, _process),
        open_connections(20, port, request_head("GET", "/hang")),
        connect(port, request_head("GET", "/healthz")) as line,
    ):
        line.settimeout(1)
        with pytest.raises(TimeoutError):
            line.recv(1)


def test_who_finds_no_thread_is_asked_to_come_again(tmp_path):
    with (
        echo_server(tmp_path) as (port, _process),
        open_connections(rsgi.VIEW_THREADS, port, request_head("GET", "/hang")),
    ):
        wait_until(lambda: not answer_within(0.3, port, request_head("GET", "/")))
        with (
            connect(port, request_head("GET", "/")) as page,
            connect(port, request_head("POST", "/", FORM, LENGTH) + b"a=b") as form,
        ):
            answers = [read_all(page), read_all(form)]

    assert [answer.split(b" ")[1] for answer in answers] == [b"503"] * 2
    assert all(b"\r\nretry-after: 120\r\n" in answer for answer in answers)


# --- Django behind it ---


@pytest.fixture(scope="module")
def site(tmp_path_factory, migrated_sqlite, collected_static):
    """A running web server of an installation with a post and a picture of 9 MB."""
    made = Product(tmp_path_factory.mktemp("site"))
    made.env["STATIC_ROOT"] = str(collected_static)
    made.begin_with(migrated_sqlite)
    made.post, made.session = made.shell(MADE)
    picture = made.data / "media" / "abc" / "picture.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(os.urandom(9_000_000))
    made.serve_web()
    yield made
    made.kill()


MADE = """
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from newsletter.posts.models import Post

post = Post.objects.create(title="Levers", body="Text.", published_at=timezone.now())
client = Client()
client.force_login(get_user_model().objects.create_superuser("author"))
answer = [post.get_absolute_url(), client.session.session_key]
"""


def seconds_for(site: Product, path: str, *, tries: int = 20) -> float:
    """Return the median of the seconds that another client waits for a page."""
    times = []
    for _ in range(tries):
        began = time.perf_counter()
        assert fetched(site.port, path)[0].status == 200
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def assert_others_get_on(site: Product) -> None:
    assert seconds_for(site, "/healthz") < 1
    assert seconds_for(site, site.post) < 1


def test_clients_that_send_half_a_head_keep_nobody_waiting(site):
    with open_connections(SILENT, site.port, b"POST /subscribe/ HTTP/1.1\r\nHost: local"):
        assert_others_get_on(site)


@pytest.mark.exhaustive
def test_clients_that_send_half_a_body_keep_nobody_waiting(site):
    with open_connections(
        SILENT, site.port, request_head("POST", "/subscribe/", FORM, "Content-Length: 1000") + b"email=a"
    ):
        assert_others_get_on(site)


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/posts/post/add/"])
def test_nor_do_those_who_announce_a_picture_to_the_desk(site, path):
    with open_connections(SILENT, site.port, request_head("POST", path, FORM, "Content-Length: 9000000") + b"a" * 1000):
        assert_others_get_on(site)


@pytest.mark.exhaustive
def test_clients_that_read_a_picture_slowly_keep_nobody_waiting(site):
    with open_connections(SILENT, site.port, request_head("GET", "/media/abc/picture.png"), window_bytes=4096) as lines:
        assert all(line.recv(1) == b"H" for line in lines)
        assert_others_get_on(site)


async def chunks(size: int):
    for _ in range(size // 65_536):
        yield b"a" * 65_536
    yield b""


@pytest.mark.exhaustive
@pytest.mark.parametrize(("size", "is_on_disk"), [(body_size.DESK_BYTES, False), (2 * body_size.DESK_BYTES, True)])
def test_a_list_of_readers_arrives_whole_and_a_large_one_outside_the_memory(size, is_on_disk):
    # In a thread of its own: a browser of another test may have left a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        told, body = pool.submit(lambda: asyncio.run(rsgi._received(chunks(size), body_size.IMPORT_BYTES))).result()

    with body:
        assert told == size
        assert body.read() == b"a" * size
        assert body._rolled is is_on_disk


# --- Bodies that are too large ---


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", ["/subscribe/", "/unsubscribe/x/", "/admin/login/", "/healthz"])
def test_a_large_body_is_refused(site, path):
    sent = b"a" * (body_size.PUBLIC_BYTES + 1)

    status, _, body = exchange(site.port, request_head("POST", path, FORM, f"Content-Length: {len(sent)}") + sent)

    assert status == 413
    assert "內容太多".encode() in body


def test_a_large_body_in_chunks_is_refused(site):
    chunked = b"".join(b"%x\r\n%s\r\n" % (4096, b"a" * 4096) for _ in range(5)) + b"0\r\n\r\n"

    assert (
        exchange(site.port, request_head("POST", "/subscribe/", FORM, "Transfer-Encoding: chunked") + chunked)[0] == 413
    )


@pytest.mark.exhaustive
def test_a_body_without_an_end_is_refused_before_it_ends(site):
    """Not one byte more than the desk's limit is taken, and none of it is kept."""
    with connect(site.port, request_head("POST", "/subscribe/", FORM, "Transfer-Encoding: chunked")) as line:
        sender = Thread(target=send_without_end, args=(line,))
        sender.start()
        answer = line.recv(100)
        sender.join()

    assert answer.startswith(b"HTTP/1.1 413 ")


def send_without_end(line) -> None:
    chunk = b"%x\r\n%s\r\n" % (65_536, b"a" * 65_536)
    for _ in range(body_size.DESK_BYTES // 65_536 + 1):
        line.sendall(chunk)


def test_only_who_is_logged_in_sends_a_large_form_to_the_desk(site):
    sent = b"a=" + b"a" * 200_000
    fields = (FORM, f"Content-Length: {len(sent)}")

    stranger = exchange(site.port, request_head("POST", "/admin/", *fields, "Cookie: sessionid=invented") + sent)
    author = exchange(site.port, request_head("POST", "/admin/", *fields, f"Cookie: sessionid={site.session}") + sent)

    assert stranger[0] == 413
    assert author[0] == 403  # the form has no token against forgery
    assert b"12 MB" in stranger[2]


# --- Files ---


def test_a_picture_arrives_whole_and_may_be_kept_for_ever(site):
    answer, body = fetched(site.port, "/media/abc/picture.png")

    assert body == (site.data / "media" / "abc" / "picture.png").read_bytes()
    assert answer.headers["Content-Length"] == "9000000"
    assert answer.headers["Content-Type"] == "image/png"
    assert "immutable" in answer.headers["Cache-Control"]


def static(site: Product) -> tuple[str, bytes]:
    script = next(Path(site.env["STATIC_ROOT"]).glob("site.*.js"))
    return f"/static/{script.name}", script.read_bytes()


@pytest.mark.exhaustive
def test_a_static_file_arrives_as_it_is_and_compressed(site):
    path, script = static(site)

    plain, body = fetched(site.port, path)
    packed, _ = fetched(site.port, path, Accept_Encoding="br")

    assert body == script
    assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, "br")
    assert plain.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_an_unchanged_page_is_not_sent_again(site):
    known = fetched(site.port, site.post)[0].headers["ETag"]

    answer, body = fetched(site.port, site.post, If_None_Match=known)

    assert (answer.status, body) == (304, b"")


# --- The process ---


@pytest.mark.exhaustive
def test_the_server_stops_in_five_seconds_whoever_is_connected(tmp_path):
    with echo_server(tmp_path) as (port, process):
        shown(port, request_head("GET", "/"))
        with (
            open_connections(20, port, request_head("POST", "/", FORM, "Content-Length: 1000")),
            open_connections(5, port, b""),
        ):
            began = time.monotonic()

            code = end(process)

    assert code == 0
    assert time.monotonic() - began < 5


def test_the_server_stops_at_once_when_nobody_waits_for_an_answer(tmp_path):
    with echo_server(tmp_path) as (port, process):
        line = HTTPConnection("127.0.0.1", port, timeout=20)
        line.request("GET", "/")
        line.getresponse().read()
        began = time.monotonic()

        code = end(process)
        line.close()

    assert code == 0
    assert time.monotonic() - began < 2.5
