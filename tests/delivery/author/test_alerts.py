"""The author hears once of what happened to a mailing, and never at the cost of sending it."""

from datetime import timedelta

import pytest

from newsletter.delivery import tasks
from newsletter.delivery.author import alerts
from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.mailing import Alert
from newsletter.delivery.planning import beginning
from newsletter.delivery.provider.outcomes import ProviderRejection
from tests.delivery.conftest import NOW, Provider
from tests.factories import make_helper, make_publication
from tests.support.letters import mails_in

MINUTE = timedelta(minutes=1)


def told(box, now=NOW):
    """Look, tell, and return the subjects of all mails so far."""
    alerts.record_alerts(now)
    alerts.send_due(now)
    return [mail["Subject"] for mail in mails_in(box)]


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def test_a_provider_that_refuses_is_told_with_its_words_and_a_link(box, make_mailing, run):
    mailing = make_mailing("ab")
    run(mailing, Provider(a=ProviderRejection("535 bad credentials")))

    assert told(box) == ["Paused: #7 第七期"]

    (mail,) = mails_in(box)
    assert mail["To"] == "gipi@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "The mail server said: 535 bad credentials" in text_of(mail)
    assert f"https://news.example.org/admin/delivery/mailing/{mailing.pk}/" in text_of(mail)


def test_an_author_is_told_once_however_often_the_task_runs(box, make_mailing):
    make_mailing("ab").pause("535 bad credentials")

    told(box)
    told(box, NOW + MINUTE)

    assert told(box, NOW + 20 * MINUTE) == ["Paused: #7 第七期"]


def test_a_second_pause_is_told_again(box, make_mailing):
    mailing = make_mailing("ab")
    mailing.pause("535 bad credentials")
    told(box)
    mailing.resume(NOW, MINUTE)
    told(box, NOW + MINUTE)

    mailing.pause("535 bad credentials")

    assert told(box, NOW + 2 * MINUTE) == ["Paused: #7 第七期"] * 2


def test_what_the_author_did_himself_is_not_told(box, make_mailing):
    make_mailing("ab").pause("words that may be anything", Mailing.Cause.AUTHOR)

    assert told(box) == []


def test_a_pause_without_words_is_told_unless_the_author_made_it(box, make_mailing):
    make_mailing("ab").pause("")

    assert told(box) == ["Paused: #7 第七期"]


def test_a_late_mailing_waits_for_its_author_and_says_so(box, make_mailing):
    make_mailing("ab", planned=False)
    later = NOW + timedelta(hours=7)
    beginning.begin_due(later)

    assert told(box, later) == ["Waits for you: #7 第七期"]
    assert "It was due at 2026-11-03" in text_of(mails_in(box)[0])


def test_a_mailing_that_waits_after_a_downtime_is_told_with_its_reason(box, make_mailing):
    make_mailing("ab").pause("Nothing was running here.", Mailing.Cause.DOWNTIME)

    assert told(box, NOW) == ["Waits for you: #7 第七期"]
    text = text_of(mails_in(box)[0])
    assert "waits, because nothing was running for a while" in text
    assert "The mail server said" not in text


def test_a_mailing_that_no_worker_took_up_is_told_by_the_first_that_comes(box, make_mailing):
    make_mailing("ab", planned=False)
    alerts.record_unattended(NOW + 9 * MINUTE)
    assert not Alert.objects.exists()

    alerts.record_unattended(NOW + 11 * MINUTE)
    alerts.record_unattended(NOW + 12 * MINUTE)

    assert [one.kind for one in Alert.objects.all()] == ["unattended"]
    assert told(box, NOW + 12 * MINUTE) == ["No worker for #7 第七期"]


def test_a_finished_mailing_is_summed_up(box, make_mailing):
    mailing = make_mailing("abcd")
    mailing.batches.update(state=Batch.State.DONE, sent=2, failed=1, uncertain=1)
    mailing.finish(NOW)

    assert told(box) == ["Sent: #7 第七期"]

    text = text_of(mails_in(box)[0])
    for line in ["readers: 4", "sent: 2", "failed: 1", "uncertain: 1", "skipped: 0"]:
        assert line in text
    assert "Some copies are uncertain" in text


def test_a_summary_without_trouble_says_that_there_is_nothing_to_do(box, make_mailing):
    mailing = make_mailing("ab")
    mailing.batches.update(state=Batch.State.DONE, sent=2)
    mailing.finish(NOW)
    told(box)

    assert "There is nothing to do." in text_of(mails_in(box)[0])


def test_uncertain_copies_are_told_while_the_mailing_goes_on(box, make_mailing):
    make_mailing("ab").batches.update(uncertain=1)

    assert told(box) == ["Some copies are uncertain: #7 第七期"]


@pytest.mark.parametrize(
    ("failed", "sent", "subjects"),
    [(4, 0, []), (5, 95, []), (6, 94, ["Many copies fail: #7 第七期"])],
)
def test_many_failures_are_an_alarm_and_one_bad_address_is_none(box, make_mailing, failed, sent, subjects):
    mailing = make_mailing("a")
    Mailing.objects.filter(pk=mailing.pk).update(total=1000)
    mailing.batches.update(failed=failed, sent=sent)

    assert told(box) == subjects


def test_what_was_given_up_long_ago_is_in_nobodys_way(box, make_mailing, monkeypatch):
    monkeypatch.setattr("newsletter.mail.mail_queue.ROWS_PER_RUN", 2)
    mailing, then = make_mailing("ab"), NOW - timedelta(days=4)
    for kind in ("late", "uncertain", "failing"):
        Alert.objects.create(mailing=mailing, kind=kind, at=then, due_at=then)
    mailing.pause("535 bad credentials")

    assert told(box) == ["Paused: #7 第七期"]


def test_everybody_who_may_send_is_told_in_one_mail_and_nobody_else(box, make_mailing):
    make_helper("editor", email="helper@example.org")
    make_helper("editor", email="gone@example.org", is_active=False)
    make_helper("editor", email="closed@example.org", is_staff=False)
    make_helper("editor", email="")
    make_helper("writer", "reader-care", email="writer@example.org")
    make_mailing("ab").pause("535 bad credentials")

    told(box)

    assert [mail["To"] for mail in mails_in(box)] == ["gipi@example.org, helper@example.org"]


def test_without_an_address_nobody_is_told_and_nothing_breaks(publication, make_mailing):
    make_mailing("ab").pause("535 bad credentials")
    alerts.record_alerts(NOW)

    assert alerts.send_due(NOW) == 0


def test_the_words_of_a_server_cannot_become_html(box, make_mailing):
    make_mailing("ab").pause("550 <b>no</b>")
    told(box)

    assert "&lt;b&gt;no" in mails_in(box)[0].get_body(("html",)).get_content()


def test_the_mail_speaks_the_language_of_the_publication(box, make_mailing):
    mailing = make_mailing("ab")
    make_publication(language="zh-hant", sender_email="news@news.example.org")
    mailing.pause("535 bad credentials")

    assert told(box) == ["已暫停：第 7 期 第七期"]


def test_the_task_looks_and_tells(box, make_mailing):
    make_mailing("ab").pause("535 bad credentials")

    tasks.tell_author()

    assert len(mails_in(box)) == 1
