"""From a composed issue to its readers, as the author walks: preview, test copy, send; and what can go wrong."""

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
import time_machine
from django.urls import reverse
from django.utils import translation

from newsletter.delivery import rate
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.issues.models import Issue
from newsletter.mail import outbox
from newsletter.mail.mailers import mailer_from_url
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import flash_messages, markup

pytestmark = pytest.mark.usefixtures("clock")
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)  # 10:39 in Taipei
SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)  # the next one: 08:00 in Taipei
SITE_FRAME = "/admin/settings/look/preview/site/"


@pytest.fixture
def desk(author):
    """A client that is logged in as the author."""
    make_publication(cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0), sender_email="news@news.example.org")
    return author


@pytest.fixture
def issue(desk):
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期", preheader="先停下來")


@pytest.fixture
def box(settings, tmp_path) -> Path:
    """The folder of the outbox that mail goes to."""
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=tmp_path)}
    return tmp_path


def screen(name: str, issue: Issue, *args: str) -> str:
    return reverse(f"admin:issue_{name}", args=[issue.pk, *args])


def choice(issue: Issue, **chosen: str) -> dict[str, str]:
    """What the send page sends: the next slot, unless something else is chosen."""
    seen = freeze_letter(issue).content_hash
    return {"when": "slot", "slot": SLOT.isoformat(), "at": "", "seen": seen, "unrehearsed": "on"} | chosen


def errors(response) -> list[str]:
    with translation.override("en"):
        return [str(error) for errors in response.context["form"].errors.values() for error in errors]


LOSING = "開頭。\n\n<script>\nlet 乙 = 1\n</script>"


def test_what_readers_are_not_shown_is_sent_only_when_the_author_says_so(desk):
    issue = make_issue(make_post("甲", body=LOSING), number=7, subject="第七期")

    page = desk.get(screen("send", issue))
    refused = desk.post(screen("send", issue), choice(issue))

    box = page.context["lost_digest"]
    assert f'name="acknowledged_digest" value="{box}"' in page.text
    assert "let 乙 = 1" in page.text
    words = "Readers would not get everything as it was typed. Fix it, or tick the box below."
    ticked = desk.post(screen("send", issue), choice(issue, acknowledged_digest="on"))
    assert errors(refused) == errors(ticked) == [words]
    assert not Mailing.objects.exists()
    assert desk.post(screen("send", issue), choice(issue, acknowledged_digest=box)).status_code == 302
    assert Mailing.objects.count() == 1


# --- Preview ---


def test_the_mail_in_the_preview_is_the_one_that_is_sent(desk, issue):
    make_subscriber("reader@example.org")
    shown = desk.get(screen("mail_frame", issue)).text.replace('<base target="_blank">', "")

    mailing = approving.approve(issue, send_at=SLOT, now=NOW, hold=timedelta())

    own = re.compile(r"https://news\.example\.org/(unsubscribe|preferences|feedback)/\w+/")
    names = {f"{door}_url": door for door in ("unsubscribe", "preferences", "feedback")}
    slots = {"email": "reader@example.org"} | names
    sent = re.sub("\x02([a-z_]+)\x03", lambda slot: slots[slot[1]], rendering.html_and_text(mailing)[0])
    assert own.sub(r"\1", shown).split() == sent.split()


def test_the_web_page_is_shown_before_it_is_public(desk, issue):
    shown = desk.get(screen("web_frame", issue))

    assert "管理槓桿" in shown.text
    assert "Dec. 1, 2026" in shown.text
    assert desk.get(issue.get_absolute_url()).status_code == 404
    assert Issue.objects.get().sent_at is None


def test_a_post_that_will_be_public_by_then_is_on_the_previewed_page(desk):
    issue = make_issue(make_post("明天", published_at=NOW + timedelta(days=1)))

    assert "明天" in desk.get(screen("web_frame", issue)).text


def test_frames_can_be_framed_by_the_desk_alone_and_run_nothing(desk, issue):
    for address in (*(screen(name, issue) for name in ("web_frame", "mail_frame")), SITE_FRAME):
        response = desk.get(address)
        headers = response.headers
        assert "<script data-src" not in response.text  # the browser would log that it blocks it
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert "script-src 'self'" not in headers["Content-Security-Policy"]


def test_the_colours_of_the_mail_can_be_chosen(desk, issue):
    dark = desk.get(screen("mail_frame", issue), {"scheme": "dark"}).text
    light = desk.get(screen("mail_frame", issue), {"scheme": "light"}).text

    assert "prefers-color-scheme: dark" not in dark + light
    assert "@media (min-width: 0)" in dark
    assert "@media (max-width: 0)" in light


def test_the_approved_mail_can_still_be_seen_after_a_change(desk, issue):
    approving.approve(issue, send_at=SLOT, now=NOW, hold=timedelta())
    Issue.objects.update(introduction="後來才寫的")

    assert "後來才寫的" in desk.get(screen("mail_frame", issue)).text
    assert "後來才寫的" not in desk.get(screen("mail_frame", issue), {"of": "approved"}).text


@pytest.mark.parametrize(
    ("length", "warning"),
    [
        (10, ""),
        (18_000, "That is close to where Gmail cuts a mail off."),
        (30_000, "Gmail would cut it off, so it cannot be sent as it is. Set post 1 to excerpt."),
    ],
)
def test_a_mail_that_gmail_cuts_off_is_warned_of(desk, length, warning):
    issue = make_issue(make_post(body="字" * length))

    response = desk.get(screen("preview_tab", issue, "mail"))

    assert warning in response.text
    assert ("Gmail will cut" in response.text) == ("Gmail will cut" in warning)


def test_a_letter_has_one_size_on_each_of_its_screens(desk, issue):
    desk.post(screen("rehearsal", issue))
    composer = reverse("admin:issues_issue_change", args=[issue.pk])
    pages = [composer, screen("preview_tab", issue, "mail"), screen("rehearsal", issue)]

    said = [re.findall(r"\d[\d.]*\s(?:KB|bytes).{24}", markup(desk.get(page))) for page in pages]

    assert {text for texts in said for text in texts if "102" in text or "Gmail" in text} == {said[1][0]}
    assert (len(said[1]), len(said[2])) == (1, 1)


# --- Test copies ---


def test_a_test_copy_goes_to_the_author_and_its_answer_is_told(desk, issue, box):
    page = desk.get(screen("test", issue))

    response = desk.post(screen("test", issue), {"addresses": page.context["form"]["addresses"].value()})

    [name] = outbox.mail_names(box)
    entry = outbox.read_summary(box, name)
    assert (entry.to, entry.subject) == ("gipi@example.org", "[Test] 第七期")
    [text] = flash_messages(response)
    assert "the mail to gipi@example.org lies in the outbox here." in text
    assert '<a href="/outbox/">Open the outbox</a>' in text
    assert not Mailing.objects.exists()


def test_a_test_copy_goes_to_several_addresses_once_each(desk, issue, box):
    with time_machine.travel(NOW, tick=True):  # two mails of one moment would have one Message-ID
        desk.post(screen("test", issue), {"addresses": "a@example.org，b@Example.org, a@example.org"})

    assert sorted(outbox.read_summary(box, name).to for name in outbox.mail_names(box)) == [
        "a@example.org",
        "b@example.org",
    ]


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("", "This field is required."),
        ("gipi", "This is not an e-mail address. One looks like you@example.com."),
        (" , ", "Between one and 5 addresses."),
        (",".join(f"a{n}@example.org" for n in range(6)), "Between one and 5 addresses."),
    ],
)
def test_a_test_copy_to_nowhere_is_refused(desk, issue, box, typed, error):
    response = desk.post(screen("test", issue), {"addresses": typed})

    assert errors(response) == [error]
    assert outbox.mail_names(box) == []


def test_a_mail_server_that_is_away_is_told_and_is_no_error(desk, issue, settings, tmp_path):
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("smtp://127.0.0.1:1", outbox=tmp_path)}

    [text] = flash_messages(desk.post(screen("test", issue), {"addresses": "gipi@example.org"}))

    assert "does not take it, nothing was sent: " in text


# --- What the send page says ---


def test_the_send_page_counts_who_gets_it_and_who_does_not(desk, issue):
    make_subscriber()
    make_subscriber(state=Subscriber.State.PAUSED, paused_until=NOW - timedelta(days=1))  # over
    make_subscriber(state=Subscriber.State.PAUSED, paused_until=NOW + timedelta(days=1))
    make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)
    make_subscriber(state=Subscriber.State.UNSUBSCRIBED)
    make_subscriber().suppress("bounced")

    audience = desk.get(screen("send", issue)).context["audience"]

    assert (audience.readers, audience.already_received, audience.outside_segment) == (2, 0, 0)
    assert vars(audience.everybody) == {
        "mailable": 2,
        "pending": 1,
        "paused": 1,
        "unsubscribed": 1,
        "suppressed": 1,
    }


def test_six_slots_are_offered_and_the_next_one_is_chosen(desk, issue):
    form = desk.get(screen("send", issue)).context["form"]

    labels = [label for _key, label in form.fields["slot"].widget.choices]
    assert len(labels) == 6
    assert labels[0] == "Tue 1 Dec, 08:00"
    assert form["slot"].value() == SLOT.isoformat()


def test_a_slot_that_another_issue_has_is_marked_and_the_next_one_chosen(desk, issue):
    approving.approve(make_issue(make_post(), number=6, subject="第六期"), send_at=SLOT, now=NOW, hold=timedelta())

    form = desk.get(screen("send", issue)).context["form"]

    assert form.fields["slot"].widget.choices[0][1] == "Tue 1 Dec, 08:00 (#6 第六期)"
    assert form["slot"].value() == (SLOT + timedelta(days=14)).isoformat()


def test_an_issue_without_posts_says_what_hinders_it(desk):
    issue = make_issue(number=7)

    response = desk.get(screen("send", issue))

    assert response.context["obstacles"] == ["Issue 7 has no posts yet."]
    assert "This hinders it" in response.text


# --- Approving ---


def test_one_post_approves_the_next_slot(desk, issue):
    response = desk.post(screen("send", issue), choice(issue))

    mailing = Mailing.objects.get()
    assert (mailing.state, mailing.send_at) == ("scheduled", SLOT)
    assert response.url == reverse("admin:mailing", args=[mailing.pk])
    words = "The first mail leaves on Dec. 1, 2026, 08:00; cancel before then and nobody gets it."
    assert flash_messages(response) == [f"#7 第七期 is approved. {words}"]


def test_another_time_is_the_publications_local_time(desk, issue):
    desk.post(screen("send", issue), choice(issue, when="at", at="2026-11-26T09:30"))

    assert Mailing.objects.get().send_at == datetime(2026, 11, 26, 1, 30, tzinfo=UTC)


def test_now_means_after_the_hold(desk, issue):
    desk.post(screen("send", issue), choice(issue, when="now"))

    assert Mailing.objects.get().send_at == NOW + timedelta(minutes=3)


def test_a_double_click_approves_once_and_says_so(desk, issue, clock):
    typed = choice(issue)
    desk.post(screen("send", issue), typed)
    clock.shift(1)

    response = desk.post(screen("send", issue), typed)

    assert Mailing.objects.count() == 1
    assert (
        flash_messages(response)[-1]
        == "#7 第七期 was approved before, for Dec. 1, 2026, 08:00. Nothing was changed now."
    )


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ({"when": "at"}, "Choose a date and a time."),
        ({"when": "at", "at": "soon"}, "Enter a valid date/time."),
        (
            {"when": "at", "at": "2026-11-24T10:40"},
            "This is too soon: the first mail can leave at Nov. 24, 2026, 10:42.",
        ),
        ({"slot": "2026-11-17T00:00:00+00:00"}, "This slot has passed. Choose another one."),
        ({"when": "never"}, "Select a valid choice. never is not one of the available choices."),
    ],
)
def test_a_time_that_cannot_be_is_refused(desk, issue, chosen, error):
    response = desk.post(screen("send", issue), choice(issue, **chosen))

    assert errors(response) == [error]
    assert not Mailing.objects.exists()


def test_what_was_not_seen_is_not_sent(desk, issue):
    typed = choice(issue)
    Post.objects.update(body="在另一個分頁改過。")

    response = desk.post(screen("send", issue), typed)

    changed = "The issue has changed since this page was opened. Look at it once more, then send it."
    assert errors(response) == [changed]
    assert not Mailing.objects.exists()


def test_two_issues_on_one_day_are_asked_about_and_then_allowed(desk, issue):
    other = make_issue(make_post(), number=6, subject="第六期")
    approving.approve(other, send_at=SLOT, now=NOW, hold=timedelta())

    asked = desk.post(screen("send", issue), choice(issue))
    desk.post(screen("send", issue), choice(issue, anyway="on"))

    warning = "#6 第六期 leaves on the same day, at Dec. 1, 2026, 08:00. Readers would get two issues."
    assert errors(asked) == [warning]
    assert "Send both on one day" in asked.text
    assert issue.mailings.get().send_at == SLOT


# --- A sender address that is warming up ---


@pytest.fixture
def _warming_up(desk, monkeypatch):
    monkeypatch.setattr(rate, "FIRST_DAY_MAILS", 2)
    Publication.objects.update(warm_up_from=date(2026, 12, 1), language="en")
    translation.activate("en")


@pytest.mark.usefixtures("_warming_up")
def test_an_author_hears_how_many_days_a_new_sender_address_needs(desk, issue):
    for _reader in range(6):
        make_subscriber()

    page = desk.get(screen("send", issue)).text

    assert "this takes 3 days: at most 2 mails leave on the first day" in page
    assert "and the last ones on Dec. 3, 2026." in page


# --- Segments ---


def test_an_author_sees_how_many_readers_have_a_tag(desk, issue):
    make_subscriber(tags="課程學員")
    make_subscriber(tags="")
    translation.activate("en")

    page = desk.get(screen("send", issue), {"segment": "+課程學員"})

    assert (page.context["audience"].readers, page.context["audience"].outside_segment) == (1, 1)
    assert page.context["segment_in_words"] == "tag: 課程學員"
    assert '<option value="+課程學員" selected>' in page.text


def test_the_segment_that_was_shown_is_the_one_that_is_approved(desk, issue):
    make_subscriber(tags="課程學員")

    desk.post(screen("send", issue), choice(issue, segment="-課程學員"))

    assert Mailing.objects.get().segment == "-課程學員"


# --- Many readers: the number is typed ---


@pytest.fixture
def many(issue) -> Issue:
    """An issue to more readers than the author may reach by one press."""
    make_publication(number_typed_above=2)
    for _ in range(3):
        make_subscriber()
    return issue


@pytest.mark.parametrize("typed", ["", "8", "42"])
def test_an_issue_to_many_is_not_scheduled_before_its_number_is_typed(desk, many, typed):
    response = desk.post(screen("send", many), choice(many, number=typed))

    assert errors(response) == ["Type 7, the number of this issue."]
    assert not Mailing.objects.exists()
    assert 'id="id_number"' in response.text


@pytest.mark.parametrize("typed", ["7", " 7 ", "\uff17"])
def test_an_issue_to_many_whose_number_was_typed_is_scheduled(desk, many, typed):
    desk.post(screen("send", many), choice(many, number=typed))

    assert Mailing.objects.get().issue == many


def test_only_the_readers_of_the_segment_count(desk, many):
    make_subscriber(tags="少數")
    plain = desk.post(screen("send", many), choice(many, segment="+少數"))

    assert plain.status_code == 302
    assert Mailing.objects.get().segment == "+少數"


@pytest.mark.parametrize(("reader", "greeted"), [("", "朋友，你好"), ("named", "Anna Miller，你好")])
def test_the_preview_shows_the_salutation_with_and_without_a_name(desk, issue, reader, greeted):
    issue.introduction = "{稱呼|朋友}，你好：早安。"
    issue.save()

    assert greeted in desk.get(screen("mail_frame", issue), {"reader": reader}).text
    assert greeted in desk.get(screen("preview_tab", issue, "text"), {"reader": reader}).text
