"""What a real Postfix sends back of an issue ends in the right states, a complaint and a mail to leave as well."""

import os
import re
import smtplib
import subprocess
import sys
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText

import pytest

from tests.flows.seeds import compose_issue_1, send_issue_1
from tests.support.product import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
GONE, FULL, BLOCKED = "refuse-a@example.net", "full-b@example.net", "reject-data-c@example.net"
FRIEND, COMPLAINER, LEAVER = "friend@example.net", "annoyed@example.net", "leaver@example.net"
SENDER = """
from newsletter.publication.models import Publication
facts = {"sender_email": "news@news.example.org", "bounces_to": "bounces@news.example.org"}
Publication.objects.update_or_create(pk=Publication.objects.current().pk, defaults=facts)
"""
STATES = """
from newsletter.delivery.models import InboundMessage, Delivery, Event
from subscribers.models import Subscriber, Suppression
names = dict(Delivery.objects.values_list("seq", "subscriber__email"))
answer = {
    "waiting": InboundMessage.objects.waiting().count(),
    "events": sorted([names[one.seq], one.kind, one.verdict] for one in Event.objects.all()),
    "suppressed": sorted(Suppression.objects.values_list("email", "reason")),
    "left": sorted(Subscriber.objects.filter(state="unsubscribed").values_list("email", flat=True)),
    "arrivals": sorted(InboundMessage.objects.values_list("what", flat=True)),
}
"""


@pytest.fixture
def product(make_product, postfix):
    """An installation whose mail server is Postfix, which hands over what comes back by a pipe."""
    made = make_product(mail_url=postfix.url)
    made.env["MAILBOX_URL"] = "pipe:"
    return made


def pipe(product, mail):
    """Hand a mail over, as Postfix's pipe(8) does."""
    command = [sys.executable, "manage.py", "receive_mail", mail.recipient]
    done = subprocess.run(command, cwd=ROOT, env=product.env, input=mail.body, capture_output=True, check=False)
    assert done.returncode == os.EX_OK, done.stderr.decode()


def send(postfix, sender, recipient, message):
    """Send a mail to us as a receiver or a reader does."""
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as server:
        server.sendmail(sender, [recipient], message.as_bytes())


def complaint(copy):
    """Return what a receiver reports of a copy that one of its users called unwanted, without saying who."""
    report = MIMEMultipart("report", report_type="feedback-report")
    report["From"], report["Subject"] = "fbl@receiver.example", "complaint"
    report.attach(MIMEText("This is an abuse report.\n"))
    fields = MIMENonMultipart("message", "feedback-report")
    fields.set_payload("Feedback-Type: abuse\nUser-Agent: Receiver/1\nVersion: 1\n")
    report.attach(fields)
    report.attach(MIMEMessage(copy.message))
    return report


def leaving():
    """Return what a mail client sends when its button is pressed."""
    mail = MIMEText("")
    mail["From"], mail["Subject"] = LEAVER, "unsubscribe"
    return mail


def test_what_comes_back_of_an_issue_ends_in_the_right_states(product, postfix, smtp):
    compose_issue_1(product, [GONE, FULL, BLOCKED, FRIEND, COMPLAINER, LEAVER])
    product.shell(SENDER)
    product.start_worker()
    product.start_beat()

    send_issue_1(product)
    unwanted, to_leave = smtp.wait_for(COMPLAINER), smtp.wait_for(LEAVER)
    by_mail = re.search(r"<mailto:([^>]+)>", str(to_leave.message["List-Unsubscribe"]))[1]
    send(postfix, "", "bounces@news.example.org", complaint(unwanted))
    send(postfix, LEAVER, by_mail, leaving())
    came_back = postfix.wait_for_returned(5)
    for mail in [*came_back, came_back[0]]:  # Postfix hands one over again when it was not told that it was taken
        pipe(product, mail)
    states = wait_until(
        lambda: found if not (found := product.shell(STATES))["waiting"] else None,
        60,
        what=lambda: f"everything to be applied:\n{product.log_tails()}",
        every=0.5,
    )

    assert states["events"] == sorted(
        [
            [GONE, "bounced", "hard"],
            [FULL, "bounced", "soft"],
            [BLOCKED, "bounced", "policy"],
            [COMPLAINER, "complained", ""],
        ]
    )
    assert states["suppressed"] == sorted([[COMPLAINER, "complained"], [GONE, "bounced"]])
    assert states["left"] == [LEAVER]
    assert states["arrivals"] == ["bounce", "bounce", "bounce", "complaint", "leaving"]
    assert smtp.readers() == {FRIEND, COMPLAINER, LEAVER}
    assert len(postfix.returned()) == 5
