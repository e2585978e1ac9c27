"""The jobs of docs/api.md, run as they are printed there: by curl, by Python and by JavaScript."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from pytest_django.live_server_helper import LiveServer

from newsletter.operation.accounts.roles import OWNER
from newsletter.posts.models import Image, Post
from tests.api.conftest import Program
from tests.factories import make_helper, make_post, make_publication
from tests.support.missing import missing
from tests.support.pictures import telling_png
from tests.support.product import ROOT

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
GUIDE = (ROOT / "docs" / "api.md").read_text()
BLOCK = re.compile(r"^```(sh|python|javascript)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = ("sh", "python", "javascript")


def blocks(text: str) -> dict[str, str]:
    return dict(BLOCK.findall(text))


HELPERS, *PARTS = re.split(r"^## \d+\. ", GUIDE, flags=re.MULTILINE)
JOBS = {part.partition("\n")[0]: blocks(part) for part in PARTS}


@pytest.fixture
def server(settings):
    running = LiveServer("localhost:0")
    yield running
    running.stop()


@pytest.fixture
def run(server, settings, tmp_path):
    """Return a function that runs a job in a folder of its own, and returns what it prints."""
    settings.MEDIA_ROOT = tmp_path / "media"
    make_publication()
    program = Program(make_helper(OWNER))
    (tmp_path / "picture.png").write_bytes(telling_png())
    env = {"PATH": os.environ["PATH"], "NEWSLETTER": server.url, "TOKEN": program.secret, "LANG": "C.UTF-8"}

    def ran(job, language):
        text = blocks(HELPERS).get(language, "") + JOBS[job][language]
        file = tmp_path / {"sh": "job.sh", "python": "job.py", "javascript": "job.mjs"}[language]
        file.write_text(text)
        command = {"sh": ["bash", "-euo", "pipefail"], "python": [sys.executable], "javascript": [_node()]}[language]
        place = {"cwd": tmp_path, "env": env, "timeout": 60}
        done = subprocess.run([*command, str(file)], **place, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return ran


def _node() -> str:
    return shutil.which("node") or missing("apt-get install nodejs")


def test_each_job_is_printed_in_three_languages():
    assert len(JOBS) >= 4
    assert {job: tuple(found) for job, found in JOBS.items() if tuple(found) != LANGUAGES} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_draft_is_written(run, language):
    run("Write a draft", language)

    post = Post.objects.get()
    assert (post.title, post.body, post.published_at) == ("管理槓桿", "第一段。", None)
    assert [tag.name for tag in post.tags.all()] == ["管理"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_is_uploaded(run, language):
    run("Upload a picture, and put it into a post", language)

    image = Image.objects.get()
    assert image.alt == "兩個人各拉著一根繩子"
    if language != "sh":
        assert Post.objects.get().cover == image
        assert image.markdown in Post.objects.get().body


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_post_is_changed_and_published(run, language):
    post = make_post(published_at=None)

    run("Change a post, and publish it", language)

    post.refresh_from_db()
    assert post.summary == "少出一分力，多走一里路。"
    assert post.published_at is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_post_is_copied(run, tmp_path, language):
    posts = [make_post(f"p{n}") for n in range(3 if language == "sh" else 103)]

    run("Keep a copy of every post that has changed", language)

    if language == "sh":
        assert len(json.loads((tmp_path / "posts.json").read_text())["items"]) == 3
    else:
        assert {path.name for path in tmp_path.glob("*.md")} == {f"{post.pk}.md" for post in posts}
        assert (tmp_path / f"{posts[0].pk}.md").read_text() == "# p0\n\n第一段。\n"
