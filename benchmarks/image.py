"""The container's image, really built and run: its size, its memory at rest, and a mailing that goes through it.

    uv run --dev python -m benchmarks.image FOLDER [--driver overlay|vfs] [--readers 300] [--servers]

On Debian, as root, with `apt-get install --no-install-recommends buildah crun debootstrap netavark podman`; no
registry is asked. FOLDER keeps Debian's base and the layers for the next run; what was built from another state is
built anew. The base is debootstrap's, without documents and translations, as debian:13-slim is. Behind a proxy with a
certificate of its own, SSL_CERT_FILE names it.

The container has what compose.yaml gives it: a file system that cannot be written to, no capability, no way to more of
them, and a user without a name. `up` runs in one container on SQLite; with --servers, web server, worker and clock
have one each, which share /data, on a PostgreSQL and a Redis beside them. Then readers are imported, an issue is sent
to an SMTP server of ours, and each must have got it once. Memory is PSS: what several processes share counts once.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installation import ROOT, SINK, free_port, machine, wait_for
from tests.support.postgres import Postgres
from tests.support.redis import Redis

BASE, IMAGE = "docker.io/library/debian:13-slim", "localhost/newsletter"
# What Debian's own slim image leaves out.
OMITTED = ("./usr/share/doc/", "./usr/share/info/", "./usr/share/locale/", "./usr/share/man/", "./var/cache/apt/")
OMITTED += ("./var/lib/apt/lists/", "./etc/resolv.conf")
# As in compose.yaml. The network is the machine's, because a test machine may have no bridge.
CONFINED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp", "--network=host")
# crun wants cgroups of version 2 alone; in a mount namespace of their own they can be had on every kernel.
WITH_CGROUPS = 'umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"'
LIMITS = ("--ulimit=nofile=20000:20000", "--ulimit=nproc=96365:96365")
READY_SECONDS, QUIET_SECONDS = 120, 45
BYTES_MAX = 250e6


@dataclass(frozen=True)
class Engine:
    """buildah and podman on layers in a folder of ours."""

    folder: Path
    driver: str

    @property
    def store(self) -> list[str]:
        return [f"--root={self.folder}/layers", f"--runroot={self.folder}/run", f"--storage-driver={self.driver}"]

    def buildah(self, *words: str, show: bool = False) -> str:
        return said(["buildah", *self.store, *words], show=show)

    def podman(self, *words: str) -> str:
        own = ["podman", *self.store, "--cgroup-manager=cgroupfs", *words]
        return said(["unshare", "-m", "--propagation=private", "sh", "-c", WITH_CGROUPS, "sh", *own])


def said(command: list[str], *, show: bool = False) -> str:
    done = subprocess.run(
        command, cwd=ROOT, stdout=None if show else subprocess.PIPE, stderr=None, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[-6:])} failed with {done.returncode}: {done.stdout or ''}")
    return (done.stdout or "").strip()


# --- Building ---


def make_base(engine: Engine) -> None:
    """Make a base like debian:13-slim, unless there is one."""
    if BASE in engine.buildah("images", "--format={{.Name}}:{{.Tag}}").split():
        return
    root, archive = engine.folder / "debian", engine.folder / "debian.tar"
    said(["debootstrap", "--variant=minbase", "trixie", str(root)], show=True)
    with tarfile.open(archive, "w") as tar:
        tar.add(root, ".", filter=lambda member: None if f"{member.name}/".startswith(OMITTED) else member)
    shutil.rmtree(root)
    (engine.folder / "Dockerfile").write_text("FROM scratch\nADD debian.tar /\n")
    engine.buildah("build", "--isolation=chroot", f"--tag={BASE}", str(engine.folder), show=True)
    archive.unlink()


def build(engine: Engine) -> int:
    """Build the image; return its size in bytes."""
    options = ["--isolation=chroot", "--format=docker", "--jobs=1", "--layers", *LIMITS]
    if certificates := os.environ.get("SSL_CERT_FILE"):
        options += ["--build-arg=SSL_CERT_FILE=/run/certificates", f"--volume={certificates}:/run/certificates:ro"]
    engine.buildah("build", *options, f"--tag={IMAGE}", str(ROOT), show=True)
    return int(json.loads(engine.podman("image", "inspect", IMAGE))[0]["Size"])


# --- Running ---


@dataclass
class Installation:
    """Containers that share a folder for /data."""

    engine: Engine
    data: Path
    port: int
    variables: dict[str, str]
    names: list[str]

    def start(self, only: str = "") -> None:
        name = f"newsletter-{only or 'all'}-{self.port}"
        variables = [f"--env={name}={value}" for name, value in self.variables.items()]
        options = ["--detach", f"--name={name}", f"--hostname={name}", "--cgroups=disabled", *CONFINED]
        command = ["up", "--host=127.0.0.1", f"--port={self.port}", *([f"--only={only}"] if only else [])]
        self.names.append(name)
        self.engine.podman("run", *options, f"--volume={self.data}:/data", *variables, IMAGE, *command)

    def manage(self, *words: str) -> str:
        return self.engine.podman("exec", self.names[0], "python", "manage.py", *words)

    def wait_until_healthy(self) -> list[str]:
        """Return what each container's health check says once all are well."""
        until = time.monotonic() + READY_SECONDS
        while True:
            answers = [self._health(name) for name in self.names]
            if all(code == 0 for code, _answer in answers):
                return [answer.replace("\n", ", ") for _code, answer in answers]
            if time.monotonic() > until:
                raise SystemExit("\n".join([str(answers), *(self.engine.podman("logs", name) for name in self.names)]))
            time.sleep(1)  # each look runs a program in every container

    def _health(self, name: str) -> tuple[int, str]:
        image = json.loads(self.engine.buildah("inspect", "--type=image", IMAGE))
        healthcheck = image["Docker"]["config"]["Healthcheck"]["Test"][1:]
        code = "import subprocess, sys; d = subprocess.run(sys.argv[1:], capture_output=True, text=True)"
        code += "; print(d.returncode, d.stdout.strip())"
        number, _, answer = self.engine.podman("exec", name, "python", "-c", code, *healthcheck).partition(" ")
        return int(number), answer

    def memory(self) -> dict[str, int]:
        """Return the PSS in bytes of every process in the containers, by pid and first words of its command."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                if {b"DATA_DIR=/data", f"SITE_URL={self.variables['SITE_URL']}".encode()} <= set(environment):
                    words = (folder / "cmdline").read_text().replace("\0", " ").split()
                    lines = dict(line.split(":", 1) for line in (folder / "smaps_rollup").read_text().splitlines()[1:])
                    found[f"{folder.name} {' '.join(words[1:5])}"] = int(lines["Pss"].split()[0]) * 1024
            except OSError:
                continue  # it ended meanwhile
        return found

    def stop(self) -> None:
        for name in self.names:
            self.engine.podman("rm", "--force", "--time=12", name)


@contextmanager
def installation(engine: Engine, mail_port: int, urls: dict[str, str]) -> Iterator[Installation]:
    data = engine.folder / f"data-{os.getpid()}-{len(urls)}"
    data.mkdir(mode=0o700)
    os.chown(data, 10001, 10001)
    port = free_port()
    variables = {"MAIL_URL": f"smtp://127.0.0.1:{mail_port}", "SITE_URL": f"http://127.0.0.1:{port}"}
    empty = dict.fromkeys(("SEND_RATE", "DEBUG", "TRUSTED_PROXIES", "BULK_MAIL_URL"), "")  # as Compose hands them over
    made = Installation(engine, data, port, empty | variables | urls, [])
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(data)


def mail_an_issue(made: Installation, sink: Path, readers: int) -> float:
    """Send an issue of the sample publication; return the seconds. Ends the program unless each got it once."""
    made.manage("demo")
    addresses = [f"reader{number}@example.org" for number in range(readers)]
    file = made.data / "readers.csv"
    file.write_text("email,state\n" + "".join(f"{address},active\n" for address in addresses))
    os.chown(file, 10001, 10001)
    made.manage("import_subscribers", "/data/readers.csv")
    began = time.monotonic()
    made.manage("send_issue", "--wait", "--no-hold")
    seconds = time.monotonic() - began
    copies = Counter(json.loads(line)["rcpt"] for line in (sink / "log").read_text().splitlines())
    wrong = [address for address in addresses if copies[address] != 1]
    if wrong:
        raise SystemExit(f"{len(wrong)} readers did not get the issue once, such as {wrong[0]}: {copies[wrong[0]]}")
    return seconds


def run(engine: Engine, readers: int, *, servers: bool) -> None:
    with ExitStack() as stack:
        sink, port = engine.folder / f"sink-{os.getpid()}-{servers}", free_port()
        sink.mkdir()
        process = subprocess.Popen([sys.executable, str(SINK), str(sink), str(port)])
        stack.callback(lambda: (process.kill(), process.wait(), shutil.rmtree(sink)))
        wait_for(port)
        urls: dict[str, str] = {}
        if servers:
            redis, postgres = Redis(), Postgres()
            for server in (redis, postgres):
                stack.callback(server.stop)
                server.start()
            urls = {"DATABASE_URL": postgres.new_database(), "REDIS_URL": redis.url}
        made = stack.enter_context(installation(engine, port, urls))
        for only in ("web", "worker", "clock") if servers else ("",):
            made.start(only)
        print("; ".join(made.wait_until_healthy()))
        time.sleep(QUIET_SECONDS)  # until nothing of the start is left
        memory = made.memory()
        for name, size in memory.items():
            print(f"  {size / 1e6:6.1f} MB  {name}")
        print(f"at rest {sum(memory.values()) / 1e6:.0f} MB in {len(memory)} processes")
        seconds = mail_an_issue(made, sink, readers)
        print(
            f"{readers} readers got the issue once each, {seconds:.1f} s after the command; {made.manage('healthy')!r}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--driver", default="overlay", choices=["overlay", "vfs"])
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument("--servers", action="store_true", help="three containers, PostgreSQL and Redis")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    engine = Engine(given.folder.resolve(), given.driver)
    print(machine())
    make_base(engine)
    size = build(engine)
    print(f"image {size / 1e6:.0f} MB")
    if size >= BYTES_MAX:
        raise SystemExit("That is more than 250 MB.")
    run(engine, given.readers, servers=given.servers)


if __name__ == "__main__":
    main()
