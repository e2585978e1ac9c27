"""What an attack faces: an installation in processes of its own, with an SMTP server, a post, a picture and accounts.

Every client comes from an address of its own (127.0.0.0/8), as strangers do.
"""

import http.client
import re
import secrets
import socket
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.end_to_end import cpu_seconds
from tests.support.product import Product
from tests.support.redis import Redis
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

PASSWORD = "leverage-is-not-for-free-128"
PICTURE_BYTES = 9_000_000
FORM = "application/x-www-form-urlencoded"
SEED = """
from django.contrib.auth.models import User
from django.utils import timezone
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
Publication.objects.update_or_create(defaults={{"name": "A house", "language": "en", "hold_minutes": 0}})
if not User.objects.filter(username="gipi").exists():
    User.objects.create_superuser("gipi", "gipi@example.org", {password!r})
    for name in ("chief", "second"):
        User.objects.create_superuser(name, "", {password!r})
    User.objects.create_user("helper", "helper@example.org", {password!r}, is_staff=True)
post = Post.objects.create(title="Leverage", words="leverage", body="Prose. " * 300, published_at=timezone.now())
draft = Post.objects.create(title="A draft that is a secret", body="Not yet.")
answer = [post.get_absolute_url(), draft.pk]
"""


@dataclass
class Answer:
    """What came back. status 0: nothing but a closed connection."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def fields(self, action: str = "") -> dict[str, str]:
        """Return the hidden and typed fields of the form whose action contains `action`."""
        forms = re.findall(r"<form\b.*?</form>", self.text, re.DOTALL)
        form = next((form for form in forms if action in form.partition(">")[0]), "")
        inputs = re.findall(r"<input\b[^>]*>", form)
        pairs = [(_attribute(tag, "name"), _attribute(tag, "value")) for tag in inputs]
        return {name: value for name, value in pairs if name}


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


class Client:
    """Somebody on the other side: an IP address, and cookies if they keep them."""

    def __init__(self, world: "World", address: str = "127.0.0.1") -> None:
        self.world, self.address = world, address
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, data: Mapping[str, str] | bytes, *, kind: str = FORM, **headers: str) -> Answer:
        body = data if isinstance(data, bytes) else urlencode(data).encode()
        return self.send("POST", path, body, headers={"Content-Type": kind} | headers)

    def send(self, method: str, path: str, body: bytes | None = None, *, headers: Mapping[str, str]) -> Answer:
        begun = time.monotonic()
        own = {"Host": self.world.host} | ({"Cookie": self._cookie()} if self.cookies else {})
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.world.port, timeout=10, source_address=(self.address, 0)
        )
        try:
            connection.request(method, path, body, headers=own | dict(headers))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            return Answer(0, seconds=time.monotonic() - begun)
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _is, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(response.status, response.headers, content, time.monotonic() - begun)

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    @property
    def own_page(self) -> dict[str, str]:
        """The headers of a form that was sent from the site's own page."""
        return {"Referer": f"{self.world.url}/admin/", "Origin": self.world.url}

    def log_in(self, name: str, password: str = PASSWORD, **headers: str) -> Answer:
        """Try to enter the desk, as a browser does."""
        page = self.get("/admin/login/?next=/admin/")
        token = {"csrfmiddlewaretoken": self.cookies.get("csrftoken", "")}  # users who are logged in get no form
        form = token | page.fields() | {"username": name, "password": password}
        return self.post("/admin/login/?next=/admin/", form, **self.own_page, **headers)

    @property
    def is_in(self) -> bool:
        return self.get("/admin/").status == 200


class World:
    """The installation, its public address, and what can be seen of it from inside."""

    def __init__(
        self, product: Product, smtp: Smtp, *, port: int = 0, redis: Redis | None = None, is_short: bool = False
    ) -> None:
        self.product, self.smtp, self.redis, self.is_short = product, smtp, redis, is_short
        self.port = port or product.port
        self.url: str = product.env["SITE_URL"]
        self.host = urlsplit(self.url).netloc
        self._next = 0

    def start(self) -> None:
        self.product.start()
        self.seed()

    def seed(self) -> None:
        self.post_path, self.draft = self.product.shell(SEED.format(password=PASSWORD))
        folder = self.product.data / "media" / "0123456789abcdef"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "large.jpg").write_bytes(secrets.token_bytes(PICTURE_BYTES))
        (folder / "large.jpg").chmod(0o600)
        self.picture = "/media/0123456789abcdef/large.jpg"

    def assert_open(self) -> None:
        """Whoever attacks a closed house learns nothing: its readers' pages must be there.

        Raises AssertionError.
        """
        client = self.stranger()
        for path in ("/", "/subscribe/", self.post_path):
            assert (status := client.get(path).status) == HTTPStatus.OK, f"{path} answers {status}"

    def stranger(self) -> Client:
        """Return somebody new, from an address that nobody has come from."""
        self._next += 1
        third, fourth = divmod(self._next, 250)
        return Client(self, f"127.77.{third}.{fourth + 1}")

    # --- What others notice of an attack ---

    def median(self, tries: int = 20) -> float:
        """Return the median time in which another client gets /healthz and a post, in seconds."""
        client = self.stranger()
        times = []
        for _try in range(tries // 2):
            times += [client.get("/healthz").seconds, client.get(self.post_path).seconds]
        return statistics.median(times)

    def mails_to(self, *addresses: str) -> int:
        copies = self.smtp.copies()
        return sum(copies[address] for address in addresses)

    def mails_to_domain(self, domain: str) -> int:
        return sum(n for address, n in self.smtp.copies().items() if address.endswith(domain))

    def settle(self) -> None:
        """Wait until no sign-up waits for its mail, or is being answered."""
        waiting = (
            "from subscribers.models import Subscriber\n"
            "answer = Subscriber.objects.filter(confirmation_due_at__isnull=False).count()"
        )
        wait_until(lambda: self.product.shell(waiting) == 0, 90, every=1.0)

    def memory_mb(self) -> float:
        """Return what all processes hold, in MB."""
        return sum(_status(pid, "VmRSS") for pid in self.product.pids()) / 1024

    def peak_mb(self) -> float:
        """Return the highest that any process has held, in MB."""
        return max(_status(pid, "VmHWM") for pid in self.product.pids()) / 1024

    def cpu(self) -> float:
        return cpu_seconds(self.product.pids())

    def log(self) -> str:
        return self.product.output("up")

    @contextmanager
    def sockets(self, number: int, first: bytes, *, window: int = 0) -> Iterator[list[socket.socket]]:
        """Keep connections open that have sent `first` and say no more. window: bytes that each is ready to take."""
        made: list[socket.socket] = []
        try:
            for _n in range(number):
                one = socket.socket()
                if window:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
                one.settimeout(5)
                with suppress(OSError):  # refused, or hung up on: as good as held
                    one.connect(("127.0.0.1", self.port))
                    one.sendall(first)
                made.append(one)
            yield made
        finally:
            for one in made:
                one.close()


def _status(pid: int, name: str) -> int:
    with suppress(OSError):
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) if found else 0
    return 0


def manage(world: World, code: str) -> Any:
    return world.product.shell(code)


def files_of_everybody(folder: Path) -> list[str]:
    """Return the files and folders below `folder` that others than their owner may read."""
    return [
        str(path) for path in [folder, *folder.rglob("*")] if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]
