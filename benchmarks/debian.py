"""What docs/deploy.md has to be pasted, pasted line by line into a fresh Debian 13, as far as there can be one here.

    uv run --dev python -m benchmarks.debian FOLDER [--proxy nginx|caddy]

As root, with `debootstrap`. FOLDER gets a Debian as debootstrap makes it, which has less than an installed one: a
chroot with namespaces of its own for mounts, processes and, where something is started, the network. There is no
systemd in it: what the unit says is done as it says it (user, folder, environment, command, umask). There is no name
that leads here either: a certificate of our own takes the place of Let's Encrypt's. Everything else is the document's,
among it the ports 80 and 443. In the place of the repository's address stands a clone of this one's HEAD.

It prints each line that was pasted and how long it took, and ends with 1 when one fails, when the site does not answer
through the proxy, or when anything in the newsletter's folders can be read by others.
"""

import argparse
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.installation import ROOT, machine
from tests.test_deploy import TO_PASTE, unit

NAME = "news.example.org"
START_SECONDS = 120
SYSTEMCTL = """#!/bin/sh
# No systemd runs here. What would be started is started by benchmarks/debian.py.
case "$*" in
  daemon-reload | "enable --now newsletter" | "reload nginx" | "reload caddy") ;;
  *) echo "systemctl $*: not expected" >&2; exit 1 ;;
esac
"""
CERTBOT = f"""#!/bin/sh
# The certificate that Let's Encrypt would give, if the name led here.
set -e
folder=/etc/letsencrypt/live/{NAME}
mkdir -p "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN={NAME}" \\
  -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
"""
ASK = f"""
import http.client
import ssl
import sys
from urllib.parse import urlsplit

url = urlsplit(sys.argv[1])
class Named(http.client.HTTPSConnection):
    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = ssl._create_unverified_context().wrap_socket(self.sock, server_hostname="{NAME}")
kind, name = (Named, "{NAME}") if url.scheme == "https" else (http.client.HTTPConnection, "localhost")
asking = kind(url.hostname, url.port, timeout=10)
asking.request("GET", url.path, headers={{"Host": name}})
answer = asking.getresponse()
assert answer.status == 200, answer.status
print(answer.read().decode())
"""
PASTED_ALONE = re.compile(r"cat >\S+ <<'END'\n.*?^END\n|[^\n]+\n", re.DOTALL | re.MULTILINE)
PROXIES = {"nginx": ["nginx", "-g", "daemon off;"], "caddy": ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]}


class Debian:
    """A root folder, and a network of its own for what is started in it: its ports may be taken on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        loopback = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"]
        self.network = subprocess.Popen(loopback, stdout=subprocess.PIPE)
        assert self.network.stdout
        self.network.stdout.readline()
        self.running = [self.network]

    def make(self) -> None:
        subprocess.run(["debootstrap", "--variant=minbase", "trixie", str(self.root)], check=True)
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")  # no package starts anything
        self.write("/usr/local/bin/systemctl", SYSTEMCTL)
        self.write("/usr/local/bin/certbot", CERTBOT)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        if certificates := os.environ.get("SSL_CERT_FILE"):  # behind a proxy that has one of its own
            shutil.copy(certificates, self.root / "etc/proxy-certificates")
        subprocess.run(["git", "clone", "-q", "--bare", str(ROOT), str(self.root / "opt/newsletter.git")], check=True)

    def write(self, path: str, text: str) -> None:
        file = self.root / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def _command(self, *words: str, alone: bool) -> list[str]:
        """Return the command that runs in it, whose processes end with it. alone: on the network of its own."""
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        env |= {"DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
        if os.environ.get("SSL_CERT_FILE"):
            env["SSL_CERT_FILE"] = "/etc/proxy-certificates"
        mounts = 'mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"; mount -t tmpfs tmpfs "$0/tmp"; '
        mounts += 'exec chroot "$0" "$@"'
        network = ["nsenter", f"--net=/proc/{self.network.pid}/ns/net"] if alone else []
        own = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"]
        pairs = [f"{name}={value}" for name, value in env.items()]
        return [*network, *own, "sh", "-ec", mounts, str(self.root), "env", "-i", *pairs, *words]

    def run(self, script: str, *, alone: bool = False, may_fail: bool = False) -> str:
        """Run a script as root; return what it said. Ends the program when it fails."""
        command = self._command("bash", "-ec", script, alone=alone)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and not may_fail:
            raise SystemExit(f"{script}\nfailed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def start(self, name: str, *words: str) -> None:
        log = (self.root / f"opt/{name}.log").open("w")
        self.running.append(subprocess.Popen(self._command(*words, alone=True), stdout=log, stderr=log))

    def wait_for(self, url: str) -> str:
        """Return what a page says, asked by the name of the site."""
        until = time.monotonic() + START_SECONDS
        while not (answer := self.run(f"python3 - {url} <<'CODE'\n{ASK}\nCODE", alone=True, may_fail=True)):
            if time.monotonic() > until:
                logs = "".join(path.read_text()[-2000:] for path in (self.root / "opt").glob("*.log"))
                raise SystemExit(f"{url} does not answer:\n{logs}")
            time.sleep(1)  # each look starts a Python in the other Debian
        return answer

    def end(self) -> None:
        """End what runs and remove the folder; the last of a namespace's processes end after its first."""
        for process in reversed(self.running):
            process.kill()
            process.wait()
        while self.root.exists():
            shutil.rmtree(self.root, ignore_errors=True)
            time.sleep(0.2)  # the kernel lets go of the mounts when the last process has ended


def entries(proxy: str) -> Iterator[str]:
    """Yield what is pasted at a time: a line, or a file; of the proxies, one."""
    other = {"nginx": "caddy", "caddy": "nginx"}[proxy]
    blocks = re.split(r"(?=^apt-get install)", TO_PASTE, flags=re.MULTILINE)
    for block in blocks:
        if f"--no-install-recommends {other}" not in block:
            yield from PASTED_ALONE.findall(block)


def service() -> list[str]:
    """Return the command that the unit starts, as systemd starts it."""
    said = dict(re.findall(r"^(\w+)=(.*)$", unit(), re.MULTILINE))
    script = f"""
        umask {said["UMask"]}
        install -d -o {said["User"]} -g {said["User"]} -m {said["StateDirectoryMode"]} /var/lib/{said["StateDirectory"]}
        cd {said["WorkingDirectory"]}
        set -a; . {said["EnvironmentFile"]}; set +a
        exec setpriv --reuid={said["User"]} --regid={said["User"]} --init-groups --no-new-privs \\
          --bounding-set=-all --inh-caps=-all {said["ExecStart"]}
    """
    return ["bash", "-ec", script]


def paste(debian: Debian, proxy: str) -> None:
    """Paste everything; start what systemd would start, when it would."""
    folder = "/"
    for entry in entries(proxy):
        line = entry.replace("git clone …", "git -c safe.directory='*' clone -q /opt/newsletter.git").strip("\n")
        began = time.monotonic()
        said = debian.run(f"cd {folder}\n{line}\n", may_fail=" doctor" in line)  # it has errors to tell of
        print(f"{time.monotonic() - began:6.1f} s  {entry.splitlines()[0][:110]}", flush=True)
        folder = line.removeprefix("cd ") if line.startswith("cd ") else folder
        if line == "systemctl enable --now newsletter":
            debian.start("newsletter", *service())
            debian.wait_for("http://127.0.0.1:8000/healthz")
        elif line == f"systemctl reload {proxy}":
            debian.start(proxy, *PROXIES[proxy])
        elif "Caddyfile" in line:
            debian.run("sed -i '1a local_certs' /etc/caddy/Caddyfile")  # no authority gives one here
        elif " author_link" in line:
            assert f"https://{NAME}/admin/start/" in said, said
        elif " doctor" in line:
            assert "/var/lib/newsletter/secret_key" in said, said


def look(debian: Debian) -> None:
    """Ask the site through the proxy, and look for what others can read. Ends the program when something is wrong."""
    for path in ("/", "/admin/login/"):
        page = debian.wait_for(f"https://127.0.0.1{path}")
        assert "<html" in page, page[:500]
    where = debian.run("find /var/lib/newsletter /etc/newsletter.env -perm /077 ! -type l")
    assert not where, f"Others may read or write:\n{where}"
    assert not (debian.root / "srv/newsletter/data").exists(), "a command made a second folder of data"
    size = debian.run("du -sm /srv/newsletter/.venv | cut -f1").strip()
    print(f"Home page and login answer over https by HTTP/1.1; nothing is readable by others; .venv has {size} MB.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="must not exist; it is removed at the end")
    parser.add_argument("--proxy", default="nginx", choices=PROXIES)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    print(machine())
    debian = Debian(given.folder.resolve())
    try:
        debian.make()
        paste(debian, given.proxy)
        look(debian)
    finally:
        debian.end()


if __name__ == "__main__":
    main()
