"""The facts for programs, as docs/authors.md describes them. Fields are added, and never change their meaning."""

from typing import Any

from newsletter.delivery.results.facts import MEASURES, Facts


def of(facts: Facts, *, shows_sentences: bool) -> dict[str, Any]:
    """Return the result as JSON's types. shows_sentences: whether who asks may read what readers say."""
    found = facts.copies
    written: dict[str, Any] = {
        "issue": facts.issue.number,
        "subject": facts.mailing.subject,
        "mailing": facts.mailing.pk,
        "sent_at": facts.issue.sent_at.isoformat() if facts.issue.sent_at else None,
        "counted_at": facts.at.isoformat(),
        "counted_for_seconds": round(facts.this.lasted.total_seconds()),
        "is_over": facts.is_over,
        "copies": {name: getattr(found, name) for name in ("total", "sent", "failed", "uncertain", "skipped")},
        "arrived": found.arrived,
        "came_back": found.came_back,
        "complaints": found.complaints,
        "not_arrived_by_reason": {str(reason): count for reason, count in found.by_reason},
        "not_arrived_by_domain": dict(found.by_domain),
        "numbers": {name: _number(facts, name) for name in MEASURES},
        "sentences_count": facts.said,
    }
    if shows_sentences:
        written["sentences"] = list(facts.sentences)
    if facts.followed:
        written["links"] = [{"address": one.address, "times": one.times} for one in facts.followed]
    return written


def _number(facts: Facts, measure: str) -> dict[str, Any]:
    return {"count": getattr(facts.this, measure), "before": [getattr(one, measure) for one in facts.before]}
