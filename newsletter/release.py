"""Which version of the program this is, and of which commit."""

import shutil
import subprocess
import tomllib
from functools import cache

from django.conf import settings


@cache
def version() -> str:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])


@cache
def commit() -> str:
    """The commit: from the image's file, or from git; "" without either."""
    file = settings.BASE_DIR / "commit"
    if file.exists():
        return str(file.read_text()).strip()
    git = shutil.which("git")
    if git is None or not (settings.BASE_DIR / ".git").exists():
        return ""
    # The folder is root's, and the service another user's, as docs/deploy.md has it: git asks whether that is meant.
    asked = [git, "-C", str(settings.BASE_DIR), "-c", f"safe.directory={settings.BASE_DIR}"]
    asked += ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    return done.stdout.strip()


def version_and_commit() -> str:
    return f"{version()} ({commit() or 'commit unknown'})"
