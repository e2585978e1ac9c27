"""The jobs of docs/api.md, run as they are printed there: by curl, by Python and by JavaScript."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from newsletter.delivery import tasks as delivery_tasks
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.desk import auto_rehearsal, tasks
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation.accounts.roles import OWNER
from newsletter.posts.models import Image, Post
from subscribers.models import Subscriber
from tests.api.conftest import Program
from tests.delivery.results.issues import LONG_AGO, NOW, come, sent
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber
from tests.support.missing_parts import skip_missing
from tests.support.pictures import png_with_metadata
from tests.support.product import ROOT

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True), pytest.mark.exhaustive]
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
    """A function that runs an example in its own folder and returns its output."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.DATA_DIR = tmp_path
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=tmp_path / "box")}
    make_publication(sender_email="news@news.example.org")
    program = Program(make_helper(OWNER, email="gipi@example.org"))
    (tmp_path / "picture.png").write_bytes(png_with_metadata())
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


@pytest.fixture
def at_once(monkeypatch):
    """Run tasks eagerly, without checking external links."""
    written = auto_rehearsal.rehearse
    monkeypatch.setattr(auto_rehearsal, "rehearse", lambda *args: written(*args)._replace(links=[]))
    for task in (tasks.look_outside, tasks.work_on_errands, delivery_tasks.tell_author):
        monkeypatch.setattr(task, "apply_async", lambda args=(), _task=task, **_options: _task(*args))


def _node() -> str:
    return shutil.which("node") or skip_missing("apt-get install nodejs")


def test_each_job_is_printed_in_three_languages():
    assert len(JOBS) == 9
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_issue_is_composed_rehearsed_and_scheduled(run, at_once, tmp_path, language):
    post = make_post(published_at=timezone.now() - timedelta(hours=1))
    make_subscriber()

    told = run("Compose an issue, rehearse it, and schedule it", language)

    mailing = Mailing.objects.get()
    assert (mailing.state, mailing.subject, list(mailing.issue.posts.all())) == ("scheduled", "槓桿", [post])
    assert "scheduled" in told
    assert len(list((tmp_path / "box").glob("**/*.eml"))) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mailing_is_stopped_and_goes_on(run, language):
    now = timezone.now()
    issue = make_issue(make_post(), number=7)
    mailing = approving.approve(issue, send_at=now + timedelta(days=1), now=now, hold=timedelta())

    told = run("Stop a mailing, and let it go on", language)

    assert "paused" in told
    assert [step.what for step in mailing.steps.all()] == ["approved", "paused", "resumed"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_somebody_is_added_as_asked(run, language):
    told = run("Add somebody who asked on another site", language)

    reader = Subscriber.objects.get(email="ming@example.org")
    assert "asked" in told
    assert (reader.state, reader.consents.get().text.words) == ("pending", "我想收到電子報。")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_of_readers_is_taken_away(run, tmp_path, language):
    for number in range(3):
        make_subscriber(f"r{number}@example.org")

    run("Take the list of readers away", language)

    file = tmp_path / ("readers.csv" if language == "sh" else "readers.ndjson")
    assert [f"r{number}@example.org" in file.read_text() for number in range(3)] == [True] * 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_result_of_an_issue_is_read(run, tmp_path, language):
    come(3, LONG_AGO)
    sent(7, NOW)

    told = run("Read what an issue has brought", language)

    if language == "sh":
        assert json.loads((tmp_path / "result.json").read_text())["issue"] == 7
    else:
        assert "3 sent, 0 came back" in told
