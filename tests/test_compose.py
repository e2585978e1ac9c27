"""What Compose itself makes of compose.yaml; benchmarks/compose runs it."""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.support.missing_parts import skip_missing
from tests.support.product import ROOT

pytestmark = pytest.mark.exhaustive

PROFILES = {
    "single": {"newsletter"},
    "standard": {"web", "worker", "clock", "postgres", "redis"},
    "large": {"web", "worker", "worker-2", "worker-3", "clock", "postgres", "redis", "caddy"},
}
EXAMPLE = (ROOT / ".env.example").read_text()
EVERY_VARIABLE = re.findall(r"^#? ?([A-Z_]+)=", EXAMPLE, re.MULTILINE)
OURS = {"newsletter", "web", "worker", "clock", "worker-2", "worker-3"}


def command() -> list[str] | None:
    """Return the words that start Compose here: a program of its own, or Docker's plug-in."""
    if alone := shutil.which("docker-compose"):
        return [alone]
    docker = shutil.which("docker")
    has_it = docker and not subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    return [docker, "compose"] if docker and has_it else None


COMPOSE = command()


@pytest.fixture
def config(tmp_path):
    """Return what Compose reads of the file for a profile, with the variables of .env."""
    if not COMPOSE:
        skip_missing("Compose is not installed: apt-get install docker-compose")
    for name in ("compose.yaml", "Dockerfile"):
        shutil.copy(ROOT / name, tmp_path)

    def read(profile, env="", **of_the_shell):
        (tmp_path / ".env").write_text(env)
        own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | of_the_shell
        words = [*COMPOSE, "--profile", profile, "config", "--format", "json"]
        done = subprocess.run(words, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["services"]

    return read


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_reads_each_profile_as_it_is_cloned(config, profile):
    assert set(config(profile, EXAMPLE)) == PROFILES[profile]


@pytest.mark.parametrize("profile", PROFILES)
def test_empty_variables_reach_ours_as_empty_ones_and_break_nothing(config, profile):
    services = config(profile, "".join(f"{name}=\n" for name in EVERY_VARIABLE))

    for name in set(services) & OURS:
        handed = services[name]["environment"]
        assert {handed[name] for name in ("MAIL_URL", "SEND_RATE", "DEBUG", "TRUSTED_PROXIES")} == {""}


@pytest.mark.parametrize(("env", "backup_url"), [("", "/backup"), ("BACKUP_URL=\n", ""), ("BACKUP_URL=/x\n", "/x")])
def test_a_backup_is_made_each_night_unless_somebody_says_otherwise(config, env, backup_url):
    assert config("single", env)["newsletter"]["environment"]["BACKUP_URL"] == backup_url


@pytest.mark.parametrize(
    ("env", "site_url", "port"),
    [
        ("", "http://127.0.0.1:8000", "8000"),
        ("PORT=8080\n", "http://127.0.0.1:8080", "8080"),
        ("SITE_URL=https://news.example.org\nPORT=8080\n", "https://news.example.org", "8080"),
        ("SITE_URL=\nPORT=\n", "http://127.0.0.1:8000", "8000"),
    ],
)
@pytest.mark.parametrize("profile", ["single", "standard"])
def test_links_lead_to_the_port_that_was_chosen(config, profile, env, site_url, port):
    services = config(profile, env)
    [web] = [service for service in services.values() if any(p["target"] == 8000 for p in service.get("ports", []))]

    assert [(p["host_ip"], p["published"]) for p in web["ports"]] == [("127.0.0.1", port)]
    assert {services[name]["environment"]["SITE_URL"] for name in set(services) & OURS} == {site_url}
