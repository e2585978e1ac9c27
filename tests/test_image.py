"""What can be seen of the image and of compose.yaml without building them; benchmarks/image.py builds and runs it."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatch

import pytest
import yaml

from tests.support.product import ROOT

pytestmark = pytest.mark.exhaustive

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "newsletter"}
PROFILES = {
    "single": {"newsletter"},
    "standard": {"web", "worker", "clock", "postgres", "redis"},
    "large": {"web", "worker", "worker-2", "worker-3", "clock", "postgres", "redis", "caddy"},
}
READ = set(re.findall(r'\.\w+\(\s*"([A-Z_]+)"', (ROOT / "newsletter" / "settings.py").read_text()))
OF_COMPOSE = {"PORT"}  # a variable of compose.yaml alone: the port on the machine


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with what they are told, each in one line."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest.strip()) for line in lines if line.strip() for name, _, rest in [line.partition(" ")]]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(at for at, (name, _) in enumerate(found) if name == "FROM") :]


def told(name: str) -> list[str]:
    return [rest for instruction, rest in last_stage() if instruction == name]


def profiles_of(service: dict) -> set[str]:
    return set(service["profiles"])


def started_by(profile: str) -> dict[str, dict]:
    return {name: service for name, service in SERVICES.items() if profile in profiles_of(service)}


# --- The image ---


def test_it_runs_as_a_user_whose_number_is_known_and_who_owns_its_folders():
    shrink = (ROOT / "docs" / "docker" / "shrink").read_text()

    assert told("USER") == ["10001:10001"]
    assert told("VOLUME") == ["/data"]
    assert ":10001:10001:" in shrink
    assert "install -d -o 10001 -g 10001 -m 700 /data /data/media /backup" in shrink


LOAD = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None  # to import it fails
import django
django.setup()
from django.urls import get_resolver
from django.utils.module_loading import import_string
from newsletter.celery import app
from newsletter.operation import programs
import celery.apps.worker, celery.concurrency.thread, granian.cli, newsletter.rsgi
app.loader.import_default_modules()
assert get_resolver().url_patterns
from newsletter.api import v1
from newsletter.buckets import bucket_from_url
from newsletter.mail.mailers import PROVIDERS
import_string("anymail.backends.amazon_ses.EmailBackend")
assert bucket_from_url("s3://key:secret@127.0.0.1:1/bucket")._client
"""


def test_no_program_loads_what_the_image_leaves_out(tmp_path):
    [left_out] = re.findall(r"site-packages \\\n && rm -r ((?:[\w/]+[ \\\n]+)+)&&", DOCKERFILE)
    names = [name.replace("/", ".") for name in left_out.replace("\\", "").split()]
    env = os.environ | {"DATA_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0", "STATIC_ROOT": str(tmp_path)}
    command = [sys.executable, "-c", LOAD, *names]

    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert {"prompt_toolkit", "pydantic.v1", "ninja.static"} <= set(names)
    assert done.returncode == 0, done.stderr


def test_what_is_copied_is_let_in_and_nothing_else_is():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }

    of_git = {".git/HEAD", ".git/packed-refs", ".git/refs/heads"}  # read by docs/docker/commit, which is mounted
    assert rules[0] == "*"
    assert let_in == copied | of_git | {"docs/docker/commit"}
    assert all((ROOT / source).exists() for source in copied)
    for secret in (".env", "data/secret_key", "secrets/postgres_password", ".git/config"):
        assert not any(fnmatch(secret, f"{rule}*") for rule in let_in)


HASH, BRANCH = "0123456789abcdef0123456789abcdef01234567", "refs/heads/main"


@pytest.mark.parametrize(
    ("files", "commit"),
    [
        ({}, ""),
        ({"HEAD": f"{HASH}\n"}, HASH[:12]),
        ({"HEAD": f"ref: {BRANCH}\n", BRANCH: f"{HASH}\n", "packed-refs": f"{'f' * 40} {BRANCH}\n"}, HASH[:12]),
        ({"HEAD": f"ref: {BRANCH}\n", "packed-refs": f"{'f' * 40} {BRANCH}2\n{HASH} {BRANCH}\n"}, HASH[:12]),
        ({"HEAD": f"ref: {BRANCH}\n"}, ""),
    ],
)
def test_it_knows_the_commit_of_the_clone_that_it_is_built_from(tmp_path, files, commit):
    for name, text in files.items():
        path = tmp_path / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    command = ["sh", str(ROOT / "docs" / "docker" / "commit"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert (done.stdout.strip(), done.stderr) == (commit, "")
    assert '"${COMMIT:-$(sh /context/docs/docker/commit /context)}" >commit' in DOCKERFILE


# --- Compose ---


@pytest.mark.parametrize("profile", PROFILES)
def test_a_service_waits_only_for_those_that_its_profile_starts(profile):
    started = started_by(profile)

    for service in started.values():
        assert set(service.get("depends_on", {})) <= set(started)
        assert {wait["condition"] for wait in service.get("depends_on", {}).values()} <= {"service_healthy"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_write_nothing_but_its_volumes_and_gets_no_privilege(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert name in OURS or "healthcheck" in service, "the image has one of its own"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_container_writes_fills_no_disk(name):
    """Docker's own way of keeping logs has no end."""
    logging = SERVICES[name]["logging"]

    assert logging == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}
    assert "Docker keeps 30 MB of each container" in (ROOT / "docs" / "deploy.md").read_text()


def test_every_variable_is_one_that_the_settings_read():
    handed = {name.removesuffix("_FILE") for service in OURS.values() for name in service.get("environment", {})}
    filled_in = {
        name.removesuffix("_FILE") for name in re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text())
    }

    assert {"DATABASE_URL", "DATABASE_PASSWORD", "REDIS_URL"} <= handed
    assert handed | filled_in <= READ | OF_COMPOSE


def test_servers_without_a_password_are_seen_by_nobody_else():
    assert COMPOSE["networks"]["servers"]["internal"] is True
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["servers"]
        assert "ports" not in SERVICES[name]


def test_only_the_proxy_is_seen_by_strangers():
    open_ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert set(open_ports) == {"newsletter", "web", "caddy"}
    assert open_ports["newsletter"] == open_ports["web"] == ["127.0.0.1:${PORT:-8000}:8000"]
