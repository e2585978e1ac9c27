"""What another program has mailed becomes issues of the archive, and can never be mailed from here."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import PlanningError
from newsletter.delivery.readers import missed
from newsletter.issues.archiving import NumberingError, PastMail, archive_mails, assign_numbers
from newsletter.issues.models import Issue
from subscribers.models.notes import Pause
from tests.factories import make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY = datetime(2024, 5, 6, 8, tzinfo=UTC)


def past(*subjects):
    return [PastMail(f"x:{n}", subject, DAY + timedelta(days=14 * n)) for n, subject in enumerate(subjects)]


def numbers(*subjects, taken=()):
    """Return the numbers that are proposed. taken: numbers of drafts, or with the days on which they were sent."""
    return [
        one.number
        for one in assign_numbers(past(*subjects), taken if isinstance(taken, dict) else dict.fromkeys(taken))
    ]


# --- Numbers ---


@pytest.mark.parametrize(
    ("subjects", "expected"),
    [
        (["甲", "乙", "丙"], [1, 2, 3]),
        (["#11 甲", "#12 乙", "#13 丙"], [11, 12, 13]),
        (["第 7 期：甲", "第8期", "第9 期"], [7, 8, 9]),
        (["Vol. 3", "Issue 4", "No.5"], [3, 4, 5]),
        (["#11 甲", "特刊", "#13 丙"], [11, 12, 13]),
        (["#11 甲", "特刊", "#12 丙"], [11, 13, 12]),
        (["特刊", "#1 甲", "#2 乙"], [3, 1, 2]),
        (["#2 甲", "#1 乙", "#3 丙"], [1, 2, 3]),
        (["甲 2024", "乙", "第 10000 人"], [1, 2, 3]),
        ([], []),
    ],
)
def test_numbers_are_read_where_they_rise_and_counted_else(subjects, expected):
    assert numbers(*subjects) == expected


LATER, EARLIER = DAY + timedelta(days=900), DAY - timedelta(days=900)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ({41: LATER, 42: LATER + timedelta(days=14)}, [1, 2, 3]),  # free numbers below the first
        ({4: LATER}, [1, 2, 3]),
        ({3: LATER}, [1, 2, 4]),  # two are free, three are needed
        ({1: LATER, 2: LATER, 3: None}, [4, 5, 6]),  # 3 is a draft
        ({7: EARLIER}, [8, 9, 10]),
        ({7: EARLIER, 20: LATER}, [8, 9, 10]),
        ({7: EARLIER, 8: None, 20: LATER}, [9, 10, 11]),
        ({2: EARLIER, 3: DAY + timedelta(days=7), 9: LATER}, [10, 4, 5]),  # between 2 and 3 none is free
    ],
)
def test_old_mails_get_numbers_between_those_of_the_issues_before_and_after_them_where_some_are_free(taken, expected):
    assert numbers("甲", "乙", "丙", taken=taken) == expected


# --- Issues ---


@pytest.fixture
def site(db):
    make_publication()
    with translation.override("en"):
        yield


@pytest.mark.parametrize("given", [[1, 1], [5, 6]])
def test_a_number_that_is_used_or_stands_twice_makes_no_issue_at_all(site, given):
    make_issue(number=5)
    for n in range(2):
        make_post(source=f"x:{n}")

    with pytest.raises(NumberingError, match="in use, or stand twice"):
        archive_mails([PastMail(f"x:{n}", "題", DAY, number=number) for n, number in enumerate(given)], NOW)
    assert Issue.objects.count() == 1


@pytest.fixture
def archived(site):
    post = make_post("舊文", source="x:0", published_at=DAY)
    archive_mails([PastMail("x:0", "第 12 期：舊文", DAY, "預覽", 12)], NOW)
    make_subscriber()
    return Issue.objects.get(posts=post)


def test_such_an_issue_stands_in_the_archive_with_its_day_and_subject(archived, client):
    assert (archived.number, archived.subject, archived.preheader) == (12, "第 12 期：舊文", "預覽")
    assert (archived.sent_at, archived.imported_at) == (DAY, NOW)
    page = client.get("/issues/12/").content.decode()
    assert "第 12 期：舊文" in page
    assert "舊文" in client.get("/issues/").content.decode()


def test_its_post_counts_as_mailed_and_waits_for_no_issue(archived):
    [post] = archived.posts.all()

    assert post.was_mailed
    assert not Mailing.objects.exists()


# --- Each way to send it ---


def by_approval(issue, client):
    approving.approve(issue, send_at=None, now=timezone.now(), hold=timedelta())


def by_correction(issue, client):
    approving.schedule_correction(issue, note="錯字", send_at=None, now=timezone.now(), hold=timedelta())


def by_command(issue, client):
    call_command("send_issue", str(issue.number), "--no-hold", stdout=StringIO())


def by_a_mailing_that_somebody_slips_in(issue, client):
    approving._schedule(Mailing(issue=issue, approved_at=NOW, send_at=NOW), approving.freeze_letter(issue))


@pytest.mark.parametrize("way", [by_approval, by_correction, by_command, by_a_mailing_that_somebody_slips_in])
def test_no_way_sends_it(archived, client, way):
    with pytest.raises((PlanningError, CommandError), match="was sent by another program"):
        way(archived, client)

    assert not Mailing.objects.exists()
    assert not Delivery.objects.exists()
    assert mail.outbox == []


def test_the_next_issue_to_send_is_never_one_of_them(archived):
    with pytest.raises(CommandError, match="no unsent issue"):
        call_command("send_issue", stdout=StringIO())


@pytest.mark.parametrize("screen", ["send", "correct"])
def test_the_desk_sends_it_by_no_screen(archived, admin_client, screen):
    address = f"/admin/issues/issue/{archived.pk}/{screen}/"
    shown = admin_client.get(address)
    assert shown.status_code < 500
    fields = {
        "when": "now",
        "seen": approving.freeze_letter(archived).content_hash,
        "note": "錯字",
        "unrehearsed": "on",
        "number": "12",
    }

    answer = admin_client.post(address, fields)

    assert answer.status_code < 500
    assert not Mailing.objects.exists()


def test_a_planned_mailing_that_a_hand_wrote_into_the_database_is_held(archived):
    columns = approving.freeze_letter(archived).columns()
    Mailing.objects.create(issue=archived, number=1, approved_at=NOW, send_at=timezone.now(), **columns)

    beginning.begin_due(timezone.now() + timedelta(minutes=1))

    assert not Delivery.objects.exists()
    assert Mailing.objects.get().state != Mailing.State.SENDING


def test_who_comes_back_from_a_pause_is_not_told_of_it(archived):
    reader = make_subscriber()
    pause = Pause(subscriber=reader, began_at=DAY - timedelta(days=1), until=DAY + timedelta(days=30))

    assert missed.missed_issues(pause) == []


# --- By the command ---


def substack(path):
    table = "post_id,post_date,is_published,email_sent_at,type,audience,title,subtitle\n"
    rows = [
        f"{n}.p{n},2024-0{n}-06T08:00:00.000Z,true,2024-0{n}-06T08:05:00.000Z,newsletter,{who},題 {n},\n"
        for n, who in ((1, "everyone"), (2, "everyone"), (3, "only_paid"))
    ]
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("posts.csv", table + "".join(rows))
        for n in (1, 2, 3):
            made.writestr(f"posts/{n}.p{n}.html", f"<p>內文 {n}</p>")
    return path


def run(*options):
    out = StringIO()
    call_command("import_posts", *map(str, options), stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def export(site, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    return substack(tmp_path / "s.zip")


def test_what_was_mailed_and_is_public_becomes_issues_in_one_run(export):
    lines = run(export, "--as-issues")

    assert [(one.number, one.subject, one.sent_at.month) for one in Issue.objects.order_by("number")] == [
        (1, "題 1", 1),
        (2, "題 2", 2),
    ]
    assert "substack:3: mailed once, and no issue: its post is a draft" in lines
    assert "Issues of the archive: 2. Nothing was mailed." in lines
    assert json.loads(lines[-1])["created"] == 3
    assert mail.outbox == []


def test_a_second_run_makes_no_issue_twice(export):
    run(export, "--as-issues")
    run(export, "--as-issues")

    assert Issue.objects.count() == 2


def test_readers_find_the_latest_issue_first_whatever_numbers_old_ones_got(export, client):
    """The house has three issues already: the older mails get numbers above, and stand below in the archive."""
    for number, at in ((1, NOW - timedelta(days=28)), (2, NOW - timedelta(days=14)), (3, NOW)):
        make_issue(make_post(published_at=at), number=number, subject=f"本站第 {number} 封", sent_at=at)

    lines = run(export, "--as-issues")

    assert "issue 4: 2024-01-06 題 1" in lines
    home = client.get("/").content.decode()
    assert "本站第 3 封" in home
    assert "/issues/5/" not in home
    archive_page = client.get("/issues/").content.decode()
    assert sorted((3, 2, 1, 5, 4), key=lambda number: archive_page.index(f'/issues/{number}/"')) == [3, 2, 1, 5, 4]
    feed = client.get("/issues/feed.xml").content.decode()
    assert feed.index("/issues/3/") < feed.index("/issues/1/") < feed.index("/issues/5/")
    oldest, first = (client.get(f"/issues/{number}/").context for number in (4, 1))
    assert (oldest["older"], oldest["newer"].number) == (None, 5)
    assert (first["older"].number, first["newer"].number) == (5, 2)
    assert [issue.number for issue in client.get("/issues/2024/").context["volume"].issues] == [4, 5]


def test_old_mails_take_the_free_numbers_below_the_first_issue(export):
    make_issue(number=3, sent_at=NOW)

    run(export, "--as-issues")

    assert list(Issue.objects.archived().values_list("number", flat=True)) == [3, 2, 1]
