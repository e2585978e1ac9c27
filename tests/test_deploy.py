"""What docs/deploy.md tells an operator to paste."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.product import ROOT


def unit() -> str:
    document = (ROOT / "docs" / "deploy.md").read_text()
    block = re.search(r"^    \[Unit\]\n(?:    .*\n|\n(?=    ))+", document, re.MULTILINE)[0]
    return re.sub(r"^    ", "", block, flags=re.MULTILINE)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_the_unit_exposes_little(tmp_path):
    """systemd's own measure, from 0 to 10 (below: times ten); the unit without its lower half has 9.0."""
    file = tmp_path / "newsletter.service"
    file.write_text(unit())

    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert re.search(r"exposure level for newsletter.service: 1\.1", done.stdout), "docs/deploy.md says another number"


def test_what_it_writes_is_its_own():
    lines = unit().splitlines()

    assert {"StateDirectoryMode=0700", "UMask=0077", "ProtectSystem=strict", "NoNewPrivileges=yes"} <= set(lines)


def test_the_kernel_still_says_whether_the_machine_was_started_anew():
    """The flight recorders ask /proc/sys, which ProcSubset=pid would hide."""
    assert "ProcSubset" not in unit()
    assert Path("/proc/sys/kernel/random/boot_id").exists()


def test_no_password_stands_on_a_command_line():
    document = (ROOT / "docs" / "deploy.md").read_text()

    assert "$(cat" not in document
    assert "env-file /etc/newsletter.env author_link" in document
