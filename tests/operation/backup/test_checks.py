"""BACKUP_URL and BACKUP_AGE_KEY: what is wrong with them is said at the start."""

import pyrage
import pytest
from django.core.checks import run_checks

from newsletter.operation import backup_findings
from tests.operation.backup.test_nightly import NOW

KEY = pyrage.x25519.Identity.generate()
WRONG = [
    ("BACKUP_URL", "./backup", "BACKUP_URL must be a folder, as an absolute path, or s3://…, got './backup'"),
    ("BACKUP_URL", "file://host/backup", "got 'file://host/backup'"),
    ("BACKUP_URL", "ftp://user:hidden@host/x", "got 'ftp://…@host/x'"),
    ("BACKUP_URL", "s3://host", "BACKUP_URL is written like s3://KEY:SECRET@HOST/BUCKET?region=REGION"),
    ("BACKUP_AGE_KEY", "junk", "BACKUP_AGE_KEY is no public key of age (age1…): invalid Bech32 encoding"),
    ("BACKUP_AGE_KEY", str(KEY.to_public())[:-1] + "0", "BACKUP_AGE_KEY is no public key of age"),
    ("BACKUP_AGE_KEY", str(KEY), "BACKUP_AGE_KEY is a secret key: whoever reads it here can read every backup."),
]


def errors() -> list[str]:
    return [error.msg for error in run_checks(tags=["newsletter"])]


@pytest.mark.parametrize(("name", "value", "message"), WRONG, ids=range(len(WRONG)))
def test_what_no_backup_could_be_made_with_is_refused_at_the_start_and_named_by_the_doctor(
    settings, english, name, value, message
):
    setattr(settings, name, value)

    (error,) = errors()
    (finding,) = backup_findings.place_findings(NOW)

    assert message in error
    assert error.rstrip(".") in finding.message
    assert not any(secret in error for secret in ("hidden", str(KEY).lower(), str(KEY)))


def test_without_its_extra_a_bucket_and_a_key_say_what_to_install(settings, monkeypatch):
    settings.BACKUP_URL, settings.BACKUP_AGE_KEY = "s3://key:hidden@host/nights", str(KEY.to_public())
    for package in ("boto3", "pyrage"):
        monkeypatch.setitem(__import__("sys").modules, package, None)

    bucket, key = errors()

    assert "uv sync --extra s3" in bucket
    assert "BACKUP_AGE_KEY needs the extra `age`" in key


@pytest.mark.parametrize(
    ("url", "has_key"), [("", False), ("/backup", True), ("file:///b", False), ("s3://k:s@host/nights", False)]
)
def test_what_is_right_or_empty_is_passed(settings, url, has_key):
    settings.BACKUP_URL, settings.BACKUP_AGE_KEY = url, str(KEY.to_public()) if has_key else ""

    assert errors() == []


@pytest.mark.servers
@pytest.mark.parametrize("words", [["up", "--port", "0"], ["run_worker"]])
def test_nothing_starts_with_them(make_product, words):
    product = make_product()
    product.env["BACKUP_URL"] = "backup"

    done = product.command(*words, check=False)

    assert (done.returncode, "got 'backup'" in done.stderr) == (1, True)
