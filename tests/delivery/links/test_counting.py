"""About how many people followed a link: each once a day, machines apart, and nothing of them the next day."""

from datetime import UTC, date, datetime, timedelta

import pytest

from newsletter.delivery.links import counting
from newsletter.delivery.links.counting import aggregate_days, asks_not_to_be_tracked, is_machine, link_counts
from newsletter.delivery.models import DaySalt, Link, LinkDayCount, Visit
from tests.delivery.conftest import NOW
from tests.factories import make_publication

DAY, NEXT_DAY = date(2026, 11, 3), datetime(2026, 11, 3, 16, 5, tzinfo=UTC)  # of Taipei
LATER = NOW + timedelta(hours=2)
HASHES = ("who", "network")


@pytest.fixture
def links(mailing):
    return list(mailing.links.order_by("pk"))


@pytest.fixture
def later(time_machine, follow):
    time_machine.move_to(LATER, tick=False)


def people(mailing):
    return [one.people for one in link_counts(mailing)]


def test_people_are_counted_by_link(mailing, links, follow, later):
    for link in (links[0], links[0], links[1]):
        follow(link)

    assert [(one.url, one.people, one.machines) for one in link_counts(mailing)[:2]] == [
        (links[0].url, 2, 0),
        (links[1].url, 1, 0),
    ]
    assert link_counts(mailing)[0].people_by_day == (2, 0, 0)


def test_one_person_counts_once_a_day_and_again_the_next(mailing, links, follow, later, time_machine):
    follow(links[0], network="192.0.2.1")
    follow(links[0], network="192.0.2.1")
    time_machine.move_to(NEXT_DAY, tick=False)
    follow(links[0], network="192.0.2.1")

    assert link_counts(mailing)[0].people_by_day == (1, 1, 0)
    assert people(mailing)[0] == 2


def test_a_household_of_two_programs_is_two_people_and_of_two_addresses_one(mailing, links, follow, later):
    follow(links[0], network="2001:db8::1")
    follow(links[0], network="2001:db8::2")
    follow(links[0], network="2001:db8::1", program="Mozilla/5.0 (iPhone) Safari/604.1")

    assert people(mailing)[0] == 2


@pytest.mark.parametrize("header", ["Sec_GPC", "DNT"])
def test_who_asks_not_to_be_tracked_is_led_on_and_not_counted(mailing, links, follow, later, header):
    response = follow(links[0], **{header: "1"})

    assert response["Location"] == links[0].url
    assert not Visit.objects.exists()


def test_switched_off_nobody_is_counted(mailing, links, follow, later):
    make_publication(counts_links=False)

    assert follow(links[0])["Location"] == links[0].url
    assert not Visit.objects.exists()


def test_scanners_are_machines(mailing, links, follow, later):
    follow(links[0], program="Mozilla/5.0 (compatible; ms-office)")
    follow(links[0])

    assert (link_counts(mailing)[0].people, link_counts(mailing)[0].machines) == (1, 1)


def test_who_follows_all_links_at_once_is_a_machine(mailing, links, follow, later, time_machine):
    for link in links:
        follow(link, network="192.0.2.9", program=f"Mozilla/5.0 ({link.pk}) rotating")
    for number, link in enumerate(links):
        time_machine.move_to(LATER + timedelta(minutes=number), tick=False)
        follow(link, network="192.0.2.10")

    aggregate_days(LATER)

    assert {(one.people, one.machines) for one in link_counts(mailing)} == {(1, 1)}


def test_nothing_is_counted_of_test_copies_before_the_mailing_has_begun(make_mailing, follow):
    mailing = make_mailing("a", planned=False)
    follow(mailing.links.first())

    aggregate_days(LATER)

    assert not Visit.objects.exists()
    assert people(mailing) == [0] * mailing.links.count()


def test_in_the_night_hashes_and_salt_are_thrown_away_and_the_numbers_stay(mailing, links, follow, later):
    follow(links[0])
    follow(links[1])
    before = link_counts(mailing)

    aggregate_days(NEXT_DAY)

    assert not Visit.objects.exists()
    assert not DaySalt.objects.exists()
    assert link_counts(mailing) == before
    aggregate_days(NEXT_DAY)
    assert link_counts(mailing) == before


def test_the_same_person_has_another_hash_on_another_day(mailing, links, follow, later, time_machine):
    follow(links[0], network="192.0.2.1")
    time_machine.move_to(NEXT_DAY, tick=False)
    follow(links[0], network="192.0.2.1")

    first, second = Visit.objects.order_by("day").values_list(*HASHES)
    assert not {*first} & {*second}


def test_a_late_visit_of_a_day_that_is_over_is_added(mailing, links, follow, later):
    follow(links[0])
    aggregate_days(NEXT_DAY)
    follow(links[0])

    aggregate_days(NEXT_DAY)

    assert LinkDayCount.objects.get().people == 2


def test_no_table_names_a_reader():
    names = {field.name for model in (Link, Visit, LinkDayCount, DaySalt) for field in model._meta.get_fields()}

    of_links = {"id", "mailing", "token", "url", "words", "days", "visits"}
    assert names == of_links | {"link", "day", "people", "machines", "who", "network", "at", "is_machine", "salt"}


def test_one_network_cannot_fill_the_table(mailing, links, follow, later, monkeypatch):
    monkeypatch.setattr(counting, "CLICK_LIMIT", 2)

    answers = [follow(links[0], network="192.0.2.1", program=f"Mozilla/5.0 {one}").status_code for one in range(4)]

    assert answers == [302] * 4
    assert Visit.objects.count() == 2


# --- Machines ---

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)
CUBOT = "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
LINE = f"{IPHONE} Safari Line/14.5.0"


@pytest.mark.parametrize(
    "program", [IPHONE, CUBOT, LINE, "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"]
)
def test_a_browser_is_a_person(program):
    assert not is_machine({"User-Agent": program})


@pytest.mark.parametrize(
    "program",
    [
        "",
        "curl/8.5.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Mozilla/5.0 (Windows NT 10.0) BarracudaCentral",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0 Safari/537.36",
        "facebookexternalhit/1.1",
        "WhatsApp/2.23.20.0",
        "Mozilla/5.0 (Windows NT 6.1) SkypeUriPreview Preview/0.5",
    ],
)
def test_a_scanner_is_a_machine(program):
    assert is_machine({"User-Agent": program})


@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose", "X-Moz"])
def test_a_browser_that_looks_ahead_is_no_reader(name):
    assert is_machine({"User-Agent": IPHONE, name: "prefetch;prerender"})


def test_who_asks_not_to_be_tracked_is_heard():
    assert asks_not_to_be_tracked({"Sec-GPC": "1"})
    assert asks_not_to_be_tracked({"DNT": "1"})
    assert not asks_not_to_be_tracked({"DNT": "0"})
    assert not asks_not_to_be_tracked({})
