"""What has become wrong since the last look, and what is well again: told once each, by one mail.

`manage.py doctor --mail` looks, started each hour by a task. An error is told at the first look that finds it, a
warning at the second: a name server that did not answer once is no news. What was there at the very first look is how
the newsletter was set up; `doctor` and the desk say it. What has a mail of its own, sent at once, is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core import mail
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from newsletter.delivery.author.author_mail import who_may_send
from newsletter.mail import headers, letters
from newsletter.mail.message import Mail, automatic
from newsletter.operation import diagnosis
from newsletter.operation.findings import ERROR, INFO, Finding
from newsletter.operation.models import Look, Trouble
from newsletter.publication.models import Publication

LOOKS = {ERROR: 1}  # in a row, before a finding is told; of another level two
# By alerts, report_silence and the backup itself.
TOLD_AT_ONCE = ("mailing.", "dispatcher.", "confirmations.", "clock.silent", "worker.", "backup.failed")


@dataclass(frozen=True)
class News:
    """What is to be told."""

    wrong: Sequence[Finding]
    well: Sequence[str]  # what was said when it was wrong

    def __bool__(self) -> bool:
        return bool(self.wrong or self.well)


def look(now: datetime) -> News:
    """Examine everything, mail what is new of it, and remember what was told. Raises what the mail server raises."""
    publication = Publication.objects.current()
    with translation.override(publication.language):
        found = diagnosis.examine(now)
    with transaction.atomic():
        is_first = Look.note(now)
        news = _compare([one for one in found if _counts(one)], now, is_first=is_first)
        addresses = who_may_send()
        if news and addresses:
            mail.mailers["default"].send_messages([message(news, addresses, now)])
    return news


def _counts(finding: Finding) -> bool:
    return finding.level != INFO and not finding.id.startswith(TOLD_AT_ONCE)


def _compare(found: Sequence[Finding], now: datetime, *, is_first: bool) -> News:
    """Bring the troubles that are known up to date; return what is to be told of them."""
    known = {trouble.name: trouble for trouble in Trouble.objects.all()}
    wrong: list[Finding] = []
    for finding in found:
        name = f"{finding.id}:{finding.about}" if finding.about else finding.id
        trouble = known.pop(name, None) or Trouble(name=name, since=now)
        trouble.message, trouble.looks = finding.message, trouble.looks + 1
        if trouble.told_at is None and (trouble.looks >= LOOKS.get(finding.level, 2) or is_first):
            trouble.told_at = now
            if finding.level == ERROR or not is_first:
                wrong.append(finding)
                trouble.by_mail = True
        trouble.save()
    gone = list(known.values()) if _is_whole(found) else []
    Trouble.objects.filter(pk__in=[trouble.pk for trouble in gone]).delete()
    return News(wrong, [trouble.message for trouble in gone if trouble.by_mail])


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
