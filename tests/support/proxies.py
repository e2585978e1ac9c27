"""nginx, Caddy and HAProxy, each with the very configuration that docs/deploy.md shows.

    with proxies.start("nginx", port, upstream_port):
        …

Only addresses are replaced: TLS on 443 by plain HTTP on a free port, or by TLS with a certificate of the test, and the
port of the web server.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from tests.support.missing_parts import skip_missing
from tests.support.processes import kill, wait_for_port
from tests.support.processes import start as start_process

KINDS = ("caddy", "haproxy", "nginx")
DEPLOY = Path(__file__).parents[2] / "docs" / "deploy.md"
UNPRIVILEGED = "nobody"
TITLES = {"caddy": "Caddy", "haproxy": "HAProxy", "nginx": "nginx"}
# What stands in the document, and what takes its place here.
REPLACED = {
    "caddy": {"news.example.org {": "http://:{port} {", "{\n    servers {": "{\n    admin off\n    servers {"},
    "haproxy": {":443 ssl crt /etc/haproxy/news.example.org.pem": "127.0.0.1:{port}"},
    "nginx": {
        "listen 443 ssl;": "listen 127.0.0.1:{port};",
        "listen 80;": "listen unix:redirect.socket;",
        **dict.fromkeys(("    listen [::]:80;\n", "    listen [::]:443 ssl;\n", "    http2 on;\n"), ""),
        "ssl_certificate /etc/letsencrypt/live/news.example.org/fullchain.pem;": "",
        "ssl_certificate_key /etc/letsencrypt/live/news.example.org/privkey.pem;": "",
        "ssl_session_cache shared:newsletter:1m;": "",
    },
}
# The same, of those that are to end TLS; the certificate lies beside the configuration.
REPLACED_WITH_TLS = {
    "caddy": {
        "news.example.org {": "https://:{port} {\n    tls pem pem",
        "{\n    servers {": "{\n    admin off\n    auto_https disable_redirects\n    servers {",
    },
    "haproxy": {":443 ssl crt /etc/haproxy/news.example.org.pem": "127.0.0.1:{port} ssl crt pem"},
    "nginx": REPLACED["nginx"]
    | {
        "listen 443 ssl;": "listen 127.0.0.1:{port} ssl;",
        "ssl_certificate /etc/letsencrypt/live/news.example.org/fullchain.pem;": "ssl_certificate pem;",
        "ssl_certificate_key /etc/letsencrypt/live/news.example.org/privkey.pem;": "ssl_certificate_key pem;",
    },
}
# Around the block: everything in this folder, one process in the foreground, nothing to the system's log.
AROUND = {
    "caddy": "{block}",
    "haproxy": "global\n    maxconn 4096\n\n{block}",
    "nginx": """
        daemon off;
        master_process off;
        pid nginx.pid;
        error_log stderr;
        events {{ worker_connections 4096; }}
        http {{
            access_log off;
            client_body_temp_path body;
            proxy_temp_path answers;
            fastcgi_temp_path fastcgi;
            scgi_temp_path scgi;
            uwsgi_temp_path uwsgi;
            {block}
        }}
    """,
}
ARGUMENTS = {
    "caddy": ["run", "--adapter", "caddyfile", "--config"],
    "haproxy": ["-db", "-f"],
    "nginx": ["-p", ".", "-e", "stderr", "-c"],
}


def block(kind: str) -> str:
    """The configuration that docs/deploy.md shows for a proxy."""
    shown = DEPLOY.read_text()
    found = re.search(rf"^cat >/etc/{kind}/[^\n]*\n(.*?)^END$", shown, re.MULTILINE | re.DOTALL)
    found = found or re.search(rf"^{TITLES[kind]}[^\n]*:\n\n((?:    [^\n]*\n|\n)+)", shown, re.MULTILINE)
    assert found, f"docs/deploy.md shows no configuration for {TITLES[kind]}"
    return dedent(found[1])


def configuration(kind: str, port: int, upstream_port: int, *, ends_tls: bool = False) -> str:
    """That configuration with addresses of this machine. Raises AssertionError when there is none to replace."""
    shown = block(kind)
    replaced = (REPLACED_WITH_TLS if ends_tls else REPLACED)[kind]
    for words, instead in ({"127.0.0.1:8000": f"127.0.0.1:{upstream_port}"} | replaced).items():
        assert words in shown, f"{words!r} is not in the configuration for {kind}"
        shown = shown.replace(words, instead.replace("{port}", str(port)))
    return AROUND[kind].format(block=shown)


def program(kind: str) -> str:
    """The path of a proxy; Debian puts two of them where only root looks."""
    path = shutil.which(kind, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        skip_missing(f"{kind} is missing: apt-get install --no-install-recommends {kind}")
    return path


@contextmanager
def start(kind: str, port: int, upstream_port: int, *, pem: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a proxy on `port` of this machine in front of a web server, by a user without rights.

    pem: a key with its certificate, to end TLS with.
    """
    argv = [program(kind), *ARGUMENTS[kind], "configuration"]
    folder, user = Path(tempfile.mkdtemp(prefix=f"newsletter-{kind}-")), "-"
    (folder / "configuration").write_text(configuration(kind, port, upstream_port, ends_tls=pem is not None))
    (folder / "configuration").chmod(0o644)
    if pem:
        shutil.copyfile(pem, folder / "pem")
        (folder / "pem").chmod(0o644)
    if os.geteuid() == 0:
        user, owner = UNPRIVILEGED, pwd.getpwnam(UNPRIVILEGED)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    process = start_process(argv, log=folder / "log", user=user, env=env, cwd=folder)
    try:
        wait_for_port(port, process, log=folder / "log")
        yield process
    finally:
        kill(process)
        shutil.rmtree(folder, ignore_errors=True)
