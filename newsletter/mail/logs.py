"""Log formatters: link tokens are masked, and no text can forge a line. Pure."""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

# Path segments before a token: a reader of the log must not be able to act for a subscriber or the author.
# tests/mail/test_logs.py compares them with the URLs of the site.
BEFORE_TOKEN = (
    *("address", "admin/start/[^/\\s]+", "approve", "calendar", "cancel", "confirm", "feedback", "gift"),
    *("healthz", "invite", "mine", "preferences", "preview", "quote", "r", "undo", "unsubscribe"),
)
# After those segments, and any path segment as long as a token (tokens.py): 17 to 24 letters and digits.
TOKEN = re.compile(
    rf"(?<=/)(?P<before>{'|'.join(BEFORE_TOKEN)})/[^/\s\"'<>]+|(?<=/)[0-9A-Za-z]{{17,24}}(?=/|\.ics|[\s\"'?]|$)"
)
MASK = "***"
# The id of the current request, or of the one that queued the current task; "" for neither.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# Characters. systemd-journald splits a line after 48 KB (journald.conf, LineMax), by which a stranger could forge one.
LINE_MAX = 8000
FIELD_MAX = 3500  # characters of one field in JSON, each of at most six bytes
# Line ends and terminal control characters, and surrogates, which cannot be encoded.
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def mask_tokens(text: str) -> str:
    return TOKEN.sub(lambda found: f"{found['before']}/{MASK}" if found["before"] else MASK, text)


def escape_controls(line: str) -> str:
    return CONTROL_CHARACTER.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), line)


class LineFormatter(logging.Formatter):
    """One line a record; further lines of a message or traceback are indented.

    `number` in the format is the request id in brackets, or "".
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return _time_of(record)

    def format(self, record: logging.LogRecord) -> str:
        number = request_id.get()
        record.number = f" [{number}]" if number else ""
        lines = mask_tokens(super().format(record)).split("\n")
        return "\n  ".join(escape_controls(line[:LINE_MAX])[:LINE_MAX] for line in lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and if present request and exception."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": mask_tokens(record.getMessage())[:FIELD_MAX],
        }
        if number := request_id.get():
            facts["request"] = number
        if record.exc_info:
            facts["exception"] = mask_tokens(self.formatException(record.exc_info))[-FIELD_MAX:]
        return json.dumps(facts)  # ASCII only, so no control characters


def _time_of(record: logging.LogRecord) -> str:
    """RFC 3339 in UTC, so that lines of several machines can be sorted."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
