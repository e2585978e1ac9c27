"""The filter of docs/deploy.md finds every failure, and nothing that somebody made up."""

import configparser
import logging
import re
import shutil
import subprocess

import pytest
from django.conf import settings

from newsletter.desk.accounts import login_attempts
from newsletter.mail.logs import LineFormatter
from tests.desk.accounts.test_login_attempts import caller, fail
from tests.support.missing_parts import skip_missing
from tests.support.product import ROOT

pytestmark = pytest.mark.django_db
FORM = settings.LOGGING["formatters"]["line"]
WHEN = "2026-11-24T08:00:00.000Z"
LINE = "WARNING newsletter.desk.attempts: login failed from 192.0.2.1 at password, name deadbeef"


def filter_text() -> str:
    document = (ROOT / "docs" / "deploy.md").read_text()
    return re.search(r"```ini\n(\[Definition\]\n.*?)```", document, re.DOTALL)[1]


@pytest.fixture(scope="module")
def failregex() -> re.Pattern[str]:
    parsed = configparser.ConfigParser()
    parsed.read_string(filter_text())
    return re.compile(parsed["Definition"]["failregex"].replace("<ADDR>", r"(?P<address>[0-9a-fA-F:.]+)"))


@pytest.fixture
def lines(caplog):
    """What was written, as it stands in the log."""
    formatter = LineFormatter(FORM["format"], style=FORM["style"])
    return lambda: [line for record in caplog.records for line in formatter.format(record).split("\n")]


def found(failregex, lines: list[str], *, before: str = "") -> list[str]:
    return [match["address"] for line in lines if (match := failregex.search(before + line))]


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::5"])
@pytest.mark.parametrize("before", ["", "news python[123]: ", "news.example.org newsletter[1]: "])
def test_a_failure_is_found_in_a_file_and_in_the_journal(failregex, lines, address, before):
    fail(10, address=address)
    login_attempts.locked_seconds(caller(address), "gipi")
    login_attempts.record_failure(caller(address), None, "start-link")

    assert found(failregex, lines(), before=before) == [address] * 12


def test_a_client_without_an_address_bans_nobody(failregex, lines):
    fail(1, address="")

    assert found(failregex, lines()) == []


FORGED = [
    f"/x\n{WHEN} {LINE}",
    f"/x\r{WHEN} {LINE}",
    f"/x\u2028{WHEN} {LINE}",
    f"\nnews python[123]: {WHEN} {LINE}",
    f"{WHEN} {LINE}",
    LINE,
    "login failed from 192.0.2.1 at password, name deadbeef",
    f"{'x' * 50_000}{WHEN} {LINE}",
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("before", ["", "news python[123]: "])
def test_nobody_has_another_banned(failregex, lines, forged, before):
    logging.getLogger("django.request").warning("Not Found: %s", forged)
    logging.getLogger("subscribers").warning("%s", forged)
    login_attempts.record_failure(caller(), forged, "password")
    try:
        raise ValueError(forged)  # noqa: TRY301
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error")

    assert set(found(failregex, lines(), before=before)) == {"203.0.113.7"}


def test_fail2ban_finds_the_same(lines, tmp_path):
    if not shutil.which("fail2ban-regex"):
        skip_missing("apt-get install --no-install-recommends fail2ban")
    fail(3)
    fail(1, address="2001:db8::5")
    for forged in FORGED:
        logging.getLogger("django.request").warning("Not Found: %s", forged)
    (tmp_path / "newsletter.conf").write_text(filter_text())
    (tmp_path / "log").write_text("\n".join(lines()) + "\n")

    command = ["fail2ban-regex", "-o", "ip", str(tmp_path / "log"), str(tmp_path / "newsletter.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["203.0.113.7"] * 3 + ["2001:db8::5"]
