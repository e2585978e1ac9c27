"""A slot leaves an issue or a notice: what goes by itself, what does not, and what the author is told of it."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine

from newsletter.delivery.author import reminder_mails, reminders
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning import approving
from newsletter.issues import schedule
from newsletter.issues.models import Issue, Shift
from newsletter.mail.mailers import mailer_from_url
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post, make_publication
from tests.support.letters import mails_in
from tests.support.processes import free_port

SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)  # 08:00 in Taipei
NEXT = SLOT + timedelta(days=14)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def publication(db):
    make_publication(
        sender_email="news@news.example.org",
        cadence_anchor_on=date(2026, 11, 3),
        cadence_at=time(8, 0),
        unapproved="go",
        hold_minutes=0,
    )
    Publication.objects.update(updated_at=SLOT - 30 * DAY)


@pytest.fixture
def issue(box):
    made = make_issue(make_post("管理槓桿"), number=7, subject="第七期")
    Issue.objects.update(created_at=SLOT - 10 * DAY)
    return made


def change(**fields):
    make_publication(**fields)


def look(now):
    """Do what the task does."""
    reminders.record_due(now)
    reminders.send_due(now)
    reminders.send_unanswered(now)
    reminders.record_missed(now)


def run(until, *, since=SLOT - DAY, every=2 * HOUR, down=()):
    """Let the task run from `since` to `until`, but for the times in `down` (a pair).

    In life it runs each minute. Here it runs when something is due, and some times between, when nothing is.
    """
    now = since
    while now <= until:
        if not down or not down[0] <= now < down[1]:
            look(now)
        now += every


def mails(box):
    return [mail for mail in mails_in(box) if mail["Subject"].startswith("Not sent")]


def sent():
    return list(Mailing.objects.exclude(state="cancelled").order_by("send_at").values_list("send_at", flat=True))


def reasons():
    return [(row.slot_at, row.reason) for row in Reminder.objects.filter(kind="missed")]


# --- The table: what happens between letter and slot, what goes, and what is told ---


def nothing(issue):
    pass


def rhythm_moved_by_a_week(issue):
    change(cadence_anchor_on=date(2026, 11, 10))


def rhythm_moved_by_a_day(issue):
    change(cadence_anchor_on=date(2026, 11, 4))


def time_moved(issue):
    change(cadence_at=time(9, 0))


def text_mended(issue):
    issue.subject = "第七期，改了一個字"
    issue.save()


def post_taken_back(issue):
    issue.items.get().post.__class__.objects.update(published_at=None)


def sign_up_closed(issue):
    change(takes_readers=False)


def set_to_wait(issue):
    change(unapproved="wait")


@pytest.mark.parametrize(
    ("happens", "goes", "told"),
    [
        (nothing, [SLOT], []),
        (sign_up_closed, [SLOT], []),
        (rhythm_moved_by_a_week, [], [(SLOT, "off_rhythm")]),
        (time_moved, [], [(SLOT, "off_rhythm")]),
        (text_mended, [], [(SLOT, "edited")]),
        (post_taken_back, [], [(SLOT, "obstacle")]),
        (set_to_wait, [], [(SLOT, "unanswered")]),
    ],
)
def test_what_happens_after_the_letter_decides_and_is_told(box, issue, happens, goes, told):
    look(SLOT - DAY)
    happens(issue)

    run(SLOT, since=SLOT - 22 * HOUR)
    look(SLOT + 30 * MINUTE)

    assert sent() == goes
    assert reasons() == told
    look(SLOT + HOUR)
    assert len(mails(box)) == len(told)


def test_what_would_lose_text_does_not_go_by_itself_and_the_notice_says_what(box, issue):
    issue.items.get().post.__class__.objects.update(body="第一段。\n\n<script>\nlet 乙 = 1\n</script>")

    run(SLOT)
    look(SLOT + HOUR)

    assert sent() == []
    assert reasons() == [(SLOT, "unshown")]
    [told] = mails(box)
    assert "let 乙 = 1" in told.get_body(("plain",)).get_content()


def test_an_anchor_that_is_moved_by_a_day_gives_one_issue_not_two(box, issue):
    look(SLOT - DAY)
    rhythm_moved_by_a_day(issue)

    run(SLOT + 2 * DAY, every=6 * HOUR)

    assert sent() == [SLOT + DAY]
    assert reasons() == [(SLOT, "off_rhythm")]


def test_two_issues_never_leave_within_seven_days_by_themselves(box, issue):
    run(SLOT, every=2 * MINUTE, since=SLOT - 10 * MINUTE)
    assert sent() == [SLOT]
    Mailing.objects.update(state="sent", planned_at=SLOT)
    Issue.objects.update(sent_at=SLOT)
    make_issue(make_post("乙"), number=8, subject="第八期")
    Issue.objects.filter(number=8).update(created_at=SLOT - 10 * DAY)
    change(cadence_anchor_on=date(2026, 12, 6))
    soon = SLOT + 5 * DAY

    run(soon + 6 * HOUR, since=SLOT + 6 * HOUR, every=6 * HOUR)

    assert sent() == [SLOT]
    assert reasons() == [(soon, "too_soon")]
    assert "Dec. 1, 2026, 08:00" in Reminder.objects.get(kind="missed").detail


def test_exactly_seven_days_are_enough_even_when_the_clock_goes_forward(box, issue):
    """In Berlin a week over the 28th of March 2027 has an hour less."""
    change(time_zone="Europe/Berlin", cadence_anchor_on=date(2027, 3, 23), cadence_days=7)
    first, second = datetime(2027, 3, 23, 7, 0, tzinfo=UTC), datetime(2027, 3, 30, 6, 0, tzinfo=UTC)
    run(first, since=first - DAY, every=3 * HOUR)
    Mailing.objects.update(state="sent")
    Issue.objects.update(sent_at=first)
    make_issue(make_post("乙"), number=8, subject="第八期")

    run(second + 3 * HOUR, since=second - DAY, every=3 * HOUR)

    assert sent() == [first, second]
    assert reasons() == []


@pytest.mark.parametrize(("before", "goes"), [("tuesday", True), ("wednesday", False)])
def test_tuesdays_and_fridays_are_no_accident_and_a_wednesday_is(box, issue, before, goes):
    change(cadence_rule="FREQ=WEEKLY;BYDAY=TU,FR")
    at = SLOT if before == "tuesday" else SLOT + DAY
    approving.approve(issue, send_at=at, now=SLOT - HOUR, hold=timedelta())
    Mailing.objects.update(state="sent")
    Issue.objects.update(sent_at=at)
    make_issue(make_post("乙"), number=8, subject="第八期")
    friday = SLOT + 3 * DAY

    run(friday + 3 * HOUR, since=friday - DAY, every=3 * HOUR)

    assert sent() == ([at, friday] if goes else [at])
    assert reasons() == ([] if goes else [(friday, "too_soon")])


def test_of_slots_on_every_working_day_a_missed_one_is_reported_at_once(box, issue):
    change(cadence_rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")
    Publication.objects.update(updated_at=SLOT - 30 * DAY)

    reminders.record_missed(SLOT + MINUTE)

    assert reasons() == [(SLOT, "down")]


# --- Times in which nothing runs ---


@pytest.mark.parametrize(("hours", "goes"), [(5, True), (7, False)])
def test_down_over_the_slot_it_goes_late_for_six_hours_and_is_told_of_afterwards(box, issue, hours, goes):
    look(SLOT - DAY)
    up_again = SLOT + hours * HOUR

    look(up_again)
    look(up_again + MINUTE)

    assert sent() == ([up_again] if goes else [])
    assert reasons() == ([] if goes else [(SLOT, "down")])
    assert len(mails(box)) == (0 if goes else 1)


def test_down_from_before_the_letter_is_told_of_too(box, issue):
    look(SLOT + 7 * HOUR)

    assert sent() == []
    assert reasons() == [(SLOT, "down")]


def test_an_issue_that_could_not_be_a_letter_is_told_of_with_what_was_missing(box, issue):
    Issue.objects.update(subject=" ")

    run(SLOT + HOUR, every=HOUR)
    look(SLOT + 2 * HOUR)

    assert reasons() == [(SLOT, "obstacle")]
    assert Reminder.objects.get(kind="missed").detail == "Issue 7 has no subject yet."
    assert "Issue 7 has no subject yet." in mails(box)[0].get_body(("plain",)).get_content()


def test_a_letter_that_could_not_be_mailed_is_told_of_once_mail_is_back(box, issue, settings):
    working = settings.MAILERS
    settings.MAILERS = working | {"default": mailer_from_url(f"smtp://127.0.0.1:{free_port()}", outbox=box)}
    run(SLOT, every=3 * HOUR)
    settings.MAILERS = working

    run(SLOT + 3 * HOUR, since=SLOT + HOUR, every=HOUR)

    assert sent() == []
    assert reasons() == [(SLOT, "untold")]
    assert len(mails(box)) == 1


def test_after_the_author_was_told_it_does_not_go_after_all(box, issue):
    look(SLOT - DAY)
    change(unapproved="wait")
    look(SLOT + MINUTE)
    change(unapproved="go")

    run(SLOT + 5 * HOUR, since=SLOT + 2 * MINUTE, every=HOUR)

    assert sent() == []


# --- What needs no notice ---


def test_what_its_author_decided_needs_no_notice(box, issue):
    look(SLOT - DAY)
    approving.approve(issue, send_at=SLOT, now=SLOT - 20 * HOUR, hold=timedelta()).cancel(SLOT - 19 * HOUR)

    run(SLOT + 8 * HOUR, every=4 * HOUR)

    assert (sent(), reasons()) == ([], [])


def test_an_issue_that_its_author_scheduled_for_later_needs_no_notice(box, issue):
    look(SLOT - DAY)
    approving.approve(issue, send_at=SLOT + 2 * DAY, now=SLOT - 20 * HOUR, hold=timedelta())

    run(SLOT + 8 * HOUR, every=4 * HOUR)

    assert (sent(), reasons()) == ([SLOT + 2 * DAY], [])


@pytest.mark.parametrize("answer", [reminders.move, reminders.skip])
def test_a_slot_that_was_moved_or_skipped_needs_no_notice(box, issue, answer):
    look(SLOT - DAY)
    answer(Reminder.objects.get(kind="letter"), SLOT - 20 * HOUR)

    run(SLOT + 8 * HOUR, every=4 * HOUR)

    assert (sent(), reasons()) == ([], [])


def test_a_slot_without_any_issue_needs_no_notice(box):
    run(SLOT + 8 * HOUR, every=4 * HOUR)

    assert reasons() == []


def test_a_slot_that_a_new_rhythm_made_in_the_past_needs_no_notice(box, issue):
    Publication.objects.update(updated_at=SLOT + HOUR)

    look(SLOT + 2 * HOUR)

    assert reasons() == []


def test_an_issue_that_was_composed_after_the_slot_needs_no_notice(box, issue):
    Issue.objects.update(created_at=SLOT + HOUR)

    look(SLOT + 2 * HOUR)

    assert reasons() == []


# --- The notice and the old letter's links ---


def test_the_notice_says_what_why_and_when_it_can_go(box, issue):
    look(SLOT - DAY)
    text_mended(issue)
    look(SLOT)
    look(SLOT + MINUTE)
    look(SLOT + 2 * MINUTE)

    [mail] = mails(box)
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"] == "Not sent: #7 第七期，改了一個字"
    assert "Dec. 1, 2026, 08:00" in text
    assert "the issue was changed after the letter to approve" in text
    assert "Dec. 15, 2026, 08:00" in text
    assert f"https://news.example.org/admin/issues/issue/{issue.pk}/change/" in text


def test_an_old_letters_link_schedules_no_slot_that_is_none_any_more(box, issue):
    look(SLOT - DAY)
    letter = Reminder.objects.get(kind="letter")
    rhythm_moved_by_a_week(issue)

    with pytest.raises(reminders.NotASlot):
        reminders.approve(letter, SLOT - 20 * HOUR)

    letter.refresh_from_db()
    assert (letter.answer, sent()) == ("", [])


def test_the_page_of_an_old_letter_says_when_the_next_slot_is(client, box, issue, settings):
    look(SLOT - DAY)
    rhythm_moved_by_a_week(issue)
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("smtp://localhost:25", outbox=None)}

    page = f"/approve/{reminder_mails.approve_token(Reminder.objects.get(kind='letter'))}/"

    with time_machine.travel(SLOT - 20 * HOUR):
        shown = client.post(page, {"do": "approve"}).text

    assert "The rhythm was moved since this letter" in shown
    assert "Dec. 8, 2026, 08:00" in shown
    assert "<form" not in shown.partition("<main")[2].partition("</main")[0]
    assert sent() == []


def test_a_moved_issue_goes_at_its_new_time(box, issue):
    look(SLOT - DAY)
    reminders.move(Reminder.objects.get(kind="letter"), SLOT - 20 * HOUR)

    run(SLOT + 7 * DAY, since=SLOT, every=12 * HOUR)

    assert sent() == [SLOT + 7 * DAY]


# --- Shifts ---


def shift_skips(issue):
    schedule.skip_slot(SLOT.date(), SLOT - 20 * HOUR)


def shift_moves_it_away(issue):
    schedule.move_slot(SLOT.date(), SLOT - 20 * HOUR, to_on=SLOT.date() + 3 * DAY, to_at=time(8, 0))


def vacation_covers_it(issue):
    schedule.add_vacation(SLOT.date() - DAY, SLOT.date() + DAY, SLOT - 20 * HOUR)


@pytest.mark.parametrize("shift", [shift_skips, shift_moves_it_away, vacation_covers_it])
def test_what_the_author_took_away_does_not_go_and_is_not_missed(box, issue, shift):
    look(SLOT - DAY)
    shift(issue)

    run(SLOT + 8 * HOUR, every=4 * HOUR)

    assert (sent(), reasons(), mails(box)) == ([], [], [])


def test_a_slot_moved_by_the_calendar_is_reminded_of_and_goes(box, issue):
    shift_moves_it_away(issue)

    run(SLOT + 3 * DAY, every=6 * HOUR)

    assert sent() == [SLOT + 3 * DAY]


def test_a_moved_slot_within_seven_days_of_another_issue_waits_for_its_author(box, issue):
    make_issue(make_post("下一篇"), number=8)
    Issue.objects.update(created_at=SLOT - 10 * DAY)
    schedule.move_slot(SLOT.date(), SLOT - 20 * HOUR, to_on=NEXT.date() - 3 * DAY, to_at=time(8, 0))

    run(NEXT + 12 * HOUR, every=12 * HOUR)

    assert sent() == [NEXT - 3 * DAY]
    assert reasons() == [(NEXT, "too_soon")]


def test_a_letters_answer_is_a_shift_that_the_whole_desk_sees(box, issue):
    look(SLOT - DAY)
    reminders.move(Reminder.objects.get(kind="letter"), SLOT - 20 * HOUR)
    week = SLOT + 7 * DAY
    look(week - DAY)
    reminders.skip(Reminder.objects.get(kind="letter", slot_at=week), week - 20 * HOUR)

    [shift] = Shift.objects.all()
    assert (shift.kind, shift.slot_on) == ("skipped", SLOT.date())
    assert schedule.next_slot(Publication.objects.fresh(), SLOT - DAY) == NEXT


def test_a_week_later_is_behind_a_vacation(box):
    schedule.add_vacation(SLOT.date() + 6 * DAY, SLOT.date() + 15 * DAY, SLOT - DAY)

    assert reminders.week_later(SLOT) == SLOT + 21 * DAY
