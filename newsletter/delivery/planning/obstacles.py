"""What keeps an issue, or a correction of it, from being sent: in sentences for its author."""

from datetime import datetime

from django.utils.translation import gettext as _

from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.letter.size import weigh
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning.audience import copies
from newsletter.issues.models import Issue


class PlanningError(Exception):
    """An issue cannot be sent as it is; the message says why, in the author's language."""


def obstacles(issue: Issue, send_at: datetime, *, letter: FrozenLetter | Mailing | None = None) -> list[str]:
    """Return what keeps `issue` from being sent at `send_at`, in sentences for its author; [] if nothing does.

    letter: the issue as it is frozen already; None to freeze it here.
    """
    found = unready(issue, send_at)
    return found if issue.imported_at else found + too_large(issue, letter or freeze(issue))


def unready(issue: Issue, send_at: datetime) -> list[str]:
    """Return the obstacles that can be seen without the letter: to render it is most of the work."""
    if issue.imported_at:
        return [from_elsewhere(issue)]
    if gone := copies_are_gone(issue):
        return gone
    posts = [item.post for item in issue.items.select_related("post")]
    found = []
    if not posts:
        found.append(_("Issue %(number)d has no posts yet.") % {"number": issue.number})
    if not issue.subject.strip():
        found.append(_("Issue %(number)d has no subject yet.") % {"number": issue.number})
    found += [
        _("“%(title)s” will not be public when the issue is sent. Publish it, or take it out.") % {"title": post.title}
        for post in posts
        if not post.is_published(send_at)
    ]
    if was_sent_to_all(issue):
        found.append(_("Issue %(number)d was sent already.") % {"number": issue.number})
    return found


def from_elsewhere(issue: Issue) -> str:
    words = _("Issue %(number)d was sent by another program. It belongs to the archive, and is never mailed from here.")
    return words % {"number": issue.number}


def copies_are_gone(issue: Issue) -> list[str]:
    """Return that an issue is never mailed again, as nobody knows who has it; [] while its copies are kept."""
    if not issue.mailings.filter(copies_deleted_at__isnull=False).exists():
        return []
    words = _("The list of who got issue %(number)d was deleted, as KEEP_DELIVERIES_DAYS says. It is not mailed again.")
    return [words % {"number": issue.number}]


def too_large(issue: Issue, letter: FrozenLetter | Mailing) -> list[str]:
    refusal = weigh(issue, letter).refusal()
    return [refusal] if refusal else []


def obstacles_of(mailing: Mailing, send_at: datetime) -> list[str]:
    """Return what keeps a mailing that is scheduled from being sent at `send_at`."""
    if mailing.kind == Mailing.Kind.CORRECTION:
        return obstacles_to_correcting(mailing.issue, mailing.note)
    return obstacles(mailing.issue, send_at, letter=mailing)


def was_sent_to_all(issue: Issue) -> bool:
    """Return whether a mailing of `issue` to everybody is finished; one to a segment leaves the others to be mailed."""
    return issue.mailings.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SENT, segment="").exists()


def obstacles_to_correcting(issue: Issue, note: str) -> list[str]:
    """Return what keeps a correction of `issue` from being sent, in sentences for its author."""
    if issue.imported_at:
        return [from_elsewhere(issue)]
    if gone := copies_are_gone(issue):
        return gone
    found = []
    if issue.mailings.open().filter(kind=Mailing.Kind.ISSUE).exists():
        found.append(_("The issue is still being sent. Pause it and use the current text for those who wait."))
    if not copies(issue):
        found.append(
            _("Nobody has a copy of issue %(number)d, so there is nothing to correct.") % {"number": issue.number}
        )
    if not note.strip():
        found.append(_("Say in a sentence what was wrong."))
    return found


def can_be_corrected(issue: Issue) -> bool:
    """Return whether somebody has a copy of `issue`, and nothing of it is under way."""
    is_over = not issue.imported_at and not issue.mailings.open().exists()
    return is_over and bool(copies(issue)) and not copies_are_gone(issue)
