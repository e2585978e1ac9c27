"""Does a version of before upgrade in place, with a mailing half sent? On SQLite and on PostgreSQL.

    uv run --dev python -m benchmarks.upgrade COMMIT [COMMIT ...] [--engine sqlite|postgres] [--how kill|stop]

Each commit is checked out in a folder of its own with the packages of its own lock file. It makes a database with its
sample newsletter and --readers more, and begins to send an issue. At a third it is killed, all processes at once, or
asked to stop; then the version of this folder starts on the same data. Fails unless the mailing ends by itself, every
reader has one copy, and no more copies are uncertain than a kill may leave open. Needs git, and the packages at hand.
With --freeze FOLDER the data of the killed version is kept there instead, as tests/flows/releases has it.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installation import ROOT, free_port, machine
from tests.support.postgres import Postgres
from tests.support.processes import end, is_listening, kill, pids_with_variable, start, wait_for_port
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

NUMBER = 6  # of the issue that the sample newsletter has composed and not sent
CONNECTIONS = 128  # that a lane opens at the most; each may leave one message without an answer
LEFT_OUT = {"static", "media", "outbox", "metrics", "heartbeats", "site_url", "beat-schedule"}  # of what is frozen
READERS = """
from subscribers.models import Subscriber

fields = [field for field in Subscriber._meta.local_concrete_fields if not field.primary_key]
made = Subscriber.objects.order_by("pk").filter(state="active").first()
values = {field.attname: getattr(made, field.attname) for field in fields}
own = [name for name in ("address_hash", "token_salt") if name in values]
Subscriber.objects.bulk_create(
    Subscriber(**values | {name: f"reader{i}" for name in own} | {"email": f"reader{i}@example.org"})
    for i in range(%d)
)
"""


@dataclass(frozen=True)
class Version:
    """A folder with the product in it, and the Python that has its packages."""

    tree: Path
    python: Path
    env: dict[str, str]

    def manage(self, *words: str) -> str:
        """Run a command to its end and return what it printed. Raises SystemExit, with its words, when it fails."""
        command = [str(self.python), "manage.py", *words]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, cwd=self.tree, env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{self.tree}: manage.py {' '.join(words)[:80]}\n{done.stdout}{done.stderr}")
        return done.stdout

    def up(self, port: int, log: Path) -> "subprocess.Popen[bytes]":
        """Start all of it by the one command, and wait until the site answers."""
        command = [str(self.python), "manage.py", "up", "--host", "127.0.0.1", "--port", str(port)]
        process = start(command, log=log, cwd=self.tree, env=self.env)
        wait_for_port(port, process, log=log, seconds=120)
        return process

    def status(self) -> dict[str, int | str]:
        found: dict[str, int | str] = json.loads(self.manage("mailing_status", str(NUMBER), "--json").splitlines()[-1])
        return found


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """Yield a folder with `commit` in it and its packages in `.venv`; it ends with the context."""
    tree = folder / "before"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True)
    try:
        own = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        asked = ["uv", "sync", "--quiet", "--frozen", "--all-groups", "--python", sys.executable]
        subprocess.run(asked, cwd=tree, env=own | {"UV_PROJECT_ENVIRONMENT": str(tree / ".venv")}, check=True)
        yield tree
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def play(commit: str, engine: str, how: str, readers: int) -> str:
    """Send a third by the version of before, the rest by this one; return what is wrong, "" if nothing."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsletter-upgrade-")))
        folder.chmod(0o755)
        (folder / "smtp").mkdir()
        smtp = Smtp(folder / "smtp", reply_seconds=0.002)
        smtp.start()
        stack.callback(smtp.stop)
        database = Postgres() if engine == "postgres" else None
        if database:
            stack.callback(database.stop)
            database.start()
        port = free_port()
        own = {
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": database.new_database() if database else "",
            "MAIL_URL": smtp.url,
            "SITE_URL": f"http://127.0.0.1:{port}",
        }
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | own
        tree = stack.enter_context(checked_out(commit, folder))
        before = Version(tree, tree / ".venv" / "bin" / "python", env)
        _send_a_third(before, smtp, port, how, readers)
        accepted = len(smtp.received())
        smtp.let_go()
        now = Version(ROOT, Path(sys.executable), env)
        process = now.up(port, folder / "now")
        stack.callback(end, process)
        wait_until(lambda: now.status()["status"] == "sent", 120, what=lambda: f"the mailing's end: {now.status()}")
        return _wrong(smtp, now.status(), accepted, readers, how)


def freeze(commit: str, readers: int, to: Path) -> Path:
    """Keep what a version of before leaves when it is killed at a third, for tests/flows/test_upgrade.py."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsletter-upgrade-")))
        (folder / "smtp").mkdir()
        smtp = Smtp(folder / "smtp", reply_seconds=0.002)
        smtp.start()
        stack.callback(smtp.stop)
        port, data = free_port(), folder / "data"
        own = {"DATA_DIR": str(data), "MAIL_URL": smtp.url, "SITE_URL": f"http://127.0.0.1:{port}"}
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | own
        tree = stack.enter_context(checked_out(commit, folder))
        version = Version(tree, tree / ".venv" / "bin" / "python", env)
        _send_a_third(version, smtp, port, "kill", readers)
        (data / "accepted").write_text("".join(f"{address}\n" for address in sorted(smtp.copies().elements())))
        with closing(sqlite3.connect(data / "newsletter.sqlite3")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("VACUUM")
        file = to / f"{commit}.tar.xz"
        with tarfile.open(file, "w:xz", preset=9) as archive:
            archive.add(data, "data", filter=lambda one: None if Path(one.name).name in LEFT_OUT else one)
        return file


def _send_a_third(version: Version, smtp: Smtp, port: int, how: str, readers: int) -> None:
    version.manage("migrate", "-v", "0")
    version.manage("demo")
    version.manage("shell", "-c", READERS % readers)
    process = version.up(port, smtp.folder.parent / "before.log")
    smtp.hold_at(readers // 3)
    version.manage("send_issue", str(NUMBER), "--no-hold")
    wait_until(lambda: len(smtp.received()) >= readers // 3, 120, what="a third of the copies")
    if how == "stop":
        smtp.let_go()
        end(process)
    else:
        kill(process)
        for pid in pids_with_variable("DATA_DIR", version.env["DATA_DIR"]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_listening(port), what="the end of the web server")


def _wrong(smtp: Smtp, status: dict[str, int | str], accepted: int, readers: int, how: str) -> str:
    copies = {address: count for address, count in smtp.copies().items() if address.endswith("@example.org")}
    twice, none = sum(count > 1 for count in copies.values()), readers - len(copies)
    uncertain, most = int(status["uncertain"]), CONNECTIONS if how == "kill" else 0
    print(f"  {accepted} of {readers} before, {status}; {twice} twice, {none} without one", flush=True)
    if twice or none or status["sent"] != int(status["total"]) - uncertain or uncertain > most:
        return f"{twice} readers have two copies, {none} none, {uncertain} are uncertain"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="+", metavar="COMMIT")
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--how", choices=["kill", "stop", "both"], default="both")
    parser.add_argument("--readers", type=int, default=3000)
    parser.add_argument("--freeze", type=Path, metavar="FOLDER", help="keep there what each commit leaves; no upgrade")
    options = parser.parse_args()
    print(machine())
    if options.freeze:
        for commit in options.commits:
            print(freeze(commit, options.readers, options.freeze))
        return
    failures = []
    for commit in options.commits:
        for engine in ["sqlite", "postgres"] if options.engine == "both" else [options.engine]:
            for how in ["kill", "stop"] if options.how == "both" else [options.how]:
                print(f"{commit}, {engine}, {how}", flush=True)
                if wrong := play(commit, engine, how, options.readers):
                    failures.append(f"{commit}, {engine}, {how}: {wrong}")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    shutil.which("git") or sys.exit("git is missing")
    main()
