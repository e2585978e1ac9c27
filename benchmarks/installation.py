"""A throw-away installation to measure in: a folder, a database and an SMTP server of its own."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.postgres import Postgres
from tests.support.product import Product
from tests.support.redis import Redis

ROOT = Path(__file__).resolve().parent.parent
SINK = ROOT / "tests" / "support" / "sink.py"
PARAGRAPH = (
    "管理者最常犯的錯，是把時間花在**看得見的事**上：會議、報表與訊息，而不是真正決定成果的那一兩件事。"
    "每天早上先問自己：[如果今天只能做一件事](https://news.example.org/p/1/)，會是哪一件？然後先做那一件。"
)
PARAGRAPHS = 23  # make a message of about 41 KB


@contextmanager
def scratch(**variables: str) -> Iterator[Path]:
    """Set Django up on SQLite in a folder that ends with it; yield the folder. Once a process.

    variables: of the environment, such as SITE_URL; the others are as they are, but for the database, queue and secret.
    """
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        os.environ[name] = ""
    os.environ.pop("SEND_RATE", None)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "newsletter.settings", "DATA_DIR": str(folder / "data")} | variables
    try:
        _set_up()
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def installation() -> Iterator[Path]:
    """Set Django up as `scratch` does, with an SMTP server on a free port; yield the server's folder."""
    port = free_port()
    own = {"SITE_URL": "https://news.example.org", "MAIL_URL": f"smtp://127.0.0.1:{port}", "BULK_MAIL_URL": ""}
    with scratch(**own) as folder:
        (folder / "sink").mkdir()
        sink = subprocess.Popen([sys.executable, str(SINK), str(folder / "sink"), str(port)])
        try:
            wait_for(port)
            yield folder / "sink"
        finally:
            sink.kill()
            sink.wait()


@contextmanager
def product(engine: str, folder: Path, **of_product: str) -> Iterator[tuple[Product, list[Postgres]]]:
    """Yield a product whose database is migrated and nothing of which runs, and its database server if it has one.

    engine: "sqlite", or "servers" for PostgreSQL (fsync on) and Redis; of_product: such as mail_url.
    """
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        databases: list[Postgres] = []
        if engine == "servers":
            redis, postgres = Redis(), Postgres(fsync=True)
            for server in (redis, postgres):
                stack.callback(server.stop)
                server.start()
            urls = {"database_url": postgres.new_database(), "redis_url": redis.url}
            databases = [postgres]
        made = Product(folder / "product", **urls, **of_product)
        stack.callback(made.kill)
        made.migrate()
        yield made, databases


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # until another process listens
    raise TimeoutError(f"no SMTP server on port {port}")


def _set_up() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def machine() -> str:
    """Return in one line what the numbers were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    models = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    name = models[0].partition(": ")[2] if models else "unknown processor"
    return f"{os.cpu_count()} x {name}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}"
