"""Readers by the API: found as on the desk, added as asked only, and cared for by the acts of their page."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from newsletter.delivery.models import Delivery, Event
from newsletter.delivery.planning import approving, beginning
from newsletter.operation.accounts.roles import READER_CARE
from newsletter.publication.models import Publication
from subscribers import exporting, privacy, reader_lists, replay_departures, signup
from subscribers.models import Consent, Subscriber, Suppression, address_hash
from subscribers.models.consents import ConsentDetails
from tests.api.conftest import Program, queries
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def carer(db):
    make_publication()
    return Program(make_helper(READER_CARE, name="clara"))


@pytest.fixture
def owner(db):
    make_publication()
    return Program(make_helper("owner", name="gipi"))


def emails(answer):
    assert answer.status_code == 200, answer.text
    return [item["email"].partition("@")[0] for item in answer.json()["items"]]


def suppress(email, reason="manual", **fields):
    return Suppression.objects.create(email=email, address_hash=address_hash(email), reason=reason, **fields)


# --- Found ---


def test_a_reader_is_told_with_the_record_of_their_consent(carer):
    reader = make_subscriber("ming@example.org", name="王小明", tags="taipei, 2026")
    Consent.objects.add(reader, "asked", ConsentDetails("web:page", "I want it."), timezone.now())
    Consent.objects.add(reader, "confirmed", ConsentDetails("mail"), timezone.now())

    told = carer.get(f"/readers/{reader.pk}").json()

    assert (told["id"], told["email"], told["name"]) == (reader.pk, "ming@example.org", "王小明")
    assert (told["state"], told["suppressed"], told["tags"]) == ("active", None, ["taipei", "2026"])
    assert told["confirmed_at"] == "2026-10-01T08:00:00+08:00"
    assert [(line["kind"], line["source"], line["text"]) for line in told["consents"]] == [
        ("confirmed", "mail", ""),
        ("asked", "web:page", "I want it."),
    ]


def test_nothing_that_opens_something_is_told(carer):
    reader = make_subscriber()

    text = carer.get(f"/readers/{reader.pk}").text + carer.get("/readers").text

    assert reader.token_salt not in text
    assert reader.address_hash not in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["late", "barred", "left", "tagged", "ming"]),
        ("q=MING@Example.org", ["ming"]),
        ("q=min", ["ming"]),
        ("q=%E5%B0%8F%E6%98%8E", ["ming"]),
        ("q=nobody", []),
        ("state=active", ["late", "tagged", "ming"]),
        ("state=suppressed", ["barred"]),
        ("state=unsubscribed", ["left"]),
        ("tag=taipei", ["tagged"]),
        ("tag=none", []),
        ("source=api", ["late"]),
        ("source=web", []),
        ("joined_from=2026-11-01", ["late"]),
        ("joined_to=2026-10-31&state=active", ["tagged", "ming"]),
        ("q=example&state=active&limit=2", ["late", "tagged"]),
    ],
)
def test_readers_are_found_as_on_the_desk(carer, query, found):
    make_subscriber("ming@example.org", name="王小明")
    make_subscriber("tagged@example.org", tags="taipei")
    make_subscriber("left@example.org", state="unsubscribed")
    make_subscriber("barred@example.org")
    suppress("barred@example.org")
    late = make_subscriber("late@example.org", confirmed_at=datetime(2026, 11, 2, tzinfo=UTC))
    Consent.objects.add(late, "asked", ConsentDetails("api:form"), timezone.now())

    assert emails(carer.get(f"/readers?{query}")) == found


@pytest.mark.parametrize("query", ["", "q=example", "q=reader"])
def test_a_list_goes_page_by_page_and_nobody_comes_twice(carer, query, monkeypatch):
    monkeypatch.setattr(
        reader_lists, "SEARCHED_MAX", 5
    )  # older ones are looked at by the beginning of their address alone
    for number in range(9):
        make_subscriber(f"reader{number}x@example.org" if number % 2 else f"other{number}@reader.example.org")
    expected = emails(carer.get(f"/readers?limit=100&{query}"))

    found, cursor = [], ""
    while cursor is not None:
        page = carer.get(f"/readers?limit=2&{query}&cursor={cursor}")
        found, cursor = found + emails(page), page.json()["next"]
        make_subscriber(f"new{len(found)}@elsewhere.example.org")  # whoever comes meanwhile is on no later page

    assert found == expected
    assert len(found) >= 4


@pytest.mark.parametrize(
    "query", ["state=lost", "source=moon", "joined_from=yesterday", "limit=1000", "q=%00", "cursor=1"]
)
def test_a_filter_that_makes_no_sense_is_named(carer, query):
    answer = carer.get(f"/readers?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["", "&q=example", "&state=active", "&tag=a"])
def test_a_page_of_a_hundred_takes_as_many_queries_as_one_of_two_and_counts_nobody(carer, query):
    for _reader in range(100):
        make_subscriber(tags="a, b")
    carer.get("/readers")

    few, many = (queries(lambda limit=limit: carer.get(f"/readers?limit={limit}{query}")) for limit in (2, 100))

    assert len(few) == len(many) <= 9, many
    assert not [sql for sql in many if "COUNT(" in sql]


# --- Added ---


def add(program, email="ming@example.org", **more):
    return program.post("/readers", {"email": email, "consent": "Yes, send me the letter."} | more)


def test_somebody_is_added_as_asked_and_gets_the_mail_that_confirms(carer):
    answer = add(carer, "  Ming@EXAMPLE.org ")

    reader = Subscriber.objects.get()
    [line] = Consent.objects.all()
    assert (answer.status_code, answer.json()) == (202, {"email": "Ming@example.org", "status": "asked"})
    assert (reader.state, reader.confirmed_at, reader.confirmation_due_at is not None) == ("pending", None, True)
    assert (line.kind, line.source, line.text.words) == ("asked", "api:Obsidian", "Yes, send me the letter.")
    assert emails(carer.get("/readers?source=api&state=pending")) == ["Ming"]


@pytest.mark.parametrize("state", ["active", "paused", "unsubscribed", "bounced", "complained", "manual", "erased"])
def test_the_answer_is_the_same_whoever_the_address_belongs_to(carer, state):
    if state in {"active", "unsubscribed"}:
        make_subscriber("ming@example.org", state=state)
    elif state == "paused":
        make_subscriber("ming@example.org", state=state, paused_until=timezone.now() + timedelta(days=9))
    else:
        suppress("ming@example.org", state)

    answer = add(carer)

    assert (answer.status_code, answer.json()) == (202, {"email": "ming@example.org", "status": "asked"})
    mailed = Subscriber.objects.filter(confirmation_due_at__isnull=False)
    assert mailed.exists() == (state not in {"bounced", "complained", "manual"})
    assert Subscriber.objects.filter(state="active").count() == (state == "active")


def test_no_field_makes_an_active_reader(carer):
    for field in ("state", "confirmed_at", "tags", "active"):
        answer = add(carer, **{field: "active"})
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"

    assert not Subscriber.objects.exists()


def test_one_address_gets_one_mail_however_often_it_is_added(carer):
    add(carer)
    due = Subscriber.objects.get().confirmation_due_at
    Subscriber.objects.update(confirmation_due_at=None)

    again = add(carer)

    assert due is not None
    assert again.status_code == 202
    assert Subscriber.objects.get().confirmation_due_at is None


@pytest.mark.parametrize("email", ["", "ming", "a@b", "ming@example.org, wang@example.org", "x" * 300 + "@example.org"])
def test_what_is_no_address_is_refused(carer, email):
    answer = add(carer, email)

    assert answer.json()["errors"][0]["pointer"] == "/email"
    assert not Subscriber.objects.exists()


def test_how_they_agreed_has_to_be_said(carer):
    answer = carer.post("/readers", {"email": "ming@example.org"})

    assert answer.json()["errors"][0]["pointer"] == "/consent"


def test_a_publication_that_takes_nobody_takes_nobody_here(carer):
    Publication.objects.update(takes_readers=False)
    make_publication(takes_readers=False)

    assert add(carer).status_code == 409
    assert not Subscriber.objects.exists()


def test_a_token_adds_as_many_in_an_hour_as_a_network_may(carer, monkeypatch):
    monkeypatch.setattr("newsletter.api.endpoints.readers.SIGNUPS_PER_HOUR_MAX", 2)

    answers = [add(carer, f"r{number}@example.org") for number in range(3)]

    assert [one.status_code for one in answers] == [202, 202, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= signup.HOUR_SECONDS
    assert Subscriber.objects.count() == 2


# --- Cared for ---


def act(program, reader, name, **body):
    return program.post(f"/readers/{reader.pk}/{name}", body)


def test_a_tag_is_given_and_taken_and_the_story_says_by_whom(carer):
    reader = make_subscriber()

    given, twice = act(carer, reader, "tag", tag="taipei", reason="said so"), act(carer, reader, "tag", tag="taipei")
    taken = act(carer, reader, "untag", tag="taipei")

    assert given.json()["tags"] == twice.json()["tags"] == ["taipei"]
    assert taken.json()["tags"] == []
    assert [(one.what, one.detail, one.by, one.reason) for one in reader.acts.all()] == [
        ("tagged", "taipei", "clara (Obsidian)", "said so"),
        ("untagged", "taipei", "clara (Obsidian)", ""),
    ]
    assert given.headers["ETag"] != taken.headers["ETag"]


@pytest.mark.parametrize("tag", ["a, b", "", "   "])
def test_what_is_not_one_tag_is_refused(carer, tag):
    answer = act(carer, make_subscriber(), "tag", tag=tag)

    assert answer.json()["errors"][0]["pointer"] == "/tag"


def test_a_reader_is_paused_and_comes_back(carer):
    reader, day = make_subscriber(), timezone.localdate() + timedelta(days=10)

    paused = act(carer, reader, "pause", until_on=day.isoformat())
    shorter = act(carer, reader, "pause", until_on=(day - timedelta(days=1)).isoformat())
    resumed = act(carer, reader, "resume")

    assert (paused.json()["state"], paused.json()["paused_until"]) == ("paused", f"{day}T00:00:00+08:00")
    assert (shorter.status_code, shorter.json()["detail"]) == (
        409,
        "They are paused for longer already; nothing was changed.",
    )
    assert (resumed.json()["state"], resumed.json()["paused_until"]) == ("active", None)


@pytest.mark.parametrize("days", [0, -1, 400])
def test_a_pause_lasts_from_tomorrow_to_a_year(carer, days):
    day = timezone.localdate() + timedelta(days=days)

    assert act(carer, make_subscriber(), "pause", until_on=day.isoformat()).status_code == 422


def test_whoever_has_not_confirmed_is_not_paused(carer):
    reader = make_subscriber(state="pending", confirmed_at=None)

    answer = act(carer, reader, "pause", until_on=(timezone.localdate() + timedelta(days=2)).isoformat())

    assert answer.status_code == 409


def test_a_reader_leaves_once_and_no_program_brings_them_back(carer):
    reader = make_subscriber()

    first, again, resumed = (act(carer, reader, name) for name in ("unsubscribe", "unsubscribe", "resume"))

    assert first.json()["state"] == again.json()["state"] == resumed.json()["state"] == "unsubscribed"
    assert [line.source for line in reader.consents.all()] == ["by the author"]


def test_an_erased_reader_leaves_a_hash_that_no_import_overcomes(carer):
    reader = make_subscriber("ming@example.org")
    etag = carer.get(f"/readers/{reader.pk}").headers["ETag"]

    without, old = (carer.ask("DELETE", f"/readers/{reader.pk}", match=match) for match in ("", '"old"'))
    erased = carer.ask("DELETE", f"/readers/{reader.pk}", match=etag)

    assert (without.status_code, old.status_code, erased.status_code) == (428, 412, 204)
    assert erased.content == b""
    assert not Subscriber.objects.exists()
    [stays] = carer.get("/suppressions").json()["items"]
    assert (stays["email"], stays["reason"]) == ("", "erased")
    assert carer.get(f"/readers/{reader.pk}").status_code == 404


# --- Taken away ---


def exported(program, query=""):
    answer = program.get(f"/readers/export{query}")
    assert answer.status_code == 200
    return answer, b"".join(answer.streaming_content).decode()


def test_all_readers_are_streamed_as_lines_of_json(owner, monkeypatch):
    monkeypatch.setattr(exporting, "BATCH_SIZE", 2)
    for number in range(5):
        make_subscriber(f"r{number}@example.org", name="王", tags="a, b" if number == 1 else "")
    suppress("r3@example.org", "bounced")
    make_subscriber("p@example.org", state="paused", paused_until=timezone.now() + timedelta(days=1))

    answer, text = exported(owner)

    lines = [json.loads(line) for line in text.splitlines()]
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Cache-Control"] == "no-store"
    assert [line["email"][:2] for line in lines] == ["r0", "r1", "r2", "r3", "r4", "p@"]
    assert lines[1]["tags"] == ["a", "b"]
    assert [line["state"] for line in lines] == ["active", "active", "active", "bounced", "active", "paused"]
    assert re.fullmatch(r"\d{4}-.*", lines[5]["paused_until"])


def test_the_table_is_that_of_the_desk(owner):
    make_subscriber("=cmd@example.org", name="=1+1")

    answer, text = exported(owner, "?format=csv")

    [row] = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (row["email"], row["name"]) == ("'=cmd@example.org", "'=1+1")


def test_an_export_asks_in_turns_and_keeps_no_cursor_open(owner, monkeypatch):
    monkeypatch.setattr(exporting, "BATCH_SIZE", 10)
    for _reader in range(35):
        make_subscriber()
    answer = owner.get("/readers/export")

    with CaptureQueriesContext(connection) as captured:
        text = b"".join(answer.streaming_content)

    turns = [one["sql"] for one in captured.captured_queries if one["sql"].count("LIMIT 11")]
    assert len(turns) == 4
    assert text.count(b"\n") == 35


# --- Suppressed ---


def test_suppressed_addresses_are_listed_and_found(carer):
    suppress("a@example.org", "bounced", note="550 no such user")
    suppress("b@example.org", "complained")
    suppress("c@example.org")

    assert emails(carer.get("/suppressions")) == ["c", "b", "a"]
    assert emails(carer.get("/suppressions?limit=2&reason=bounced")) == ["a"]
    assert emails(carer.get("/suppressions?q=B@example.org")) == ["b"]
    page = carer.get("/suppressions?limit=2").json()
    assert emails(carer.get(f"/suppressions?limit=2&cursor={page['next']}")) == ["a"]


def test_an_address_is_suppressed_by_hand_and_lifted_again(owner):
    made = owner.post("/suppressions", {"email": "Never@example.org", "note": "asked by letter"})
    twice = owner.post("/suppressions", {"email": "never@example.org"})
    seen = owner.get(made.headers["Location"])
    lifted = owner.ask("DELETE", made.headers["Location"], match=seen.headers["ETag"])

    assert (made.status_code, made.json()["reason"], made.json()["note"]) == (201, "manual", "asked by letter")
    assert twice.json()["errors"][0]["detail"] == "This address is suppressed already."
    assert (lifted.status_code, Suppression.objects.exists()) == (204, False)


@pytest.mark.parametrize("reason", ["bounced", "complained", "erased"])
def test_what_a_server_or_a_reader_said_no_program_takes_back(owner, reason):
    row = suppress("ming@example.org", reason)

    answer = owner.ask("DELETE", f"/suppressions/{row.pk}", match="*")

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Only a new confirmation by the reader ends this.",
    )
    assert Suppression.objects.exists()


# --- Copies and events ---


def begun():
    """A mailing of issue 7 whose copies wait."""
    now = timezone.now()
    make_subscriber()
    mailing = approving.approve(make_issue(make_post(), number=7), send_at=None, now=now, hold=timedelta())
    beginning.begin_due(now)
    return mailing


def test_the_copies_of_a_reader_are_told_with_the_servers_words(owner):
    mailing = begun()
    copy = Delivery.objects.filter(mailing=mailing).select_related("subscriber").first()
    Delivery.objects.filter(pk=copy.pk).update(state=Delivery.State.FAILED, reply="550 5.1.1 no such user", attempts=2)

    answer = owner.get(f"/readers/{copy.subscriber.pk}/deliveries")

    assert answer.json()["next"] is None
    [told] = answer.json()["items"]
    assert (told["issue"], told["state"], told["words"], told["tries"]) == (7, "failed", "550 5.1.1 no such user", 2)
    assert (told["kind"], told["mailing"], told["at"]) == ("issue", mailing.pk, None)
    assert owner.get("/readers/999/deliveries").status_code == 404


def event(number, **fields):
    at = timezone.now() + timedelta(minutes=number)
    values = {"source": "mail", "source_id": str(number), "kind": "bounced", "at": at, "created_at": at}
    return Event.objects.create(**(values | fields))


def test_events_are_told_with_their_readers_the_latest_first(owner):
    mailing, reader = begun(), make_subscriber("ming@example.org")
    event(1, mailing_id=mailing.pk, verdict="hard", address_hash=reader.address_hash, words="550 no such user")
    event(2, kind="complained", domain="example.org")

    latest, first = owner.get("/events").json()["items"]

    assert (latest["kind"], latest["reader"], latest["issue"]) == ("complained", None, None)
    assert (first["verdict"], first["reader"], first["issue"]) == ("hard", reader.pk, 7)
    assert "ming@example.org" not in owner.get("/events").text


def test_events_go_page_by_page_by_kind_and_since(owner, monkeypatch):
    monkeypatch.setattr("newsletter.api.endpoints.events.SCANNED_MAX", 4)
    rows = [event(number, kind="complained" if number % 5 == 0 else "bounced") for number in range(12)]

    def all_of(query):
        found, cursor, pages = [], "", 0
        while cursor is not None:
            page = owner.get(f"/events?limit=3&cursor={cursor}{query}")
            found += [item["id"] for item in page.json()["items"]]
            cursor, pages = page.json()["next"], pages + 1
        return found, pages

    keys = [row.pk for row in rows]
    assert all_of("")[0] == keys[::-1]
    assert all_of("&kind=complained")[0] == [keys[10], keys[5], keys[0]]
    since = rows[7].created_at.isoformat().replace("+", "%2B")
    found, pages = all_of(f"&since={since}")
    assert (found, pages <= 3) == (keys[:6:-1], True)
    assert all_of("&kind=opened")[0] == []


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "2026-11-28T21:10:00"])
def test_events_since_a_time_that_no_zone_has_are_refused(owner, since):
    answer = owner.get(f"/events?since={since}")

    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "since")


def test_a_page_of_a_hundred_events_takes_as_many_queries_as_one_of_two(owner):
    for number in range(100):
        event(number, address_hash=make_subscriber().address_hash)
    owner.get("/events")

    few, many = (queries(lambda limit=limit: owner.get(f"/events?limit={limit}")) for limit in (2, 100))

    assert len(few) <= len(many) <= len(few) + 1  # the last page asks whether anything is below


def test_the_record_of_who_was_added_keeps_the_privacy_notice_of_that_day(carer):
    add(carer)

    [line] = Consent.objects.all()
    assert line.notice.words == privacy.notice_text()


def test_a_restore_brings_no_suppression_back_that_a_program_has_lifted(owner, settings, tmp_path):
    settings.DATA_DIR = tmp_path  # the departures of other tests are none of this address
    made = owner.post("/suppressions", {"email": "never@example.org"})
    answer = owner.ask("DELETE", f"/suppressions/{made.json()['id']}", match="*")

    assert answer.status_code == 204
    assert replay_departures.replay() == 0
    assert not Suppression.objects.exists()
