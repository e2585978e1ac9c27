"""Mails that come seldom: what follows a reader's reply, and what tells the author of the machine and of accounts."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group, User
from django.utils import translation

from newsletter.delivery import results as facts
from newsletter.delivery.author import result_letters
from newsletter.delivery.links.counting import LinkCount
from newsletter.delivery.models import Answer, Mailing, Quote, Reply
from newsletter.delivery.readers import quoting
from newsletter.desk.accounts import security_alerts
from newsletter.desk.settings.sender_checks import test_mail
from newsletter.desk.settings.team import build_invitation
from newsletter.mail import headers
from newsletter.mail.message import Mail
from newsletter.operation import hourly_check, liveness
from newsletter.operation.accounts import roles
from newsletter.operation.backup import nightly
from newsletter.operation.findings import ERROR, Finding
from newsletter.publication.models import Publication

if TYPE_CHECKING:
    from benchmarks.letters.world import Scene

LINK = "https://news.example.org/admin/start/MQ/d2k3x1-0123456789abcdef0123456789abcdef/"
HINT = "manage.py up starts the part again by itself. Without it, start the worker and beat again."  # liveness
SAID = "讀到第三段時停下來很久。\n\n我們團隊上個月也遇到一樣的事，最後把會議從每週改成隔週，大家反而更常說話。"


def _reply(scene: "Scene") -> Reply:
    reader = scene.reader()
    reply = Reply(pk=scene.number, sender=scene.to, sender_name=reader.name, message_id="<reply@example.net>")
    reply.subject, reply.text, reply.received_at = f"Re: {scene.issue.subject}", SAID, scene.now
    return reply


def answered(scene: "Scene") -> Mail:
    words = "謝謝你寫信來。\n\n隔週開會的做法我也試過，寫在 https://news.example.org/p/13/ 裡。"
    domain = Publication.objects.current().sender[1].rpartition("@")[2]
    answer = Answer(pk=scene.number, reply=_reply(scene), text=words, written_at=scene.now)
    answer.message_id = headers.message_id("answer", scene.number, "always-alike", domain=domain)
    return quoting.build_answer(answer)


def asked_to_quote(scene: "Scene") -> Mail:
    passage = SAID.partition("\n\n")[2]
    quote = Quote(pk=scene.number, subscriber=scene.reader(), passage=passage, salt="always-alike", asked_at=scene.now)
    return quoting.build_question(quote, _reply(scene))


def result(scene: "Scene", mailing: Mailing) -> Mail:
    """Tell of a mailing that is over, with every part that the letter can have."""
    found = facts.issue_result(mailing, scene.now + timedelta(days=3))
    if found is None:
        raise ValueError("it is not over")
    found.issue.pk = scene.number  # the mail of each look is another one
    addresses = {"https://example.com/a/long/address/of/a/page": 12, "https://example.org/": 3}
    followed = tuple(LinkCount(url, "", people, 0, ()) for url, people in addresses.items())
    output = replace(found, feedback_sentences=("第二篇可以再長一點。", "謝謝！"), followed_links=followed)
    return result_letters.build_result_letter(output, [scene.to])


def backup(scene: "Scene") -> Mail:
    with translation.override(Publication.objects.current().language):
        subject = translation.gettext("The nightly backup was not made")
    return nightly.build_backup_mail(
        subject, "[Errno 28] No space left on device: '/mnt/backup'", [scene.to], _moment(scene)
    )


def silence(scene: "Scene") -> Mail:
    with translation.override(Publication.objects.current().language):
        what = translation.gettext("%(what)s, since %(since)s.")
        hint = translation.gettext(HINT)
        said = [str(each) for each in liveness.SILENCE_EFFECTS.values()]
    messages = [what % {"what": each, "since": f"{scene.now:%Y-%m-%d %H:%M:%S}"} for each in said]
    findings = [Finding(ERROR, "silent", each, hint) for each in messages]
    return liveness.build_silence_mail(findings, [scene.to], _moment(scene))


def troubles(scene: "Scene") -> Mail:
    with translation.override(Publication.objects.current().language):
        finding = Finding(
            "warning",
            "spf.missing",
            translation.gettext("%s has no SPF record.") % "example.com",
            translation.gettext(HINT),
        )
        well = translation.gettext("The queue cannot be used: %s.") % "ConnectionError"
    return hourly_check.build_health_mail(hourly_check.HealthChanges([finding], [well]), [scene.to], _moment(scene))


def _moment(scene: "Scene") -> datetime:
    """Return a second that no other mail is of: what a Message-ID is made of."""
    return scene.now + timedelta(seconds=scene.number)


def helper_invited(scene: "Scene") -> Mail:
    helper, _is_new = User.objects.get_or_create(username="xiaoming", email=scene.to, is_staff=True)
    helper.set_unusable_password()
    helper.groups.set(Group.objects.filter(name__in=roles.DESCRIPTIONS))
    return build_invitation(helper, by="Gipi", link=LINK)


def sending_tried(scene: "Scene") -> Mail:
    return test_mail(scene.to, "bulk")


def account_alarm(scene: "Scene") -> Mail:
    browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
    who = {"username": "gipi", "addresses": scene.to, "browser": browser, "client": "203.0.113.9"}
    return security_alerts.build_alert_mail(
        {"kind": security_alerts.SecurityEvent.NEW_BROWSER.value, "at": scene.now.isoformat()} | who
    )
