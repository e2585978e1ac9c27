"""How a record of the log is written."""

import io
import json
import logging
import logging.config
import sys
import time

import pytest
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from newsletter.mail import logs, tokens
from tests.factories import make_publication

TOKEN = "1ZkQ3vY7bNp0aXeRt9"
FORMATTER = logs.LineFormatter("{levelname} {name}{number}: {message}", style="{")


def written(message: str, *args: object, **fields: object) -> str:
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, message, args, None)
    record.__dict__ |= fields
    return FORMATTER.format(record)


def raised(text: str) -> object:
    """Return the exc_info of an exception that says `text`."""
    error = ValueError(text)
    return type(error), error, None


def patterns(resolver: URLResolver):
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from ((f"{resolver_route(entry)}{route}", names) for route, names in patterns(entry))
        elif isinstance(entry, URLPattern):
            yield str(entry.pattern), set(entry.pattern.converters)


def resolver_route(resolver: URLResolver) -> str:
    return str(resolver.pattern)


def opened_by_a_token() -> list[str]:
    """Return the path of every page of the site that a token opens, with short tokens that have no form of ours."""
    routes = [route for route, names in patterns(get_resolver()) if "token" in names]
    return ["/" + route.replace("<str:token>", "x.Y").replace("<str:uid>", "MQ") for route in routes]


# --- Tokens ---


def test_no_token_in_any_address_of_the_site_is_written():
    paths = opened_by_a_token()

    assert len(paths) >= 13
    assert [path for path in paths if "x.Y" in written("Not Found: %s", path)] == []


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        (f"/preferences/{TOKEN}/pause/", "/preferences/***/pause/"),
        (f"/unsubscribe/{TOKEN}/", "/unsubscribe/***/"),
        (f"/feedback/{TOKEN}/42/yes/", "/feedback/***/42/yes/"),
        (f"/calendar/{TOKEN}.ics", "/calendar/***"),
        (f"/admin/start/MQ/{'d1k5c3-5d97d442a0f5031cbe15a902c376451b'}/", "/admin/start/***/***/"),
        (f"/some-day/{TOKEN}/", "/some-day/***/"),
        (f"https://news.example.org/confirm/{TOKEN}/?from=mail", "https://news.example.org/confirm/***/?from=mail"),
        (f"/preferences/{TOKEN}", "/preferences/***"),
        (f"//preferences/{TOKEN}/", "//preferences/***/"),
    ],
)
def test_a_token_is_hidden_and_its_address_is_told(path, hidden):
    assert written("Method Not Allowed (%s): %s", "GET", path).endswith(hidden.replace("/***/***/", "/MQ/***/"))


def test_a_token_of_any_purpose_is_hidden_in_any_path():
    for number in (1, 10**6, 62**8 - 1):
        token = tokens.sign("unsubscribe", number)

        assert token not in written(f"/elsewhere/{token}/")


def test_an_exception_tells_no_token():
    text = written(
        "Internal Server Error: %s", f"/preferences/{TOKEN}/", exc_info=raised(f"none: /preferences/{TOKEN}/")
    )

    assert TOKEN not in text
    assert "ValueError: none: /preferences/***/" in text


# --- Lines ---


@pytest.mark.parametrize(
    "end",
    ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2J", "\u202e", "\x00", "\ud800"],
)
def test_nobody_begins_a_line_of_his_own(end):
    text = written(f"Not Found: /x{end}WARNING newsletter.desk.attempts: login failed from 192.0.2.1")

    assert [line for line in text.splitlines() if line.startswith("WARNING newsletter.desk")] == []
    assert text.encode() == text.encode("utf-8", "strict")
    assert not set(text) & set("\r\x0b\x0c\x1c\x85\u2028\u2029\x1b\u202e\x00")


def test_nor_does_an_exception_whose_text_is_his():
    forged = "\n2026-11-24 08:00:00,000 WARNING newsletter.desk.attempts: login failed from 192.0.2.1"

    first, *others = written("Internal Server Error", exc_info=raised(forged)).splitlines()

    assert first == "WARNING django.request: Internal Server Error"
    assert all(line.startswith("  ") for line in others)


def test_no_line_is_so_long_that_the_journal_breaks_it():
    """journald.conf: LineMax is 48 KB, and what comes after it begins an entry of its own."""
    text = written("Not Found: /%s login failed from 192.0.2.1", "\u2028管" * 60_000)

    assert len(text.encode()) < 48 * 1024
    assert "192.0.2.1" not in text


def test_a_long_line_is_read_once():
    worst = "/admin/start/" * 1300 + "/" * 16_000 + "0" * 16_000
    begun = time.process_time()

    logs.mask_tokens(worst)

    assert time.process_time() - begun < 0.05


def record_of(message: str, *args: object, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("newsletter.x", logging.WARNING, __file__, 1, message, args, None)
    record.__dict__ |= fields
    return record


def test_the_number_of_a_request_stands_before_what_it_says():
    before = logs.request_id.set("3f9c01d27ab84e56")
    try:
        assert written("Not Found: /x") == "WARNING django.request [3f9c01d27ab84e56]: Not Found: /x"
    finally:
        logs.request_id.reset(before)


# --- JSON ---


def parsed(record: logging.LogRecord) -> dict[str, str]:
    line = logs.JsonFormatter().format(record)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    return json.loads(line)


def test_a_record_is_one_object():
    assert parsed(record_of("第 %d 期", 42, created=1795824000.5)) == {
        "time": "2026-11-28T00:00:00.500Z",
        "level": "WARNING",
        "logger": "newsletter.x",
        "message": "第 42 期",
    }


@pytest.mark.parametrize("end", ["\n", "\r", "\x1b[2J", "\u2028", "\u202e", "\x00", "\ud800", '"}\n{"level": "ERROR'])
def test_nobody_begins_an_object_of_his_own(end):
    assert parsed(record_of("Not Found: /x%s", end))["level"] == "WARNING"


def test_an_object_tells_no_token():
    record = record_of("at %s", f"/preferences/{TOKEN}/", exc_info=raised(f"/confirm/{TOKEN}/"))

    facts = parsed(record)

    assert facts["message"] == "at /preferences/***/"
    assert facts["exception"].endswith("ValueError: /confirm/***/")


# --- Who writes ---


@pytest.fixture
def written_by_all(monkeypatch, settings):
    """What everything writes that logs, set up as in the product."""
    stream = io.StringIO()
    names = ("", *settings.LOGGING["loggers"])
    before = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate, logging.getLogger(name).level)
        for name in names
    }
    monkeypatch.setattr(sys, "stderr", stream)
    logging.config.dictConfig(settings.LOGGING)
    yield stream
    for name, (handlers, propagate, level) in before.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.parametrize(
    "name",
    [
        "django.request",
        "django.server",
        "django.security.csrf",
        "_granian",
        "granian.access",
        "celery.task",
        "celery.app.trace",
        "newsletter.x",
    ],
)
def test_every_logger_writes_by_the_same_form(written_by_all, name):
    logging.getLogger(name).warning("at %s", f"/preferences/{TOKEN}/\nx")

    (first, second) = written_by_all.getvalue().splitlines()
    assert first.endswith(f"WARNING {name}: at /preferences/***/")
    assert second == "  x"


@pytest.mark.django_db
def test_what_a_stranger_makes_django_write_tells_no_token(written_by_all, client):
    make_publication()
    asked = [
        client.get(reverse("subscribers:pause", args=[TOKEN])),
        client.post(reverse("subscribers:unsubscribe", args=[TOKEN]), headers={"Origin": "https://elsewhere.example"}),
        client.get(f"/admin/start/MQ/{TOKEN}/"),
    ]

    assert [response.status_code for response in asked] == [405, 403, 410]
    text = written_by_all.getvalue()
    assert text.count("***") >= 3
    assert TOKEN not in text
