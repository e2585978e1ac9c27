"""How one record of the log is written: nothing in it opens a reader's page, and nobody can forge a line. Pure."""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

# What stands before a token in a path: whoever reads a log must not be able to act for a reader or for the author.
# tests/mail/test_logs.py asks the URLs of the site whether one is missing.
OPENED_BY_TOKEN = (
    *("address", "admin/start/[^/\\s]+", "approve", "calendar", "cancel", "confirm", "feedback", "invite", "mine"),
    *("preferences", "preview", "quote", "r", "undo", "unsubscribe"),
)
# After them, or anywhere in a path what is as long as a token of ours (tokens.py): 17 to 24 letters and digits.
TOKEN = re.compile(
    rf"(?<=/)(?P<before>{'|'.join(OPENED_BY_TOKEN)})/[^/\s\"'<>]+|(?<=/)[0-9A-Za-z]{{17,24}}(?=/|\.ics|[\s\"'?]|$)"
)
HIDDEN = "***"
# The request that is being answered, or that has begun the work that is being done; "" if it was nobody's.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# Characters. systemd-journald begins a new entry after 48 KB of a line (journald.conf, LineMax): a stranger's own.
LINE_MAX = 8000
FIELD_MAX = 3500  # characters of one field in JSON, each of at most six bytes
# What a terminal or a reader of logs could take for the end of a line or for a command, and what cannot be written.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def masked(text: str) -> str:
    return TOKEN.sub(lambda found: f"{found['before']}/{HIDDEN}" if found["before"] else HIDDEN, text)


def escaped(line: str) -> str:
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), line)


class LineFormatter(logging.Formatter):
    """Begins one line for each record; each further line of a message or a traceback is indented.

    `number` in the format stands for the number of the request, in brackets, where there is one.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return _time_of(record)

    def format(self, record: logging.LogRecord) -> str:
        number = request_id.get()
        record.number = f" [{number}]" if number else ""
        lines = masked(super().format(record)).split("\n")
        return "\n  ".join(escaped(line[:LINE_MAX])[:LINE_MAX] for line in lines)


class JsonFormatter(logging.Formatter):
    """Writes one JSON object a line: time, level, logger, message, and where there is one request and exception."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(record.getMessage())[:FIELD_MAX],
        }
        if number := request_id.get():
            facts["request"] = number
        if record.exc_info:
            facts["exception"] = masked(self.formatException(record.exc_info))[-FIELD_MAX:]
        return json.dumps(facts)  # in ASCII: no character of it ends a line or moves a terminal


def _time_of(record: logging.LogRecord) -> str:
    """Return when, in UTC as RFC 3339 writes it: lines of several machines can be put in order."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
