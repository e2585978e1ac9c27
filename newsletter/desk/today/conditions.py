"""When each step applies: questions to the facts, one for each row of the table in `steps.py`. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta

from newsletter.desk.today.facts import Facts

FRESH = timedelta(hours=48)  # for how long the result of an issue is the news, unless something waits
REHEARSED = "valid"
type Condition = Callable[[Facts, datetime], bool]


def always(facts: Facts, now: datetime) -> bool:
    return True


def is_underway(state: str) -> Condition:
    """Return the question whether the most pressing mailing is in `state`."""

    def applies(facts: Facts, now: datetime) -> bool:
        return facts.underway is not None and facts.underway.state == state

    return applies


def is_held(facts: Facts, now: datetime) -> bool:
    mailing = facts.underway
    return mailing is not None and mailing.state == "scheduled" and mailing.send_at - now <= facts.hold


def lacks_sender(facts: Facts, now: datetime) -> bool:
    return facts.lacks_sender


def has_no_post(facts: Facts, now: datetime) -> bool:
    return facts.posts == 0


def has_only_drafts(facts: Facts, now: datetime) -> bool:
    return facts.draft is not None and not (facts.published or facts.has_sent)


def is_left_out_of_issue(facts: Facts, now: datetime) -> bool:
    return facts.newly > 0 and facts.issue is not None


def is_left_out(facts: Facts, now: datetime) -> bool:
    return facts.newly > 0 and facts.issue is None


def has_no_issue(facts: Facts, now: datetime) -> bool:
    return facts.issue is None


def is_empty(facts: Facts, now: datetime) -> bool:
    return facts.issue is not None and facts.issue.posts == 0


def is_empty_and_posts_wait(facts: Facts, now: datetime) -> bool:
    return is_empty(facts, now) and facts.left_out > 0


def is_empty_and_a_draft_waits(facts: Facts, now: datetime) -> bool:
    return is_empty(facts, now) and facts.draft is not None


def is_composed(facts: Facts, now: datetime) -> bool:
    return facts.issue is not None and facts.issue.posts > 0


def lacks_subject(facts: Facts, now: datetime) -> bool:
    return facts.issue is not None and not facts.issue.has_subject


def lacks_alt(facts: Facts, now: datetime) -> bool:
    return facts.issue is not None and facts.issue.without_alt > 0


def is_not_rehearsed(facts: Facts, now: datetime) -> bool:
    return facts.issue is not None and facts.issue.posts > 0 and facts.issue.rehearsal != REHEARSED


def has_news(facts: Facts, now: datetime) -> bool:
    return facts.result is not None and now - facts.result.at < FRESH


def has_draft(facts: Facts, now: datetime) -> bool:
    return facts.draft is not None
