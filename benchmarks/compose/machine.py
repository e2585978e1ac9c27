"""A machine that answers Compose as one with Docker does: podman's service on a socket, in namespaces of its own.

Its network has bridges, name servers and the ports 80, 443 and 8000 for itself, and no way out. Images of PostgreSQL,
Redis and Caddy are made of Debian's packages under the names that compose.yaml asks for, and do what theirs document.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from benchmarks.image import BASE, IMAGE, LIMITS, Engine, build, make_base, said
from benchmarks.installation import ROOT

ADDRESS = "192.0.2.1"  # of the machine, for its containers (RFC 5737)
HOST = "news.local"  # no issue leaves for a server elsewhere while the site's address is loopback
CERTIFICATES = "/run/certificates"  # where benchmarks/image.py mounts those of a proxy for the build
SOCKET = "unix:///run/podman.sock"
LOOK_SECONDS = 2
INSTALL = f"FROM {BASE}\nRUN apt-get update && apt-get install --yes --no-install-recommends"
STAND_INS = {
    "postgres:17": f"""{INSTALL} postgresql-17
RUN install -d -o postgres -m 700 /var/lib/postgresql/data && install -d -o postgres -m 3777 /var/run/postgresql
COPY --chmod=755 first-start /usr/local/bin/
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["first-start"]
""",
    "redis:8": f"""{INSTALL} redis-server
WORKDIR /data
""",
    "caddy:2": f"""{INSTALL} caddy wget && install -d /config /data
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
""",
}
FIRST_START = """#!/bin/sh
# What the image postgres:17 documents of its first start: user, database and password as the environment says.
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  export LANG=C.UTF-8
  initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-host=scram-sha-256 --auth-local=trust
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options="-c listen_addresses=" start
  createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --wait stop
fi
exec postgres -c "listen_addresses=*"
"""
SETTINGS = """[containers]
pids_limit = 0
log_driver = "k8s-file"
default_ulimits = ["nofile=20000:20000", "nproc=96365:96365"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_config_dir = "{folder}/networks"
"""
# No limit of processes: where cgroups of version 1 are in use, version 2 has no controllers.
ENTER = f"""
ip link set lo up
ip link add outside type bridge
ip address add {ADDRESS}/24 dev outside
ip link set outside up
ip route add default via 192.0.2.254
mount -t tmpfs tmpfs /run
echo 127.0.0.1 localhost {HOST} >/run/hosts
mount --bind /run/hosts /etc/hosts
mount -t tmpfs tmpfs /dev/shm
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
exec catatonit -- "$@"
"""
NAMESPACES = ["--net", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"]


def make_images(engine: Engine) -> None:
    """Make the newsletter's image and those that stand in for the servers'."""
    make_base(engine)
    build(engine)
    engine.buildah("tag", IMAGE, "docker.io/library/newsletter:latest")
    for name, text in STAND_INS.items():
        context = engine.folder / name.partition(":")[0]
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(text)
        (context / "first-start").write_text(FIRST_START)
        options = ["--isolation=chroot", "--format=docker", "--layers", *LIMITS]
        engine.buildah("build", *options, f"--tag=docker.io/library/{name}", str(context), show=True)


def run_inside(engine: Engine, *words: str) -> int:
    """Run this benchmark once more, as the machine; return its exit code. Whatever it started ends with it."""
    (engine.folder / "containers.conf").write_text(SETTINGS.format(folder=engine.folder))
    own = {"CONTAINERS_CONF": f"{engine.folder}/containers.conf", "BUILDAH_ISOLATION": "chroot"}
    own["DISABLE_HC_SYSTEMD"] = "true"  # no systemd runs here: `Timers` asks for the containers' health
    command = ["unshare", *NAMESPACES, "sh", "-ec", ENTER, "sh", sys.executable, "-m", "benchmarks.compose", *words]
    return subprocess.run(command, cwd=ROOT, env=os.environ | own, check=False).returncode


@contextmanager
def docker(engine: Engine) -> Iterator[None]:
    """Answer on SOCKET as Docker does, and look after the containers' health as it does."""
    log = (engine.folder / "service.log").open("w")
    command = ["podman", *engine.store, "system", "service", "--time=0", SOCKET]
    service = subprocess.Popen(command, stdout=log, stderr=log)
    timers = Timers(engine)
    try:
        while not Path(SOCKET.removeprefix("unix://")).exists():
            time.sleep(0.1)  # until another process listens
        timers.start()
        yield
    finally:
        timers.ended.set()
        timers.join()
        service.kill()
        service.wait()


class Timers(Thread):
    """Asks each container that runs for its health, every few seconds: Docker does that by itself."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self.engine, self.ended = engine, Event()

    def run(self) -> None:
        while not self.ended.wait(LOOK_SECONDS):
            for name in podman(self.engine, "ps", "--format={{.Names}}").split():
                podman(self.engine, "healthcheck", "run", name)  # 1 says unhealthy, 125 that it has just ended


def podman(engine: Engine, *words: str) -> str:
    """Return what podman says, whether it fails or not."""
    done = subprocess.run(["podman", *engine.store, *words], capture_output=True, text=True, check=False)
    return done.stdout


@dataclass
class Tree:
    """A folder with the newsletter's files, as somebody has it who has just cloned it."""

    folder: Path

    @classmethod
    def make(cls, engine: Engine) -> "Tree":
        folder = engine.folder / "newsletter"
        shutil.rmtree(folder, ignore_errors=True)
        for name in said(["git", "ls-files", "--cached", "--others", "--exclude-standard"]).splitlines():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (engine.folder / "bin").mkdir(exist_ok=True)
        shim = engine.folder / "bin" / "docker"
        shim.write_text('#!/bin/sh\n[ "$1" = compose ] && shift && exec docker-compose "$@"\n')
        shim.chmod(0o755)
        if os.environ.get("SSL_CERT_FILE"):  # the build must find the layers that it has already: it has no network
            args = f"{{build: {{args: {{SSL_CERT_FILE: {CERTIFICATES}}}}}}}"
            ours = ["newsletter", "web", "worker", "clock", "worker-2", "worker-3"]
            services = "".join(f"  {name}: {args}\n" for name in ours)
            (folder / "compose.override.yaml").write_text(f"services:\n{services}")
        return cls(folder)

    def paste(self, line: str, *, typed: str | None = None, may_fail: bool = False, **variables: str) -> str:
        """Run a line as it is pasted into a shell; return what it printed. Ends the program when it fails."""
        began = time.monotonic()
        env = {"PATH": f"{self.folder.parent}/bin:{os.environ['PATH']}", "HOME": str(self.folder)}
        env |= {"DOCKER_HOST": SOCKET, "DOCKER_BUILDKIT": "0", "COMPOSE_ANSI": "never"} | variables
        done = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=env, input=typed, capture_output=True, text=True, check=False
        )
        print(f"{time.monotonic() - began:6.1f} s  {line.splitlines()[0][:130]}", flush=True)
        if done.returncode and not may_fail:
            raise SystemExit(f"failed with {done.returncode}:\n{done.stdout[-6000:]}{done.stderr[-6000:]}")
        return done.stdout


def inspected(engine: Engine, container: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(podman(engine, "inspect", container))[0]
    return found


def confinement(engine: Engine, services: list[str]) -> None:
    """End the program unless each container is confined as compose.yaml says."""
    for service in services:
        found = inspected(engine, f"newsletter-{service}-1")
        pid = found["State"]["Pid"]
        lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        capabilities = {lines[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        facts = (lines["Uid"].split()[0], int(capabilities.pop(), 16), len(capabilities), lines["NoNewPrivs"])
        root = next(line for line in Path(f"/proc/{pid}/mounts").read_text().splitlines() if line.split()[1] == "/")
        if facts != ("10001", 0, 0, "1") or not root.split()[3].startswith("ro"):
            raise SystemExit(f"{service} is not confined: {facts}, {root}")
    print(f"{', '.join(services)}: user 10001, no capability, no new privileges, a file system that is only read")
