"""The first page of the desk. Loads its data with a constant number of queries."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.urls import reverse
from django.utils import dateformat
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Feedback, Mailing, Reply
from newsletter.delivery.models.rehearsals import ERROR, Rehearsal, RehearsalStatus, rehearsal_digest
from newsletter.delivery.planning import approving
from newsletter.delivery.results import counted_copies, feedback_counts, last_mailings, mailings_with_counts
from newsletter.delivery.sending_days import free_slots
from newsletter.desk import chart, next_step
from newsletter.desk.issues.mailings import wait_text
from newsletter.desk.next_issue import unscheduled_issues
from newsletter.desk.next_step import CHANGE_ISSUE, CHANGE_SETTINGS, SEND_ISSUE, VIEW_MAILING, DeskFacts, NextStep
from newsletter.desk.templatetags.figures import thousands
from newsletter.issues import public_holidays, schedule
from newsletter.issues.assembly import next_number
from newsletter.issues.models import Issue, in_no_issue
from newsletter.mail import reach
from newsletter.operation import diagnosis, senders
from newsletter.operation.findings import Finding
from newsletter.posts.models import Post, attach_renderings
from newsletter.publication.models import Publication
from subscribers import growth
from subscribers.models import DayCount, ReaderCounts, cached_reader_counts

DRAFTS_SHOWN, MAILINGS_SHOWN, LEFT_OUT_SHOWN = 4, 10, 4  # rows that are fetched of each
STATE_ORDER = [Mailing.State.PAUSED, Mailing.State.SENDING, Mailing.State.SCHEDULED]


def load_desk_facts(user: Any, now: datetime) -> DeskFacts:
    publication, rights = Publication.objects.current(), frozenset(user.get_all_permissions())
    # The facts are the same for everybody; permissions decide what is shown.
    open_mailings, sent = _open_mailings(), last_mailings()
    has_sent = bool(sent) or Mailing.objects.filter(planned_at__isnull=False).exists()
    issue = _next_issue() if CHANGE_ISSUE in rights or SEND_ISSUE in rights else None
    rehearsal = Rehearsal.objects.latest_of(issue) if issue else None
    drafts = _drafts(user) if "posts.view_post" in rights else []
    may_change = [post for post in drafts if next_step.PUBLISH_POST in rights or post.created_by_id == user.pk]
    counts, left_out = _find_left_out(now, issue, sent) if "issues.view_issue" in rights else ({}, [])
    readers = cached_reader_counts(now) if SEND_ISSUE in rights or next_step.SEE_READERS in rights else None
    new_number = next_number()
    return DeskFacts(
        rights=rights,
        zone=publication.zone,
        slot=free_slots(publication, now, 1)[0],
        hold=approving.hold_duration(publication),
        next_number=issue.number if issue else new_number,
        new_number=new_number,
        readers=readers.mailable if readers else None,
        lacks_sender=any(True for _finding in senders.sender_findings(now)),
        lacks_mail_server=reach.ends_in_outbox(),
        lacks_address=any(part.gap == reach.Gap.ADDRESS for part in reach.missing_parts()),
        has_sent=has_sent,
        has_posts=Post.objects.visible_to(user).order_by().exists(),
        has_published=Post.objects.published(now).exists(),
        **counts,
        draft=may_change[0] if may_change and next_step.CHANGE_POST in rights else None,
        issue=issue,
        rehearsal=_rehearsal_status(rehearsal, issue, publication, now),
        errors=sum(remark["level"] == ERROR for remark in rehearsal.remarks) if rehearsal else 0,
        mailing=open_mailings[0] if open_mailings else None,
        result=sent[0] if sent else None,
        drafts=drafts,
        left_out=left_out,
        open_mailings=open_mailings if VIEW_MAILING in rights else [],
        last_mailings=sent if VIEW_MAILING in rights else [],
        reader_counts=readers,
    )


def _open_mailings() -> list[Mailing]:
    latest = list(mailings_with_counts().open().order_by("send_at", "pk")[:MAILINGS_SHOWN])
    return sorted(latest, key=lambda one: (STATE_ORDER.index(Mailing.State(one.state)), one.send_at))


def _next_issue() -> Issue | None:
    changed_at = Max("items__post__updated_at")
    return unscheduled_issues().annotate(items_count=Count("items"), posts_changed_at=changed_at).first()


def _rehearsal_status(latest: Rehearsal | None, issue: Any, publication: Publication, now: datetime) -> str:
    """Renders the letter, which takes some 60 ms, only if something was saved since."""
    if latest is None:
        return RehearsalStatus.NONE
    changed = (issue.updated_at, issue.posts_changed_at, publication.updated_at)
    was_saved = any(at and at > latest.started_at for at in changed)
    return latest.standing(rehearsal_digest(freeze_letter(issue).content_hash, "") if was_saved else latest.digest, now)


def _drafts(user: Any) -> list[Post]:
    drafts = Post.objects.visible_to(user).drafts().defer("summary")
    return attach_renderings(drafts.prefetch_related("issues")[:DRAFTS_SHOWN])


def _find_left_out(now: datetime, issue: Issue | None, sent: list[Mailing]) -> tuple[dict[str, int], list[Post]]:
    """Published posts in no issue: counts of all and of the new ones, and the first of them."""
    since = issue.updated_at if issue else sent[0].planned_at if sent else None
    waiting = in_no_issue(Post.objects.published(now))
    newly = Count("pk", filter=Q(published_at__gt=since)) if since else Count("pk")
    counts = waiting.order_by().aggregate(left_out_count=Count("pk"), newly=newly)
    return counts, list(waiting.only("title", "published_at")[:LEFT_OUT_SHOWN])


# --- What is wrong ---


PAGES_OF_ROW = {"admin:mailing", "admin:webhook"}  # their argument is the `about` of the finding


@dataclass(frozen=True)
class Remedy:
    """A link to where a finding can be fixed, and the permission for it. tail: of the URL."""

    label: Any
    permission: str
    url_name: str
    tail: str = ""

    def url(self, finding: Finding) -> str:
        args = [finding.about] if self.url_name in PAGES_OF_ROW else []
        return reverse(self.url_name, args=args) + self.tail


@dataclass(frozen=True)
class VisibleProblem:
    """words: of the link; empty if the desk cannot fix it."""

    level: str
    message: str
    hint: str
    words: str
    url: str


SENDER, MAIL_SERVER = "admin:settings_sender", "admin:settings_mail"
PENDING_READERS = ("admin:subscribers_subscriber_changelist", "?state=pending")
REMEDIES: dict[str, Remedy] = {
    "sender.made_up": Remedy(gettext_lazy("Set the sender"), CHANGE_SETTINGS, SENDER, "#id_sender_email"),
    "postal_address.empty": Remedy(gettext_lazy("Fill in the address"), CHANGE_SETTINGS, SENDER, "#id_postal_address"),
    "data_place.empty": Remedy(
        gettext_lazy("Name the place"), CHANGE_SETTINGS, "admin:settings_letter", "#id_data_place"
    ),
    "mail.outbox": Remedy(gettext_lazy("Enter a mail server"), next_step.CHANGE_USERS, MAIL_SERVER),
    "site_url.missing": Remedy(gettext_lazy("See how"), CHANGE_SETTINGS, SENDER, "#address"),
    "mail.unreadable": Remedy(gettext_lazy("Enter it again"), next_step.CHANGE_USERS, MAIL_SERVER),
    "mail.waiting": Remedy(gettext_lazy("See who waits"), next_step.SEE_READERS, *PENDING_READERS),
    "mail.given_up": Remedy(gettext_lazy("See who waits"), next_step.SEE_READERS, *PENDING_READERS),
    "mailing.paused": Remedy(gettext_lazy("Resume or cancel"), VIEW_MAILING, "admin:mailing"),
    "mailing.late": Remedy(gettext_lazy("Open the mailing"), VIEW_MAILING, "admin:mailing"),
    "mailing.stands_still": Remedy(gettext_lazy("Open the mailing"), VIEW_MAILING, "admin:mailing"),
    "mailing.refused_addresses": Remedy(gettext_lazy("Look at the addresses"), VIEW_MAILING, "admin:mailing"),
    "result_letter.waiting": Remedy(gettext_lazy("See the result"), VIEW_MAILING, "admin:mailing"),
    "mailing.uncertain": Remedy(gettext_lazy("Choose the mailing"), VIEW_MAILING, "admin:delivery_mailing_changelist"),
    "webhook.off": Remedy(gettext_lazy("See its answers"), CHANGE_SETTINGS, "admin:webhook"),
    "webhook.failing": Remedy(gettext_lazy("See its answers"), CHANGE_SETTINGS, "admin:webhook"),
    "machines.differ": Remedy(gettext_lazy("See the machines"), next_step.CHANGE_USERS, "admin:settings_machines"),
    "database.restored": Remedy(gettext_lazy("Read and decide"), SEND_ISSUE, "admin:restored"),
}


COVERED_BY_STEP = {
    "sender.made_up": "sender",
    "mail.outbox": "mail_server",
    "site_url.missing": "address",
    "mailing.paused": "paused",
}  # by finding: key of the step that says the same


def visible_problems(facts: DeskFacts, step: NextStep, now: datetime) -> list[VisibleProblem]:
    """Findings that the user could fix; none for users who neither send nor administrate.

    What the next step says already is left out, except why a mailing is paused.
    """
    if facts.may(CHANGE_SETTINGS):
        found = diagnosis.author_findings(now)
    else:
        found = diagnosis.editor_findings(now) if facts.may(SEND_ISSUE) else []
    said = [one for one in found if _is_said(one, step)]
    reasons = [VisibleProblem(one.level, one.message, "", "", "") for one in said if one.about]
    return [*reasons, *(_shown(one, facts) for one in found if one not in said)]


def _is_said(finding: Finding, step: NextStep) -> bool:
    if COVERED_BY_STEP.get(finding.id) != step.key:
        return False
    return not finding.about or finding.about in step.place[1]


def _shown(finding: Finding, facts: DeskFacts) -> VisibleProblem:
    cure = REMEDIES.get(finding.id)
    if cure is None or not facts.may(cure.permission) or (cure.url_name in PAGES_OF_ROW and not finding.about):
        return VisibleProblem(finding.level, finding.message, finding.hint, "", "")
    return VisibleProblem(finding.level, finding.message, finding.hint, str(cure.label), cure.url(finding))


# --- The page ---


SLOTS_SHOWN = 3
CHANGE_READERS = "subscribers.change_subscriber"
HELPFUL = Feedback.Rating.HELPFUL


@dataclass(frozen=True)
class DeskFigure:
    label: str
    value: str


@dataclass(frozen=True)
class DeskRow:
    """end: a short text at its right. url: "" without a link.

    number: of its issue; post: the key of its post.
    """

    title: str
    about: str = ""
    end: str = ""
    url: str = ""
    number: int = 0
    post: int = 0


def today_context(user: Any, now: datetime) -> dict[str, Any]:
    facts = load_desk_facts(user, now)
    step = next_step.choose_step(facts, now)
    items = next_step.checklist(facts, step, now)
    left_out_more = facts.left_out_count - len(facts.left_out)
    return {
        "step": step,
        "checklist": items,
        "done": sum(item.standing == next_step.DONE for item in items),
        "left": sum(item.standing != next_step.DONE for item in items),
        "offers_move": bool(items) and not facts.has_posts and facts.may(next_step.PUBLISH_POST, next_step.ADD_POST),
        "offers_new_post": facts.may(next_step.ADD_POST) and not items and step.place != next_step.NEW_POST,
        "troubles": visible_problems(facts, step, now),
        "left_out": _left_out(facts, now),
        "left_out_more": thousands(left_out_more) if left_out_more else "",
        "puts_into": facts.issue if facts.may(CHANGE_ISSUE) else None,
        "begins_issue": facts.issue is None and facts.may(CHANGE_ISSUE, next_step.ADD_ISSUE),
        "last": _last(facts, now) if facts.last_mailings else None,
        "drafts": [_draft(post, facts, now) for post in facts.drafts],
        "upcoming": _upcoming(facts, now) if facts.may("issues.view_issue") and not items else [],
        "questions": _questions(now) if facts.may(SEND_ISSUE) and not items else [],
        "readers": _readers(facts.reader_counts, facts, now) if facts.reader_counts else None,
        "replies": Reply.objects.to_answer().count() if facts.may(next_step.SEE_READERS, CHANGE_READERS) else 0,
    }


def issues_context(user: Any, now: datetime) -> dict[str, Any]:
    facts = load_desk_facts(user, now)
    return {"step": next_step.choose_issue_step(facts, now), "slot": facts.slot, "composed": facts.issue}


def _questions(now: datetime) -> list[public_holidays.HolidayQuestion]:
    return schedule.open_questions(Publication.objects.current(), now, get_language() or settings.LANGUAGE_CODE)


def _left_out(facts: DeskFacts, now: datetime) -> list[DeskRow]:
    may_open = facts.may("posts.view_post")
    return [
        DeskRow(
            title=post.title,
            about=_("published %(when)s") % {"when": next_step.since(post.published_at, facts.zone, now)},
            url=_post_url(post) if may_open else "",
            post=post.pk,
        )
        for post in facts.left_out
        if post.published_at
    ]


def _draft(post: Any, facts: DeskFacts, now: datetime) -> DeskRow:
    about = [next_step.since(post.updated_at, facts.zone, now), post.rendering.length_text]
    about += [_("in issue %(number)s") % {"number": issue.number} for issue in list(post.issues.all())[:1]]
    return DeskRow(
        title=post.title or _("Without a title"),
        about=" · ".join(about),
        url=_post_url(post) if facts.may(next_step.CHANGE_POST) else "",
    )


def _post_url(post: Post) -> str:
    return reverse("admin:posts_post_change", args=[post.pk])


def _last(facts: DeskFacts, now: datetime) -> dict[str, Any]:
    mailings = facts.last_mailings[::-1]
    mailing = mailings[-1]
    answers = feedback_counts(dict.fromkeys((one.issue_id for one in mailings), now))
    helpful = [answers.get((one.issue_id, HELPFUL.value), 0) for one in mailings]
    return {
        "title": mailing.issue.subject,
        "about": _about_result(mailing, facts, now),
        "url": reverse("admin:mailing", args=[mailing.pk]),
        "figures": list(_figures(mailing, answers)),
        "chart": chart.bar_chart(helpful, _caption(len(helpful))) if len(helpful) > 1 and any(helpful) else None,
        "numbers": chart.ChartTable(
            title=_("The numbers of each issue"),
            heading=_("Issue"),
            columns=(str(HELPFUL.label),),
            rows=tuple(
                (_("Issue %(number)s") % {"number": one.issue.number}, (thousands(count),))
                for one, count in zip(mailings, helpful, strict=True)
            ),
        ),
    }


def _caption(issues: int) -> str:
    text = ngettext("“%(answer)s” in the last issue", "“%(answer)s” in the last %(number)s issues", issues)
    return text % {"answer": HELPFUL.label, "number": issues}


def _about_result(mailing: Mailing, facts: DeskFacts, now: datetime) -> str:
    began, ended = mailing.planned_at or mailing.send_at, mailing.finished_at or mailing.send_at
    values = {
        "number": mailing.issue.number,
        "when": next_step.moment(began, facts.zone, now),
        "took": wait_text(max(timedelta(), ended - began)),
    }
    return _("Issue %(number)s · %(when)s, all sent within %(took)s") % values


def _figures(mailing: Mailing, answers: dict[tuple[int, str], int]) -> list[DeskFigure]:
    sent, missed = counted_copies(mailing, "sent"), next_step.missed_copies(mailing)
    given = [(answer.label, answers.get((mailing.issue_id, answer.value), 0)) for answer in Feedback.Rating]
    figures = [(_("sent"), sent), (_("did not get it"), missed), *given]
    return [DeskFigure(str(label).capitalize(), thousands(count)) for label, count in figures]


def _upcoming(facts: DeskFacts, now: datetime) -> list[DeskRow]:
    """Mailings in progress, then scheduled ones and free slots by day, with the next issue in the first slot."""
    slots = free_slots(Publication.objects.current(), now, SLOTS_SHOWN)
    later = facts.new_number if facts.issue else facts.new_number + 1
    numbers = [facts.next_number, *range(later, later + SLOTS_SHOWN)]
    lines = [
        DeskRow(number=number, title=next_step.day(slot, facts.zone, now), end=next_step.wait(slot, facts.zone, now))
        for number, slot in zip(numbers, slots, strict=False)
    ]
    if facts.issue:
        url = reverse("admin:issues_issue_change", args=[facts.issue.pk]) if facts.may(CHANGE_ISSUE) else ""
        lines[0] = replace(lines[0], about=_composed(facts), url=url)
    shown = [(one.send_at, _on_its_way(one, facts, now)) for one in facts.open_mailings]
    pressing = sum(one.state != Mailing.State.SCHEDULED for one in facts.open_mailings)  # these stand first
    by_day = sorted([*shown[pressing:], *zip(slots, lines, strict=True)], key=lambda one: one[0])
    return [line for _at, line in [*shown[:pressing], *by_day]]


def _composed(facts: DeskFacts) -> str:
    posts = facts.issue.items_count
    if not posts:
        return _("No post in it yet")
    return ngettext("%(count)s post, draft", "%(count)s posts, draft", posts) % {"count": thousands(posts)}


def _on_its_way(mailing: Mailing, facts: DeskFacts, now: datetime) -> DeskRow:
    is_scheduled = mailing.state == Mailing.State.SCHEDULED
    left = next_step.wait(mailing.send_at, facts.zone, now)
    kind = "" if mailing.kind == Mailing.Kind.ISSUE else str(mailing.get_kind_display())
    return DeskRow(
        number=mailing.issue.number,
        title=next_step.moment(mailing.send_at, facts.zone, now),
        about=" · ".join(filter(None, [str(mailing.get_state_display()), kind, mailing.subject])),
        end=left if is_scheduled else "",
        url=reverse("admin:mailing", args=[mailing.pk]) if facts.may(VIEW_MAILING) else "",
    )


def _readers(reader_counts: ReaderCounts, facts: DeskFacts, now: datetime) -> dict[str, Any]:
    weeks = DayCount.objects.weekly(now.astimezone(facts.zone).date(), reader_counts.mailable)
    others = [
        (_("paused"), reader_counts.paused),
        (_("not confirmed"), reader_counts.pending),
        (_("unsubscribed"), reader_counts.unsubscribed),
        (_("suppressed"), reader_counts.suppressed),
    ]
    return {
        "figures": _reader_figures(weeks),
        "chart": chart.line_chart([count for _day, count in weeks], _short(weeks[0][0]), _("today")),
        "numbers": chart.ChartTable(
            title=_("The numbers of each week"),
            heading=_("Day"),
            columns=(_("Readers"),),
            rows=tuple((_short(day), (thousands(count),)) for day, count in weeks),
        ),
        "others": [f"{label} {thousands(count)}" for label, count in others if count],
        "is_empty": not reader_counts.mailable,
        "came": growth.growth_sentence(now.astimezone(facts.zone).date()),
    }


def _reader_figures(weeks: list[tuple[date, int]]) -> list[DeskFigure]:
    (first, then), (_last_day, count) = weeks[0], weeks[-1]
    figures = [DeskFigure(_("Today"), thousands(count))]
    return [*figures, DeskFigure(_short(first), thousands(then))] if len(weeks) > 1 else figures


def _short(day: date) -> str:
    return dateformat.format(day, pgettext("date format", "j M"))
