"""Where the mails of the collection go: into files, or to the mailers."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.letters.world import Made

ANY = ["*"]


def writer(folder: Path) -> Callable[["Made"], str]:
    """Return what writes a mail to its file, as it goes over the wire."""
    folder.mkdir(parents=True, exist_ok=True)

    def write(made: "Made") -> str:
        (folder / f"{made.name}.eml").write_bytes(made.mail.message(policy=SMTP).as_bytes())
        return ""

    return write


def sender(stack: ExitStack) -> Callable[["Made"], str]:
    """Return what sends a mail, and answers what went wrong; its connections end with `stack`."""
    from newsletter.delivery.provider.outcomes import SendStatus
    from newsletter.delivery.provider.transports import transport_for
    from newsletter.mail import outbox

    if outbox.directory():
        raise SystemExit("--send needs MAIL_URL: the outbox ends with the run.")
    transports = {alias: transport_for(alias) for alias in ("default", "bulk")}
    for transport in transports.values():
        stack.callback(transport.close)

    def send(made: "Made") -> str:
        outcome = transports[made.mailer].send(made.mail)
        return "" if outcome.status is SendStatus.SENT else f"  {outcome.status.value}: {outcome.reply}"

    return send


def collect(options: argparse.Namespace) -> int:
    """Make each mail and hand it on; return how many were not taken."""
    from django.utils import timezone

    from benchmarks.letters.world import every_mail
    from newsletter.desk import demo

    now = timezone.now()
    demo.load(now)
    count = refused = 0
    with ExitStack() as stack:
        hand_on = sender(stack) if options.send else writer(options.folder)
        for made in every_mail(now, sender=options.sender, to=options.to, only=options.only or ANY):
            problem = hand_on(made)
            count, refused = count + 1, refused + bool(problem)
            print(f"{html_bytes(made):6}  {made.name:36}  {made.mail.subject}{problem}")
    print(f"{count} mails" + (f", {refused} of them not taken" if refused else ""))
    return refused


def html_bytes(made: "Made") -> int:
    return len(str(made.mail.alternatives[0][0]).encode())
