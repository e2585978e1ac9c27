"""An issue is written, composed, rehearsed and scheduled by a program alone, and cancelled by the link in a mail."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.test import Client

from newsletter.delivery import tasks as delivery_tasks
from newsletter.delivery.models import Mailing
from newsletter.desk import auto_rehearsal, tasks
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation.accounts.roles import EDITOR
from tests.api.conftest import Program
from tests.factories import make_helper, make_publication, make_subscriber
from tests.support.letters import mails_in

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def box(db, settings, tmp_path, monkeypatch):
    """Tasks are done as soon as they are put on the queue, no other site is asked, and mails are kept here."""
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=tmp_path / "default")}
    written = auto_rehearsal.rehearse
    monkeypatch.setattr(auto_rehearsal, "rehearse", lambda *args: written(*args)._replace(links=[]))
    for module in (delivery_tasks, tasks):
        for task in (one for one in vars(module).values() if hasattr(one, "apply_async")):
            monkeypatch.setattr(task, "apply_async", lambda args=(), _task=task, **_options: _task(*args))
    make_publication(sender_email="news@news.example.org", cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0))
    return tmp_path


def prepared(program) -> str:
    """Write a post, compose an issue of it and rehearse that; return its address."""
    post = program.post("/posts", {"title": "管理槓桿", "body": "第一段。\n\n第二段。"})
    address = post.headers["Location"]
    program.post(f"{address}/publish", match=post.headers["ETag"])
    new = {"subject": "槓桿", "posts": [{"post": post.json()["id"], "form": "full"}]}
    issue = program.post("/issues", new)
    words = {"introduction": "大家好。", "preheader": "這一期談槓桿"}
    changed = program.patch(issue.headers["Location"], words, match=issue.headers["ETag"])
    assert changed.status_code == 200, changed.text
    begun = program.post(f"{issue.headers['Location']}/rehearsal", {})
    assert begun.status_code == 202, begun.text
    assert program.get(f"{issue.headers['Location']}/rehearsal").json()["standing"] == "valid"
    return issue.headers["Location"]


def scheduled(program, address):
    etag = program.get(address).headers["ETag"]
    answer = program.post(f"{address}/schedule", {"at": "next-slot", "readers": 2}, match=etag)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.django_db(transaction=True)
def test_the_link_in_the_authors_mail_cancels_what_a_program_has_scheduled(box, clock, settings):
    make_subscriber()
    make_subscriber()
    program = Program(make_helper(EDITOR, name="edith", email="edith@example.org"))
    address = prepared(program)

    assert scheduled(program, address)["send_at"] == "2026-12-01T08:00:00+08:00"
    [mail] = mails_in(box / "default")
    text = mail.get_body(("plain",)).get_content()
    link = re.search(r"https://news\.example\.org(/cancel/\S+/)", text)[1]
    real = mailer_from_url("smtp://localhost:25", outbox=None)  # whoever reads the outbox here is asked to log in
    settings.MAILERS = settings.MAILERS | {"default": real, "bulk": real}
    stranger = Client()
    asked = stranger.get(link)
    pressed = stranger.post(link)
    clock.move_to(SLOT + timedelta(minutes=1))
    delivery_tasks.dispatch()

    assert mail["To"] == "edith@example.org"
    assert mail["Subject"] == "Goes out on Dec. 1, 2026, 08:00: #1 槓桿"
    assert "goes out to 2 readers on Dec. 1, 2026, 08:00;" in " ".join(text.split())
    assert "Cancel this mailing?" in asked.text
    assert "Nobody got it." in pressed.text
    assert (program.get(f"{address}/mailing").json()["status"], Mailing.objects.get().planned_at) == ("cancelled", None)


@pytest.mark.django_db(transaction=True)
def test_what_nobody_cancels_goes_out_at_its_time(box, clock):
    for _reader in range(2):
        make_subscriber()
    program = Program(make_helper(EDITOR, name="edith", email="edith@example.org"))
    address = prepared(program)
    scheduled(program, address)

    clock.move_to(SLOT - timedelta(seconds=1))
    delivery_tasks.dispatch()
    before = program.get(f"{address}/mailing").json()
    clock.move_to(SLOT + timedelta(seconds=1))
    delivery_tasks.dispatch()
    begun = program.get(f"{address}/mailing").json()

    assert (before["status"], before["total"]) == ("scheduled", 0)
    assert (begun["status"], begun["total"]) in {("sending", 2), ("sent", 2)}


@pytest.mark.django_db(transaction=True)
def test_a_program_is_told_that_an_issue_would_reach_nobody_yet(box, clock, settings, english):
    make_subscriber()
    settings.MAILERS = settings.MAILERS | {"bulk": settings.MAILERS["default"]}
    program = Program(make_helper(EDITOR, name="edith", email="edith@example.org"))
    address = prepared(program)

    etag = program.get(address).headers["ETag"]
    answer = program.post(f"{address}/schedule", {"at": "next-slot"}, match=etag)

    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        "This would reach nobody yet. All mail ends in the outbox of this site. "
        "Enter a mail server under Settings, Sender, or set MAIL_URL."
    )
    assert not Mailing.objects.exists()
