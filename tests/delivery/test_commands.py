import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from newsletter.delivery.management.commands import send_issue
from newsletter.delivery.models import Mailing, Restoration
from tests.delivery.conftest import NOW, Provider
from tests.factories import make_issue, make_post, make_subscriber


def manage(*words, **options):
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def status(number):
    return json.loads(manage("mailing_status", str(number), "--json"))


def test_the_status_of_an_unsent_issue_is_none(issue):
    assert status(7) == {
        "number": 7,
        "status": "none",
        "total": 0,
        "queued": 0,
        "sending": 0,
        "sent": 0,
        "failed": 0,
        "uncertain": 0,
        "skipped": 0,
    }


def test_the_status_of_a_sent_issue_adds_up(make_mailing, run):
    mailing = make_mailing("abc")
    run(mailing, Provider())
    mailing.finish(timezone.now())

    answer = status(7)

    assert (answer["status"], answer["total"], answer["sent"]) == ("sent", 3, 3)


def test_the_status_of_an_issue_that_is_not_there_is_an_error(db):
    with pytest.raises(CommandError, match=r"There is no issue 99\."):
        status(99)


def test_send_issue_takes_the_next_unsent_issue_and_prints_its_number_first(issue):
    make_issue(make_post(), number=8)

    told = manage("send_issue")

    assert told.splitlines()[0] == "7"
    assert Mailing.objects.get().issue == issue


def test_send_issue_waits_for_the_hold(issue):
    manage("send_issue", "7")

    mailing = Mailing.objects.get()
    assert timedelta(minutes=2.9) < mailing.send_at - mailing.approved_at <= timedelta(minutes=3)


def test_send_issue_without_hold_begins_now(issue):
    manage("send_issue", "7", "--no-hold")

    mailing = Mailing.objects.get()
    assert mailing.send_at == mailing.approved_at


def test_send_issue_brings_a_scheduled_issue_forward(issue):
    manage("send_issue", "7")
    Mailing.objects.update(send_at=timezone.now() + timedelta(days=3))

    manage("send_issue", "7", "--no-hold")

    assert Mailing.objects.get().send_at <= timezone.now()


def test_send_issue_of_a_sent_issue_sends_nothing(make_mailing):
    mailing = make_mailing("")
    mailing.finish(timezone.now())

    told = manage("send_issue", "7", "--wait")

    assert told.splitlines()[1].startswith("sent: 0 of 0")
    assert Mailing.objects.count() == 1


def test_send_issue_says_why_it_cannot(publication):
    make_issue(number=3)

    with pytest.raises(CommandError, match=r"Issue 3 has no posts yet\."):
        manage("send_issue", "3")


def test_send_issue_without_any_issue_says_so(publication):
    with pytest.raises(CommandError, match=r"There is no unsent issue\."):
        manage("send_issue")


def test_waiting_without_a_worker_ends_with_a_reason(issue, monkeypatch):
    monkeypatch.setattr(send_issue, "WORKER_PATIENCE", timedelta())

    with pytest.raises(CommandError, match="No worker has taken up the mailing"):
        manage("send_issue", "7", "--wait", "--no-hold")

    assert Mailing.objects.get().state == Mailing.State.SCHEDULED


def test_waiting_while_it_is_undecided_whether_the_database_was_put_back_ends_with_the_reason(make_mailing):
    make_mailing()
    Restoration.objects.create(noticed_at=NOW)

    with pytest.raises(CommandError, match=r"put back, copied or moved: .* decided at http.*/admin/restored/\."):
        manage("send_issue", "7", "--wait")


def test_waiting_for_a_paused_mailing_ends_with_the_reason(make_mailing):
    make_mailing().pause("535 authentication failed")

    with pytest.raises(CommandError, match=r"The mailing is paused\. 535 authentication failed"):
        manage("send_issue", "7", "--wait")


def test_a_test_copy_is_the_real_letter_and_counted_nowhere(issue, bulk_smtp):
    make_subscriber()

    told = manage("send_test", "7", "me@example.org")

    copy = bulk_smtp.received()[0]
    assert told == "me@example.org: sent\n"
    assert copy.message["Subject"] == "[Test] 第七期"
    assert "第一段。" in copy.html
    assert not Mailing.objects.exists()


def test_a_test_copy_tells_what_the_server_said(issue, bulk_smtp):
    with pytest.raises(CommandError, match=r"refuse-x@example\.org: failed: 550"):
        manage("send_test", "7", "refuse-x@example.org")
