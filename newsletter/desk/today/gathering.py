"""The facts of the first page, from the database: always the same number of queries, however much there is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.db.models.functions import Length, Trim

from newsletter.delivery.days import free_slots
from newsletter.delivery.letter.rendering import freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, Rehearsal, Standing, digest_of
from newsletter.delivery.planning import approving
from newsletter.delivery.results.facts import copies, counted, last
from newsletter.desk.next_issue import in_the_making
from newsletter.desk.today.facts import Composed, Draft, Facts, Result, Underway
from newsletter.desk.today.steps import COMPOSE, PUBLISH, READERS, SEND, WATCH, WRITE
from newsletter.issues.assembly import next_number
from newsletter.issues.models import Issue, in_no_issue
from newsletter.operation.senders import address
from newsletter.posts.models import Post
from newsletter.posts.proofreading.check import RULES, findings
from newsletter.publication.models import Publication
from subscribers.models import Tally, kept_tally

HAS_PICTURE = Q(body__contains="![") | Q(body__contains="<img")
IS_COVERED = Q(cover__isnull=False)
ALL_BUT_ALT = frozenset(RULES) - {"alt"}
DRAFTS, OPEN, LEFT_OUT = 4, 10, 4  # rows that are fetched of each
PRESSING = [Mailing.State.PAUSED, Mailing.State.SENDING, Mailing.State.SCHEDULED]


@dataclass(frozen=True)
class Found:
    """The facts, and the rows behind them that the page shows. Empty where the user may not look.

    sent: the last issues, the latest first; open: mailings, the most pressing first.
    """

    facts: Facts
    drafts: list[Post]
    left_out: list[Post]
    open: list[Mailing]
    sent: list[Mailing]
    tally: Tally | None


def gather(user: Any, now: datetime) -> Found:
    """Return what is so for `user`, as far as they may know it."""
    publication, rights = Publication.objects.current(), frozenset(user.get_all_permissions())
    # What is true is asked for everybody; what a user is shown of it is decided by their rights.
    open_mailings, sent = _open(), last()
    has_sent = bool(sent) or any(one.planned_at for one in open_mailings) or _has_begun()
    issue = _composed() if COMPOSE in rights or SEND in rights else None
    drafts = _drafts(user) if "posts.view_post" in rights else []
    may_change = [post for post in drafts if PUBLISH in rights or post.created_by_id == user.pk]
    since = _last_saved(issue, sent)
    counts, left_out = _left_out(now, since) if "issues.view_issue" in rights else ({}, [])
    may_count = SEND in rights or READERS in rights
    readers = kept_tally(now) if may_count else None
    new_number = next_number()
    slot = free_slots(publication, now, 1)[0]
    facts = Facts(
        rights=rights,
        zone=publication.zone,
        slot=slot,
        hold=approving.hold_of(publication),
        next_number=issue.number if issue else new_number,
        new_number=new_number,
        readers=readers.mailable if readers else None,
        lacks_sender=_lacks_sender(now, has_sent=has_sent),
        has_sent=has_sent,
        **_posts(user, now),
        **counts,
        newest=left_out[0].title if left_out else "",
        draft=Draft(may_change[0].pk, may_change[0].title) if may_change and WRITE in rights else None,
        issue=_facts_of(issue, publication, now) if issue else None,
        underway=_underway(open_mailings[0]) if open_mailings else None,
        result=_result(sent[0]) if sent else None,
    )
    may_watch = WATCH in rights
    return Found(facts, drafts, left_out, open_mailings if may_watch else [], sent if may_watch else [], readers)


# --- Mailings ---


def _open() -> list[Mailing]:
    latest = list(counted().open().order_by("send_at", "pk")[:OPEN])
    return sorted(latest, key=lambda one: (PRESSING.index(Mailing.State(one.state)), one.send_at))


def _has_begun() -> bool:
    return Mailing.objects.filter(planned_at__isnull=False).exists()


def _underway(mailing: Mailing) -> Underway:
    return Underway(
        pk=mailing.pk,
        number=mailing.issue.number,
        state=mailing.state,
        send_at=mailing.send_at,
        to_all=mailing.kind == Mailing.Kind.ISSUE and not mailing.segment,
        is_correction=mailing.kind == Mailing.Kind.CORRECTION,
        has_begun=mailing.planned_at is not None,
        sent=copies(mailing, "sent"),
        total=mailing.total,
        cause=mailing.paused_by,
    )


def _result(mailing: Mailing) -> Result:
    missed = copies(mailing, "failed") + copies(mailing, "uncertain")
    at = mailing.finished_at or mailing.send_at
    return Result(mailing.pk, mailing.issue.number, at, copies(mailing, "sent"), missed)


# --- The next issue ---


def _composed() -> Issue | None:
    """Return the first issue that was not sent and that no mailing waits for."""
    counted = in_the_making().annotate(
        items_count=Count("items"),
        posts_changed_at=Max("items__post__updated_at"),
        subject_length=Length(Trim("subject")),
    )
    return counted.first()


def _facts_of(issue: Any, publication: Publication, now: datetime) -> Composed:
    latest = Rehearsal.objects.latest_of(issue)
    return Composed(
        pk=issue.pk,
        number=issue.number,
        posts=issue.items_count,
        has_subject=issue.subject_length > 0,
        **_without_alt(issue, publication),
        rehearsal=_standing(latest, issue, publication, now),
        errors=sum(remark["level"] == ERROR for remark in latest.remarks) if latest else 0,
    )


def _standing(latest: Rehearsal | None, issue: Any, publication: Publication, now: datetime) -> str:
    """Return what the last rehearsal is worth, as the pages of the issue say it.

    The letter itself is compared, as there, but only if something was saved since: that takes some 60 ms.
    """
    if latest is None:
        return Standing.NONE
    changed = (issue.updated_at, issue.posts_changed_at, publication.updated_at)
    was_saved = any(at and at > latest.started_at for at in changed)
    return latest.standing(digest_of(freeze(issue).content_hash, "") if was_saved else latest.digest, now)


def _without_alt(issue: Issue, publication: Publication) -> dict[str, Any]:
    """Return how many pictures of an issue say nothing to those who do not see them, and where the first one is."""
    if "alt" in publication.checks_off:
        return {}
    posts = Post.objects.filter(HAS_PICTURE | IS_COVERED, items__issue=issue).order_by("items__position", "items__pk")
    rows = list(posts.values_list("pk", "body", "cover", "cover__alt"))
    around = sum(_pictures_without_alt(text) for text in (issue.introduction, issue.closing))
    inside = {pk: count for pk, body, _cover, _alt in rows if (count := _pictures_without_alt(body))}
    covers = [cover for _pk, _body, cover, alt in rows if cover and not alt.strip()]
    return {
        "without_alt": around + sum(inside.values()) + len(covers),
        "alt_post": next(iter(inside), None),
        "alt_cover": next(iter(covers), None),
    }


def _pictures_without_alt(text: str) -> int:
    has_picture = "![" in text or "<img" in text
    return len(findings(text, terms={}, off=ALL_BUT_ALT)) if has_picture else 0


# --- Posts ---


def _posts(user: Any, now: datetime) -> dict[str, int]:
    mine = Post.objects.open_to(user).order_by()
    return {"posts": int(mine.exists()), "published": int(Post.objects.published(now).exists())}


def _drafts(user: Any) -> list[Post]:
    drafts = Post.objects.open_to(user).drafts().annotate(length=Length("body")).defer("body", "summary")
    return list(drafts.prefetch_related("issues")[:DRAFTS])


def _last_saved(issue: Issue | None, sent: list[Mailing]) -> datetime | None:
    """Return since when a published post is news to whoever composes: the last save, or else the last sending."""
    if issue:
        return issue.updated_at
    return sent[0].planned_at if sent else None


def _left_out(now: datetime, since: datetime | None) -> tuple[dict[str, int], list[Post]]:
    waiting = in_no_issue(Post.objects.published(now))
    newly = Count("pk", filter=Q(published_at__gt=since)) if since else Count("pk")
    counts = waiting.order_by().aggregate(left_out=Count("pk"), newly=newly)
    return counts, list(waiting.only("title", "published_at")[:LEFT_OUT])


# --- The publication and its readers ---


def _lacks_sender(now: datetime, *, has_sent: bool) -> bool:
    """Return whether mails would come from an address that is nobody's; an outbox that was used needs no other."""
    return bool(settings.MAIL_URL or not has_sent) and any(True for _finding in address.sender(now))
