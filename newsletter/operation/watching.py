"""What has become wrong since the last look, and what is well again: told once each, by one mail.

`manage.py doctor --mail` looks, started each hour by a task. An error is told at the first look that finds it, a
warning at the second: a name server that did not answer once is no news. What was there at the very first look is how
the newsletter was set up; `doctor` and the desk say it. What has a mail of its own, sent at once, is left out of the
mail. The log gets one line when a trouble begins and one when it is over; /metrics tells those there are.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.core import mail
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from newsletter.delivery.author.alerts import who_may_send
from newsletter.mail import headers, letters
from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail, automatic
from newsletter.operation import diagnosis, questions
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.models import Look, Trouble
from newsletter.publication.models import Publication

LOOKS = {ERROR: 1}  # in a row, before a finding is told; of another level two
# By alerts, report_silence and the backup itself.
TOLD_AT_ONCE = ("mailing.", "dispatcher.", "confirmations.", "clock.silent", "worker.", "backup.failed")
log = logging.getLogger(__name__)
LOG_LEVELS = {ERROR: logging.ERROR, WARNING: logging.WARNING}


@dataclass(frozen=True)
class News:
    """What is to be told."""

    wrong: Sequence[Finding]
    well: Sequence[str]  # what was said when it was wrong

    def __bool__(self) -> bool:
        return bool(self.wrong or self.well)


def look(now: datetime) -> News:
    """Examine everything, remember what is wrong, and mail what is new of it; what cannot be mailed is tried again."""
    publication = Publication.objects.current()
    with translation.override(publication.language):
        found = [one for one in diagnosis.examine(now) if one.level != INFO]
    with transaction.atomic():
        is_first = Look.note(now)
        questions.remember_keys()
        _remember(found, now, is_first=is_first)
    try:
        with transaction.atomic():
            return _tell(now)
    except mailer_errors() as error:
        log.warning("the mail about what has changed could not be sent: %s", error)
        return News([], [])


def _remember(found: Sequence[Finding], now: datetime, *, is_first: bool) -> None:
    """Bring the troubles up to date, and the log. One that is over stays, without a level, until that was mailed."""
    known = {trouble.name: trouble for trouble in Trouble.objects.all()}
    for name, finding in _by_name(found).items():
        trouble = known.pop(name, None) or Trouble(name=name, since=now)
        if not trouble.level:
            log.log(LOG_LEVELS[finding.level], "trouble %s: %s %s", name, finding.message, finding.hint)
        trouble.level, trouble.message, trouble.hint = finding.level, finding.message, finding.hint
        trouble.looks += 1
        if trouble.told_at is None and is_first and finding.level != ERROR:
            trouble.told_at = now  # it is how the newsletter was set up
        trouble.save()
    if _is_whole(found):
        _end([trouble for trouble in known.values() if trouble.level])


def _by_name(found: Sequence[Finding]) -> dict[str, Finding]:
    """Return each trouble as one finding: two domains may lack the same record."""
    named: dict[str, Finding] = {}
    for finding in found:
        name = f"{finding.id}:{finding.about}" if finding.about else finding.id
        before = named.get(name)
        named[name] = replace(before, message=f"{before.message} {finding.message}") if before else finding
    return named


def _end(troubles: Sequence[Trouble]) -> None:
    for trouble in troubles:
        log.warning("well again: %s", trouble.name)
        if trouble.by_mail:
            trouble.level = ""
            trouble.save()
        else:
            trouble.delete()


def _tell(now: datetime) -> News:
    """Mail what is to be told, and note that it was. Raises what the mail server raises."""
    wrong, well = [], []
    for trouble in Trouble.objects.all():
        if not trouble.level:
            well.append(trouble.message)
            trouble.delete()
        elif trouble.told_at is None and trouble.looks >= LOOKS.get(trouble.level, 2):
            trouble.told_at, trouble.by_mail = now, not trouble.finding.startswith(TOLD_AT_ONCE)
            trouble.save()
            if trouble.by_mail:
                wrong.append(trouble.as_finding())
    news = News(wrong, well)
    addresses = who_may_send()
    if news and addresses:
        mail.mailers["default"].send_messages([message(news, addresses, now)])
    return news


def _is_whole(found: Iterable[Finding]) -> bool:
    """Return whether everything was asked: what was not asked for is not well again."""
    return diagnosis.BROKEN.isdisjoint(finding.id for finding in found)


def message(news: News, addresses: list[str], now: datetime) -> Mail:
    """Build the one mail about it, in the publication's language."""
    publication = Publication.objects.current()
    with translation.override(publication.language):
        words = translation.gettext("%s needs somebody") if news.wrong else translation.gettext("%s: it is well again")
        url = settings.SITE_URL + reverse("admin:index")
        context = {"publication": publication, "news": news, "url": url}
        letter = letters.render("troubles", words % publication.name, context, base_url=settings.SITE_URL)
    domain = publication.sender_email.rpartition("@")[2]
    message_id = headers.message_id("troubles", int(now.timestamp()), domain=domain)
    return automatic(letter, sender=publication.sender, addresses=addresses, message_id=message_id)
