"""The first page of the desk, as `templates/desk/today.html` shows it."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import dateformat
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from newsletter.delivery.days import free_slots
from newsletter.delivery.models import Feedback, Mailing, Reply
from newsletter.delivery.results.facts import answers as answers_to
from newsletter.delivery.results.facts import copies
from newsletter.desk import chart
from newsletter.desk.issues.progress import wait_in_words
from newsletter.desk.today import words
from newsletter.desk.today.checklist import DONE, checklist
from newsletter.desk.today.facts import Facts
from newsletter.desk.today.gathering import Found, gather
from newsletter.desk.today.mending import troubles
from newsletter.desk.today.steps import (
    ADD,
    BEGIN,
    COMPOSE,
    NEW_POST,
    PUBLISH,
    SEND,
    WATCH,
    WRITE,
    next_step,
    next_step_of_issues,
)
from newsletter.issues import days_off, rhythm
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers import growth
from subscribers.models import DayCount, Tally

SLOTS = 3
SEE, CARE = "subscribers.see_readers", "subscribers.change_subscriber"
HELPFUL = Feedback.Answer.HELPFUL


@dataclass(frozen=True)
class Figure:
    label: str
    value: str


@dataclass(frozen=True)
class Line:
    """A line of a list: what it is, more about it, a short word at its end, and where it leads ("": nowhere).

    number: of its issue; post: the key of its post.
    """

    title: str
    about: str = ""
    end: str = ""
    url: str = ""
    number: int = 0
    post: int = 0


def today(user: Any, now: datetime) -> dict[str, Any]:
    """Return what the page shows `user`: what comes next, and below it what was, what is and what is wrong."""
    found = gather(user, now)
    facts = found.facts
    step = next_step(facts, now)
    items = checklist(facts, step, now)
    return {
        "step": step,
        "checklist": items,
        "done": sum(item.standing == DONE for item in items),
        "left": sum(item.standing != DONE for item in items),
        "offers_move": bool(items) and not facts.posts and facts.may(PUBLISH) and facts.may(ADD),
        "offers_new_post": facts.may(ADD) and not items and step.place != NEW_POST,
        "troubles": troubles(facts, step, now),
        "left_out": _left_out(found, now),
        "left_out_more": words.number(facts.left_out - len(found.left_out)) if found.left_out else "",
        "puts_into": facts.issue if facts.may(COMPOSE) else None,
        "begins_issue": facts.issue is None and facts.may(COMPOSE) and facts.may(BEGIN),
        "has_more_left_out": facts.left_out > len(found.left_out),
        "last": _last(found, now),
        "drafts": [_draft(post, facts, now) for post in found.drafts],
        "upcoming": _upcoming(found, now) if facts.may("issues.view_issue") and not items else [],
        "questions": _questions(now) if facts.may(SEND) and not items else [],
        "readers": _readers(found.tally, facts, now) if found.tally else None,
        "replies": Reply.objects.to_answer().count() if facts.may(SEE) and facts.may(CARE) else 0,
    }


def of_issues(user: Any, now: datetime) -> dict[str, Any]:
    """Return what the list of issues says above its rows: the next step about an issue."""
    facts = gather(user, now).facts
    return {"step": next_step_of_issues(facts, now), "slot": facts.slot, "composed": facts.issue}


def _questions(now: datetime) -> list[days_off.Question]:
    """Return what is asked about slots on holidays, once each."""
    return rhythm.questions(Publication.objects.current(), now, get_language() or settings.LANGUAGE_CODE)


# --- Posts ---


def _left_out(found: Found, now: datetime) -> list[Line]:
    may_open = found.facts.may("posts.view_post")
    return [
        Line(
            title=post.title,
            about=_("published %(when)s") % {"when": words.since(post.published_at, found.facts.zone, now)},
            url=_post_url(post) if may_open else "",
            post=post.pk,
        )
        for post in found.left_out
        if post.published_at
    ]


def _draft(post: Any, facts: Facts, now: datetime) -> Line:
    length = ngettext("%(count)s character", "%(count)s characters", post.length)
    about = [words.since(post.updated_at, facts.zone, now), length % {"count": words.number(post.length)}]
    about += [_("in issue %(number)s") % {"number": issue.number} for issue in list(post.issues.all())[:1]]
    return Line(
        title=post.title or _("Without a title"),
        about=" · ".join(about),
        url=_post_url(post) if facts.may(WRITE) else "",
    )


def _post_url(post: Post) -> str:
    return reverse("admin:posts_post_change", args=[post.pk])


# --- Issues ---


def _last(found: Found, now: datetime) -> dict[str, Any] | None:
    """Return the result of the last issue that was sent, beside those before; None if there is none."""
    if not found.sent:
        return None
    mailing, zone = found.sent[0], found.facts.zone
    answers = answers_to(dict.fromkeys((one.issue_id for one in found.sent), now))
    helpful = [answers.get((one.issue_id, HELPFUL.value), 0) for one in reversed(found.sent)]
    return {
        "title": mailing.issue.subject,
        "about": _about_result(mailing, found.facts, now),
        "url": reverse("admin:mailing", args=[mailing.pk]),
        "figures": list(_figures(mailing, answers)),
        "chart": chart.bars(helpful, _caption(len(helpful))) if len(helpful) > 1 and any(helpful) else None,
        "numbers": chart.Numbers(
            title=_("The numbers of each issue"),
            heading=_("Issue"),
            columns=(str(HELPFUL.label),),
            rows=tuple(
                (_("Issue %(number)s") % {"number": one.issue.number}, (words.number(count),))
                for one, count in zip(reversed(found.sent), helpful, strict=True)
            ),
        ),
        "day": words.day(mailing.finished_at or mailing.send_at, zone, now),
    }


def _caption(issues: int) -> str:
    text = ngettext("“%(answer)s” in the last issue", "“%(answer)s” in the last %(number)s issues", issues)
    return text % {"answer": HELPFUL.label, "number": issues}


def _about_result(mailing: Mailing, facts: Facts, now: datetime) -> str:
    began, ended = mailing.planned_at or mailing.send_at, mailing.finished_at or mailing.send_at
    values = {
        "number": mailing.issue.number,
        "when": words.moment(began, facts.zone, now),
        "took": wait_in_words(max(timedelta(), ended - began)),
    }
    return _("Issue %(number)s · %(when)s, all sent within %(took)s") % values


def _figures(mailing: Mailing, answers: dict[tuple[int, str], int]) -> list[Figure]:
    missed = copies(mailing, "failed") + copies(mailing, "uncertain")
    given = [(answer.label, answers.get((mailing.issue_id, answer.value), 0)) for answer in Feedback.Answer]
    counted = [(_("sent"), copies(mailing, "sent")), (_("did not get it"), missed), *given]
    return [Figure(str(label).capitalize(), words.number(count)) for label, count in counted]


def _upcoming(found: Found, now: datetime) -> list[Line]:
    """Return what is on its way, then what waits and the free slots by their days, the next issue in the first one."""
    facts = found.facts
    slots = free_slots(Publication.objects.current(), now, SLOTS)
    later = facts.new_number if facts.issue else facts.new_number + 1
    numbers = [facts.next_number, *range(later, later + SLOTS)]
    lines = [
        Line(number=number, title=words.day(slot, facts.zone, now), end=words.wait(slot, facts.zone, now))
        for number, slot in zip(numbers, slots, strict=False)
    ]
    if facts.issue:
        url = reverse("admin:issues_issue_change", args=[facts.issue.pk]) if facts.may(COMPOSE) else ""
        lines[0] = replace(lines[0], about=_composed(facts), url=url)
    shown = [(one.send_at, _on_its_way(one, facts, now)) for one in found.open]
    pressing = sum(one.state != Mailing.State.SCHEDULED for one in found.open)  # these stand first
    by_day = sorted([*shown[pressing:], *zip(slots, lines, strict=True)], key=lambda one: one[0])
    return [line for _at, line in [*shown[:pressing], *by_day]]


def _composed(facts: Facts) -> str:
    posts = facts.issue.posts if facts.issue else 0
    if not posts:
        return _("No post in it yet")
    return ngettext("%(count)s post, draft", "%(count)s posts, draft", posts) % {"count": words.number(posts)}


def _on_its_way(mailing: Mailing, facts: Facts, now: datetime) -> Line:
    is_scheduled = mailing.state == Mailing.State.SCHEDULED
    left = words.wait(mailing.send_at, facts.zone, now)
    kind = "" if mailing.kind == Mailing.Kind.ISSUE else str(mailing.get_kind_display())
    return Line(
        number=mailing.issue.number,
        title=words.moment(mailing.send_at, facts.zone, now),
        about=" · ".join(filter(None, [str(mailing.get_state_display()), kind, mailing.subject])),
        end=left if is_scheduled else "",
        url=reverse("admin:mailing", args=[mailing.pk]) if facts.may(WATCH) else "",
    )


# --- Readers ---


def _readers(tally: Tally, facts: Facts, now: datetime) -> dict[str, Any]:
    weeks = DayCount.objects.weekly(now.astimezone(facts.zone).date(), tally.mailable)
    others = [
        (_("resting"), tally.resting),
        (_("not confirmed"), tally.pending),
        (_("unsubscribed"), tally.unsubscribed),
        (_("suppressed"), tally.suppressed),
    ]
    return {
        "figures": _reader_figures(weeks),
        "chart": chart.line([count for _day, count in weeks], _short(weeks[0][0]), _("today")),
        "numbers": chart.Numbers(
            title=_("The numbers of each week"),
            heading=_("Day"),
            columns=(_("Readers"),),
            rows=tuple((_short(day), (words.number(count),)) for day, count in weeks),
        ),
        "others": [f"{label} {words.number(count)}" for label, count in others if count],
        "is_empty": not tally.mailable,
        "came": growth.sentence(now.astimezone(facts.zone).date()),
    }


def _reader_figures(weeks: list[tuple[date, int]]) -> list[Figure]:
    (first, then), (_last_day, count) = weeks[0], weeks[-1]
    figures = [Figure(_("Today"), words.number(count))]
    return [*figures, Figure(_short(first), words.number(then))] if len(weeks) > 1 else figures


def _short(day: date) -> str:
    return dateformat.format(day, pgettext("date format", "j M"))
