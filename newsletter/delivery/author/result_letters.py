"""Mails the author the result of each issue, once, three days after the mailing was finished.

`record_due` records which issues are due, `send_due` mails them. Both are idempotent and may run late.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.delivery import results
from newsletter.delivery.author.alerts import AuthorMailQueue, insert_new, recipient_addresses
from newsletter.delivery.models import Mailing, ResultLetter
from newsletter.delivery.models.reminders import RESULT_EXPIRES_AFTER
from newsletter.delivery.results import IssueResult
from newsletter.mail import letters
from newsletter.mail.message import Mail, build_automatic_mail
from newsletter.publication.models import Publication

RESULT_DELAY = timedelta(hours=72)


def record_due(now: datetime) -> int:
    """Record due results; return how many are new. If results are off, they are recorded without a mail."""
    over = Mailing.objects.filter(state=Mailing.State.SENT, kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    over = over.filter(finished_at__lte=now - RESULT_DELAY, finished_at__gt=now - RESULT_DELAY - RESULT_EXPIRES_AFTER)
    recorded = ResultLetter.objects.values("issue")
    due_at = now if Publication.objects.fresh().tells_results else None
    new = over.exclude(issue__in=recorded).order_by("pk").values_list("issue", "pk")
    return insert_new([ResultLetter(issue_id=issue, mailing_id=pk, at=now, due_at=due_at) for issue, pk in new])


class ResultMailQueue(AuthorMailQueue[ResultLetter]):
    model = ResultLetter

    def due_rows(self, now: datetime) -> QuerySet[ResultLetter]:
        due = super().due_rows(now).filter(pk__in=ResultLetter.objects.worth_mailing(now).values("pk"))
        return due.select_related("mailing__issue").defer("mailing__html", "mailing__text")

    def is_wanted(self, row: ResultLetter, now: datetime) -> bool:
        is_over = row.mailing.state == Mailing.State.SENT  # not while uncertain deliveries are sent again
        return is_over and Publication.objects.fresh().tells_results and super().is_wanted(row, now)

    def build(self, row: ResultLetter, now: datetime) -> tuple[Mail, dict[str, object]]:
        found = results.issue_result(row.mailing, now)
        if found is None:
            raise ValueError("the mailing is not over")
        return build_result_letter(found, recipient_addresses()), {"notified_at": now}


def send_due(now: datetime) -> int:
    return ResultMailQueue().send_due(now)


def build_result_letter(found: IssueResult, addresses: list[str]) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = _("Three days later: %(issue)s") % {"issue": found.issue}
        context = _context(found, publication, addresses) | {"title": subject}
        letter = letters.render("result", subject, context, base_url=settings.SITE_URL)
    return build_automatic_mail(letter, "result", found.issue.pk, sender=publication.sender, addresses=addresses)


def _context(found: IssueResult, publication: Publication, addresses: list[str]) -> dict[str, object]:
    backend = "django.contrib.auth.backends.ModelBackend"
    allowed = User.objects.with_perm("subscribers.see_readers", backend=backend).filter(is_staff=True)
    may_read = set(addresses) <= set(allowed.values_list("email", flat=True))  # editors may lack the permission
    return {
        "publication": publication,
        "about": results.copies_text(found),
        "reasons": results.failures_by_reason(found),
        "domains": results.failures_by_domain(found),
        "lines": [one for one in results.result_lines(found) if one.name not in {"sent", "missed"}],
        "how_compared": results.comparison_note(found),
        "issue": found.issue,
        "sentences": found.feedback_sentences if may_read else (),
        "followed": found.followed_links,
        "url": settings.SITE_URL + reverse("admin:mailing", args=[found.mailing.pk]),
        "settings_url": settings.SITE_URL + reverse("admin:settings_rhythm"),
    }
