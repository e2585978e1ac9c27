"""docs/glossary.md and the code use the same words: none that nobody uses, none that is banned."""

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
ROW = re.compile(r"^\| ([^|\n]+?) *\| ([^|\n]+?) *\|([^|\n]*)\|$", re.MULTILINE)

# Banned words that the code needs in another sense, and which.
IN_ANOTHER_SENSE = {
    "IP": "the protocol, and its addresses",
    "account": "of a user of the desk",
    "admin": "Django's admin site, which the desk is built on",
    "archive": "of issues that were sent, on the web",
    "article": "what an importer reads before it is a post; schema.org's Article",
    "backend": "Django's and Anymail's mail backends",
    "bounced": "why an address is suppressed, as the database has it",
    "client": "a program that asks a server: of mail, of HTTP",
    "confirm": "a reader confirms an address",
    "contact": "a person's address, for notices and security.txt",
    "deadline": "a moment until which a program waits",
    "delay": "of a picture that moves, as GIF calls it",
    "delivered": "what a provider may report one day",
    "dry run": "of a command that says what it would do",
    "entry": "of a feed, an outbox, a history, a schedule",
    "event": "of a copy, after its hand-over; of a selector, of a browser, of Celery",
    "failed": "a state of a copy: the provider refused it",
    "group": "Django's Group, which a role is kept in",
    "label": "of a form field, of a Django app, of a domain name",
    "list": "Python's, and the headers of a mailing list",
    "log": "of a program: lines for its operator",
    "member": "of Django's Group",
    "pending": "a subscription's state, as the database has it; Future's own word",
    "permission": "Django's, which a right is kept as",
    "report": "the verb: what somebody reports",
    "site": "the pages of the newsletter; Django's admin site",
    "support": "the verb, and pages of other companies",
    "template": "Django's, and the compiled mail",
    "thread": "of a process",
    "user": "somebody who can log in to the desk",
}
# Banned beside what the glossary says: metaphors and abbreviations that hide what happens.
ALSO_BANNED = ("plea", "pleas", "pleaded", "deaf", "he", "his", "him", "himself")
# Where a banned word is another's name, or quoted. By word: what is around it.
ALLOWED = {
    "campaign": r"origins\.py|growth",  # that of a link, as utm_campaign names it
    "chunk": r"chunk_size|parseChunk|rsgi\.py|static_files\.py",  # Django's, Markdown's and HTTP's
    "notification": r"ACCOUNT_EMAIL_NOTIFICATIONS|reading/notices\.py",  # django-allauth's setting; Amazon's word
    # Django's and smtplib's; Anymail's, Mailgun's and Postmark's; where SMTP, errors and reports are read; age's.
    "recipient": r"recipients$|parse_recipient_status|AnymailRecipientsRefused|%recipient|406 inactive recipient"
    r"|(?:replies|single|smtp_connection|outcomes|error_codes|transports|receive_mail|sealing)\.py|delivery/events/",
    "hard bounce": r"replies\.py",  # Postmark's page of errors
    "MFA": r"allauth|mfa|MFA",  # django-allauth's module and settings
}


class Term(NamedTuple):
    word: str
    banned: list[str]


class Place(NamedTuple):
    """A comment, a line of a docstring or an identifier, the words of it, and where they stand."""

    text: str
    words: str
    at: str
    is_name: bool


@cache
def terms() -> list[Term]:
    rows = [row for row in ROW.findall(GLOSSARY) if row[0] != "word" and not row[0].startswith("-")]
    return [Term(word, [one for one in re.split(r", *", banned.strip()) if one]) for word, _meaning, banned in rows]


def as_words(name: str) -> str:
    """Return the words of an identifier: "flight recorder" of FLIGHT_RECORDER and FlightRecorder."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").lower()


@cache
def places() -> dict[str, list[Place]]:
    """Return the places by their words, for most names stand at many."""
    found: dict[str, list[Place]] = {}
    for place in _places():
        found.setdefault(place.words, []).append(place)
    return found


@cache
def names() -> str:
    """Return the words of every identifier, one a line."""
    return "\n".join(words for words, found in places().items() if any(place.is_name for place in found))


def _places() -> Iterator[Place]:
    for path in sorted(path for room in ("newsletter", "subscribers") for path in (ROOT / room).rglob("*.py")):
        if "migrations" in path.parts:
            continue
        name = str(path.relative_to(ROOT))
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            at = f"{name}:{token.start[0]}"
            if token.type == tokenize.NAME:
                yield Place(token.string, as_words(token.string), at, is_name=True)
            elif token.type == tokenize.COMMENT or token.string.startswith(('"""', 'f"""')):
                yield from (
                    Place(line, line, f"{name}:{token.start[0] + number}", is_name=False)
                    for number, line in enumerate(token.string.splitlines())
                )


@cache
def shown() -> str:
    """Return what people are shown: strings of the code, and the templates."""
    paths = [path for room in ("newsletter", "subscribers") for path in (ROOT / room).rglob("*.py")]
    paths += [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    return "\n".join(path.read_text() for path in paths).lower()


def is_used(word: str) -> bool:
    """Return whether code or pages use a word of the glossary; a word in capitals must be a name."""
    pattern = re.compile(rf"\b{re.escape(word.lower())}(?:s|es|d|ed)?\b")
    return bool(pattern.search(names()) or (not word[0].isupper() and pattern.search(shown())))


def found(word: str) -> list[str]:
    """Return where a banned word stands, but for what is allowed."""
    pattern = re.compile(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])", re.IGNORECASE)
    allowed = re.compile(ALLOWED[word]) if word in ALLOWED else None
    return [
        f"{place.at}: {place.text.strip()}"
        for words, found_at in places().items()
        if pattern.search(words)
        for place in found_at
        if not (allowed and (allowed.search(place.at) or allowed.search(place.text)))
    ]


def test_every_word_of_the_glossary_is_used():
    assert [term.word for term in terms() if not is_used(term.word)] == []
    assert len(terms()) > 70


def test_no_word_is_explained_twice():
    words = [term.word for term in terms()]

    assert [word for word in words if words.count(word) > 1] == []


def test_no_banned_word_is_used():
    banned = {word for term in terms() for word in term.banned} - set(IN_ANOTHER_SENSE)

    assert {word: places for word in sorted(banned | set(ALSO_BANNED)) if (places := found(word))} == {}


def test_what_is_meant_in_another_sense_is_banned_at_all():
    banned = {word for term in terms() for word in term.banned}

    assert set(IN_ANOTHER_SENSE) - banned == set()
    assert set(ALLOWED) - banned == set()


def test_people_are_they_in_documents_too():
    documents = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    pronoun = re.compile(r"\b(?:he|his|him|himself)\b", re.IGNORECASE)

    assert [path.name for path in documents if pronoun.search(path.read_text())] == []
