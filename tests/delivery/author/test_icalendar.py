"""A calendar that every calendar program reads: RFC 5545."""

from datetime import UTC, datetime

from newsletter.delivery.author.icalendar_feed import CalendarEvent, serialize_calendar

SLOT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


def lines(octets):
    return octets.decode().replace("\r\n ", "").split("\r\n")


def written(name="Gipi電子報", summary="出刊", slots=(SLOT,)):
    events = [CalendarEvent(f"slot-{slot:%Y%m%d}", slot, summary) for slot in slots]
    return serialize_calendar(name, events, domain="news.example.org", stamp=SLOT)


def test_a_slot_is_an_event_in_utc_with_an_id_that_stays():
    assert lines(written())[6:-2] == [
        "BEGIN:VEVENT",
        "UID:slot-20261201@news.example.org",
        "DTSTAMP:20261201T000000Z",
        "DTSTART:20261201T000000Z",
        "DTEND:20261201T003000Z",
        "SUMMARY:出刊",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]
    assert written() == written()


def test_what_has_a_meaning_in_the_format_is_escaped():
    assert "SUMMARY:a\\, b\\; c\\\\ d\\ne" in lines(written(summary="a, b; c\\ d\ne"))


def test_long_lines_are_cut_between_characters():
    octets = written(name="𠮷電" * 60)

    assert max(map(len, octets.split(b"\r\n"))) <= 75
    assert f"X-WR-CALNAME:{'𠮷電' * 60}" in lines(octets)


def test_it_is_framed_and_ends_in_a_line_break():
    found = written(slots=())

    assert found.startswith(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:")
    assert found.endswith(b"END:VCALENDAR\r\n")
