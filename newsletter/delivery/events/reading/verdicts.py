"""What a report says of an address: the server's words first (mail/replies.py), its codes second. Pure.

Whatever says too little is soft: a copy too many costs less than a reader.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.models.events import Event
from newsletter.mail import replies

# What providers call a bounce in fields of their own: "HardBounce", "Transient", "activity.soft_bounced".
PASSING = re.compile(r"soft_?bounce|transient|temporary")
FINAL = re.compile(r"hard_?bounce|permanent")
ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# A server that refuses so early knows of no recipient: Postfix and Exim say at which command it was.
BEFORE_RECIPIENT = re.compile(
    r"in reply to (?:MAIL FROM|[EHL]{2}LO) command|after (?:pipelined )?(?:MAIL FROM|[EHL]{2}LO\b|initial connection)",
    re.IGNORECASE,
)
OF_REPLY = {
    replies.Verdict.DEAD: Verdict.HARD,
    replies.Verdict.MAILBOX: Verdict.SOFT,
    replies.Verdict.POLICY: Verdict.POLICY,
    replies.Verdict.OURS: Verdict.POLICY,
    replies.Verdict.UNKNOWN: Verdict.SOFT,
}


def of(said: Sequence[str], status: str = "", around: Iterable[str] = ()) -> Event.Verdict:
    """Return what a report says of an address by the first of its texts that says something.

    said: the server's words, the most exact first: its own reply, "" if the report has none; then what stands beside.
    status: an enhanced code that stands apart, "5.1.1". A final one counts more than what is only beside.
    around: what else the report says, much of which is its form.
    """
    found = _of(said, status, around)
    if any(BEFORE_RECIPIENT.search(one) for one in said) and found != Verdict.POLICY:
        is_final = any(re.match(r"\W{0,3}5\d\d\b", one) for one in said) or status.startswith("5")
        return Verdict.POLICY if found == Verdict.HARD or is_final else found
    return found


def _of(said: Sequence[str], status: str, around: Iterable[str]) -> Event.Verdict:
    own, *beside = [" ".join(one.split())[: replies.WORDS_MAX] for one in said] or [""]
    around = [*beside, *(" ".join(one.split())[: replies.WORDS_MAX] for one in around)]
    codes = [status, *(match[1] for one in [own, *around] if (match := ENHANCED.search(one)))]
    if not own and status.startswith("5") and (by_status := _by_code(status)):
        return by_status
    exact = own or next(filter(None, beside), "")
    refusal = ENHANCED.search(exact)  # of its own words: the status beside it may be the reporting server's
    if refusal and refusal[1].startswith("5.7."):
        codes = [refusal[1], *codes]
    by_code = next((found for code in codes if (found := _by_code(code))), None)
    by_form = (_by_words(one, codes) for one in around if one != exact)
    return _by_words(exact, codes) or by_code or next(filter(None, by_form), None) or Verdict.SOFT


def _by_words(text: str, codes: list[str]) -> Event.Verdict | None:
    status = next((one for one in codes if one in {"5.1.7", "5.1.8"}), next(filter(None, codes), ""))
    found = replies.by_words(text, status)
    return OF_REPLY[found] if found else None


def _by_code(status: str) -> Event.Verdict | None:
    found = replies.by_code(status)
    if found is None:
        return Verdict.SOFT if status.startswith("4") else None
    return OF_REPLY[found]


def of_provider(raw: Mapping[str, Any], reason: str | None, said: Iterable[str], status: str = "") -> Event.Verdict:
    """Return what a provider's request says of an address.

    raw: its own event. reason: Anymail's. said: the receiver's words. Where the provider calls an address dead and the
    words are about us, the words count: in doubt nobody is suppressed.
    """
    texts = [one for one in said if one.strip()]
    found, kind = of(texts[:1], status, texts[1:]), " ".join(_words_in(raw)).lower()
    if reason in {"spam", "blocked"} or (texts and found == Verdict.POLICY):
        return Verdict.POLICY
    if reason == "invalid" or raw.get("hard_bounce") is True:
        return Verdict.HARD
    if PASSING.search(kind):
        return Verdict.SOFT
    says_nothing = all(replies.by_words(one, status) is None for one in texts)
    return Verdict.HARD if says_nothing and FINAL.search(kind) else found


def _words_in(raw: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield the values that are one word, however deep they stand in a provider's event."""
    for value in raw.values():
        if isinstance(value, Mapping) and depth < 3:
            yield from _words_in(value, depth + 1)
        elif isinstance(value, str) and " " not in value:
            yield value
