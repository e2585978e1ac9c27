"""The links in the author's letter: a look changes nothing, a press answers once, and only to what was shown."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User

from newsletter.delivery.author import icalendar_feed, reminder_mails, reminders
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning import approving
from newsletter.issues import schedule
from newsletter.mail import tokens
from newsletter.mail.mailers import mailer_from_url
from newsletter.publication.models import Change, Publication
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber
from tests.support.letters import mails_in

SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
NOW = SLOT - timedelta(hours=20)

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def issue(db):
    make_publication(sender_email="news@news.example.org", cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0))
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期")


@pytest.fixture
def letter(issue, settings, tmp_path):
    """The reminder whose letter was mailed a day before the slot."""
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=tmp_path)}
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    reminders.record_due(SLOT - timedelta(hours=24))
    reminders.send_due(SLOT - timedelta(hours=24))
    return Reminder.objects.get()


@pytest.fixture
def door(letter, settings):
    """The link, on a site that sends real mail."""
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("smtp://localhost:25", outbox=None)}
    return f"/approve/{reminder_mails.approve_token(letter)}/"


def edit(issue):
    post = issue.items.get().post
    post.body = "第一段。\n\n新的一段。"
    post.save()


@pytest.mark.parametrize("do", ["", "approve", "move", "skip", "nonsense"])
def test_a_look_changes_nothing_whatever_the_link_says(client, letter, door, do):
    response = client.get(door, {"do": do})
    client.head(door, {"do": do})

    letter.refresh_from_db()
    assert response.status_code == 200
    assert "Send this issue?" in response.text
    assert (letter.answer, Mailing.objects.count()) == ("", 0)
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert not response.cookies


def test_a_press_approves_for_the_slot(client, letter, door):
    response = client.post(door, {"do": "approve"})

    assert "Approved" in response.text
    assert Mailing.objects.get().send_at == SLOT
    assert Mailing.objects.get().content_hash == letter.content_hash


def test_a_second_press_of_any_kind_changes_nothing(client, letter, door):
    client.post(door, {"do": "approve"})

    for do in ("approve", "move", "skip"):
        assert "Approved" in client.post(door, {"do": do}).text

    letter.refresh_from_db()
    assert (letter.answer, letter.moved_to, Mailing.objects.count()) == ("approved", None, 1)


def test_a_week_is_told_before_and_after(client, letter, door):
    assert "A week later is Dec. 8, 2026, 08:00" in client.get(door).text

    response = client.post(door, {"do": "move"})

    letter.refresh_from_db()
    assert letter.moved_to == SLOT + timedelta(days=7)
    assert "The new time is Dec. 8, 2026, 08:00" in response.text


def test_a_slot_is_skipped(client, letter, door):
    response = client.post(door, {"do": "skip"})

    letter.refresh_from_db()
    assert letter.answer == "skipped"
    assert "This slot is skipped" in response.text


@pytest.mark.parametrize("do", ["", "cancel", "APPROVE"])
def test_an_unknown_wish_changes_nothing(client, letter, door, do):
    client.post(door, {"do": do})

    letter.refresh_from_db()
    assert letter.answer == ""


# --- What was shown is what is approved ---


def test_an_edit_voids_the_approval_and_the_page_shows_what_changed(client, issue, letter, door):
    edit(issue)

    page = client.get(door)

    assert "The issue has changed since this letter" in page.text
    assert "<ins>新的一段。</ins>" in page.text
    assert 'value="approve"' not in page.text
    assert 'value="skip"' in page.text


def test_what_was_edited_cannot_be_approved_even_from_an_old_page(client, issue, letter, door):
    edit(issue)

    response = client.post(door, {"do": "approve"})

    letter.refresh_from_db()
    assert response.status_code == 409
    assert (letter.answer, Mailing.objects.count()) == ("", 0)


def test_an_edit_that_is_taken_back_opens_the_approval_again(client, issue, door):
    issue.subject = "改了"
    issue.save()
    assert "has changed" in client.get(door).text

    issue.subject = "第七期"
    issue.save()

    assert "Send this issue?" in client.get(door).text


def test_another_sender_voids_it_though_the_words_are_the_same(client, door):
    make_publication(sender_name="別人")

    assert "The words are the same; sender, look or pictures are not." in client.get(door).text


def test_what_cannot_be_sent_any_more_says_why(client, issue, letter, door):
    issue.items.get().post.__class__.objects.update(published_at=None)

    response = client.post(door, {"do": "approve"})

    letter.refresh_from_db()
    assert response.status_code == 409
    assert letter.answer == ""


# --- When it is too late ---


def test_after_the_slot_nothing_can_be_answered(client, letter, door, clock):
    clock.move_to(SLOT)

    for do in ("approve", "move", "skip"):
        assert "This slot has passed" in client.post(door, {"do": do}).text

    letter.refresh_from_db()
    assert (letter.answer, Mailing.objects.count()) == ("", 0)


@pytest.mark.parametrize("days", [0, 3])
def test_an_issue_that_was_approved_at_the_desk_is_left_alone(client, issue, letter, door, days):
    mailing = approving.approve(issue, send_at=SLOT + timedelta(days=days), now=NOW, hold=timedelta())

    response = client.post(door, {"do": "approve"})

    letter.refresh_from_db()
    assert letter.answer == ""
    assert "An issue is scheduled" in response.text
    assert Mailing.objects.get().send_at == mailing.send_at


# --- Who may ---


@pytest.mark.parametrize("token", ["x", "1" + "0" * 16, "a" * 60, "１"])
def test_a_link_that_was_never_given_out_opens_nothing(client, letter, token):
    assert client.post(f"/approve/{token}/", {"do": "approve"}).status_code == 404


def test_a_token_of_another_purpose_or_slot_opens_nothing(client, letter):
    for token in (
        tokens.sign("unsubscribe", letter.pk),
        tokens.sign("approve", letter.pk),
        tokens.sign("approve", letter.pk, "1"),
    ):
        assert client.get(f"/approve/{token}/").status_code == 404


def test_after_a_restore_a_lost_letter_approves_no_other_one_of_its_slot(client, letter, door):
    token, old = (
        reminder_mails.approve_token(letter),
        tokens.sign("approve", letter.pk, f"{letter.slot_at.timestamp():.0f}"),
    )
    Reminder.objects.filter(pk=letter.pk).update(token_salt="made anew")
    letter.refresh_from_db()

    for lost in (token, old):
        assert client.post(f"/approve/{lost}/", {"do": "approve"}).status_code == 404
    assert client.get(f"/approve/{reminder_mails.approve_token(letter)}/").status_code == 200


def test_a_draft_has_no_link(client, letter):
    draft = Reminder.objects.create(kind="draft", slot_at=SLOT, issue=letter.issue, at=NOW, due_at=NOW)

    assert client.get(f"/approve/{reminder_mails.approve_token(draft)}/").status_code == 404


def test_guessing_has_an_end(client, letter):
    codes = [client.get(f"/approve/1{'a' * 15}{number % 10}/").status_code for number in range(61)]

    assert codes[59:] == [404, 429]


# --- The outbox ---


@pytest.fixture
def kept(letter):
    """The link in a letter that went to the outbox, where others than its receiver read it."""
    return f"/approve/{reminder_mails.approve_token(letter)}/"


def test_a_link_in_the_outbox_asks_a_stranger_to_log_in(client, letter, kept):
    response = client.post(kept, {"do": "approve"})

    letter.refresh_from_db()
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/login/?next={kept}")
    assert letter.answer == ""


def test_a_helper_who_reads_the_outbox_does_not_approve_an_issue_by_it(client, letter, kept):
    client.force_login(make_helper("reader-care"))

    response = client.post(kept, {"do": "approve"})

    letter.refresh_from_db()
    assert response.status_code == 403
    assert "send issues to readers" in response.text
    assert letter.answer == ""


def test_who_may_send_answers_a_letter_in_the_outbox(client, letter, kept):
    client.force_login(make_helper("editor"))

    client.post(kept, {"do": "approve"})

    letter.refresh_from_db()
    assert letter.answer == "approved"


def test_who_tries_the_product_on_his_own_machine_is_not_asked(client, letter, kept, settings):
    settings.SITE_URL = "http://127.0.0.1:8000"

    assert client.get(kept).status_code == 200


# --- The calendar ---


def calendar_path():
    return icalendar_feed.calendar_url(make_publication()).removeprefix("https://news.example.org")


def events(client):
    """Return the UID, time and summary of each event."""
    lines = client.get(calendar_path()).text.replace("\r\n ", "").split("\r\n")
    values = [line.partition(":")[2] for line in lines if line.startswith(("UID:", "DTSTART:", "SUMMARY:"))]
    return list(zip(values[::3], values[1::3], values[2::3], strict=True))


def test_the_calendar_has_the_slots_ahead(client, issue):
    response = client.get(calendar_path())

    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in response.headers["Cache-Control"]
    assert response.text.count("BEGIN:VEVENT") == 27
    assert "DTSTART:20261201T000000Z" in response.text
    assert "SUMMARY:Gipi電子報: an issue is due" in response.text


@pytest.mark.parametrize("token", ["1", "1aaaaaaaaaaaaaaaa", "x" * 40])
def test_a_calendar_needs_its_token(client, issue, token):
    assert client.get(f"/calendar/{token}.ics").status_code == 404


def test_a_slot_keeps_its_uid_when_it_is_moved_and_leaves_when_it_is_skipped(client, issue):
    first = events(client)[0]
    schedule.move_slot(SLOT.date(), NOW, to_on=SLOT.date() + timedelta(days=1), to_at=time(9, 0))
    moved = events(client)[0]
    schedule.skip_slot(SLOT.date(), NOW)
    skipped = events(client)[0]

    assert first[:2] == ("slot-20261201@news.example.org", "20261201T000000Z")
    assert moved[:2] == ("slot-20261201@news.example.org", "20261202T010000Z")
    assert skipped[:2] == ("slot-20261215@news.example.org", "20261215T000000Z")


def test_a_scheduled_issue_has_its_title_at_its_slot_and_elsewhere(client, issue):
    elsewhere = SLOT + timedelta(days=2)
    approving.approve(issue, send_at=SLOT, now=NOW, hold=timedelta())
    other = make_issue(make_post("另一篇"), number=8, subject="第八期")
    mailing = approving.approve(other, send_at=elsewhere, now=NOW, hold=timedelta())

    assert events(client)[:3] == [
        ("slot-20261201@news.example.org", "20261201T000000Z", "#7 第七期"),
        (f"mailing-{mailing.pk}@news.example.org", "20261203T000000Z", "#8 第八期"),
        ("slot-20261215@news.example.org", "20261215T000000Z", "Gipi電子報: an issue is due"),
    ]


def test_the_same_calendar_is_the_same_bytes_and_a_change_has_a_newer_stamp(client, issue, clock):
    before = client.get(calendar_path()).content
    clock.shift(timedelta(minutes=5))
    again = client.get(
        icalendar_feed.calendar_url(Publication.objects.fresh()).removeprefix("https://news.example.org")
    )
    schedule.skip_slot(SLOT.date(), NOW + timedelta(minutes=5))
    schedule.restore_slot(SLOT.date(), NOW + timedelta(minutes=6))
    address = icalendar_feed.calendar_url(Publication.objects.fresh()).removeprefix("https://news.example.org")

    assert again.content == before
    assert b"DTSTAMP:20261130T040600Z" in client.get(address).content


def test_a_renewed_link_makes_the_old_one_unknown(client, issue):
    old = calendar_path()
    icalendar_feed.renew_calendar_url(Publication.objects.fresh(), NOW)
    new = calendar_path()

    assert old != new
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200
    assert [(one.about, one.detail) for one in Change.objects.all()] == [
        ("publication.publication", {"fields": ["calendar_salt"]})
    ]


# --- What readers would not get as it was typed ---


@pytest.fixture
def losing(issue):
    issue.items.get().post.__class__.objects.update(body="開頭。\n\n<script>\nlet 乙 = 1\n</script>")


def test_a_letter_that_would_lose_text_is_approved_at_the_desk_alone(losing, letter, door, client):
    page = client.get(door)
    pressed = client.post(door, {"do": "approve"})

    letter.refresh_from_db()
    assert "Readers would not get this as you typed it" in page.text
    assert "let 乙 = 1" in page.text
    assert 'value="approve"' not in page.text
    assert pressed.status_code == 409
    assert "let 乙 = 1" in pressed.text
    assert (letter.answer, Mailing.objects.count()) == ("", 0)


def test_such_a_letter_says_on_top_that_it_goes_nowhere_yet(losing, letter, tmp_path):
    [mail] = mails_in(tmp_path)

    text = mail.get_body(("plain",)).get_content()
    assert "let 乙 = 1" in text.partition("──")[0]
    assert "Until then it is sent neither by itself nor by the link below." in text
    assert "Without your a" not in text


# --- Many readers: the number is typed here too ---


@pytest.fixture
def many(letter):
    """More readers than the author lets pass without the number."""
    make_publication(number_typed_above=1)
    for _ in range(2):
        make_subscriber()


@pytest.mark.parametrize("typed", ["", "8", "seven", "７"])
def test_an_issue_to_many_readers_is_not_approved_without_its_number(client, many, door, typed):
    response = client.post(door, {"do": "approve", "number": typed})

    assert response.status_code == 409
    assert "Type 7, the number of this issue." in response.text
    assert not Mailing.objects.exists()


def test_an_issue_to_many_readers_is_approved_by_its_number(client, many, door):
    page = client.get(door)
    client.post(door, {"do": "approve", "number": " 7 "})

    assert "More than 1 readers: type the number of the issue to approve it" in page.text
    assert Mailing.objects.get().issue.number == 7
