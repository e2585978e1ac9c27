import email
import email.policy
from datetime import UTC, datetime, timedelta

import pytest
from django.core.mail import EmailMessage, mailers

from newsletter.mail import outbox
from newsletter.mail.message import MailContent, build_mail

NOW = datetime(2026, 11, 24, 1, 2, 3, 456, tzinfo=UTC)


def make_mail(number=1, *, to=("王「小」明", "reader@example.com"), **headers):
    letter = MailContent(f"第 {number} 期", f"<p>{number}</p>", f"{number}\n")
    given = {"Message-ID": f"<issue.{number}@example.org>", "Date": "Tue, 24 Nov 2026 08:00:00 +0800"} | headers
    return build_mail(letter, sender=("Gipi電子報", "news@example.org"), to=to, reply_to="", headers=given)


def keep(directory, number, *, to=("王「小」明", "reader@example.com")):
    octets = make_mail(number, to=to).message(policy=email.policy.SMTP).as_bytes()
    now = NOW + timedelta(seconds=number)
    return outbox.store_mail(directory, octets, message_id=f"<issue.{number}@example.org>", now=now)


@pytest.fixture
def mailer(settings, tmp_path):
    directory = tmp_path / "not yet" / "outbox"
    settings.MAILERS = {"default": {"BACKEND": outbox.BACKEND, "OPTIONS": {"directory": str(directory)}}}
    return mailers["default"]


# --- the mailer ---


def test_a_mail_becomes_a_file_that_real_mail_clients_read(mailer):
    assert mailer.send_messages([make_mail()]) == 1

    [file] = mailer.directory.glob("*.eml")
    octets = file.read_bytes()
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert octets == make_mail().message(policy=email.policy.SMTP).as_bytes()
    assert message["Subject"] == "第 1 期"
    assert not message.defects


def test_the_same_message_id_never_makes_a_second_file(mailer):
    mailer.send_messages([make_mail()])
    [first] = mailer.directory.glob("*.eml")
    written_at = first.stat().st_mtime_ns

    assert mailer.send_messages([make_mail(Date="Wed, 25 Nov 2026 08:00:00 +0800")]) == 1

    assert list(mailer.directory.glob("*.eml")) == [first]
    assert first.stat().st_mtime_ns == written_at


def test_django_s_own_messages_are_kept_too(mailer):
    mailer.send_messages([EmailMessage("x", "y", "a@example.org", ["b@example.org"])])

    assert len(outbox.mail_names(mailer.directory)) == 1


def test_a_mail_to_nobody_is_not_kept(mailer):
    assert mailer.send_messages([EmailMessage("x", "y", "a@example.org", [])]) == 0
    assert outbox.mail_names(mailer.directory) == []


def test_a_process_that_died_before_the_file_was_whole_left_no_mail_and_the_next_try_makes_it(tmp_path):
    name = keep(tmp_path, 1)
    (tmp_path / f"{name}.eml").unlink()  # killed between the claim and the rename
    (tmp_path / ".claims" / "new-half").write_bytes(b"Subject: ha")

    assert outbox.mail_names(tmp_path) == []
    assert keep(tmp_path, 1) == name
    assert outbox.mail_names(tmp_path) == [name]


# --- what the pages ask ---


def test_the_outbox_is_known_by_any_mailer_that_is_one(settings, tmp_path):
    real = {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": {"host": "localhost"}}
    kept = {"BACKEND": outbox.BACKEND, "OPTIONS": {"directory": str(tmp_path)}}

    settings.MAILERS = {"default": real, "bulk": kept}
    assert outbox.directory() == tmp_path

    settings.MAILERS = {"default": real, "bulk": real}
    assert outbox.directory() is None


def test_names_come_newest_first_and_other_files_are_left_alone(tmp_path):
    kept = [keep(tmp_path, number) for number in (2, 3, 1)]
    (tmp_path / "notes.eml").write_text("mine")
    (tmp_path / ".DS_Store").write_text("")

    assert outbox.mail_names(tmp_path) == sorted(kept, reverse=True)


def test_an_entry_shows_names_in_unicode_and_the_date_in_utc(tmp_path):
    name = keep(tmp_path, 1)

    assert outbox.read_summary(tmp_path, name) == outbox.MailSummary(
        name=name,
        sender="Gipi電子報 <news@example.org>",
        to="王「小」明 <reader@example.com>",
        subject="第 1 期",
        sent_at=datetime(2026, 11, 24, 0, 0, 0, tzinfo=UTC),
    )
