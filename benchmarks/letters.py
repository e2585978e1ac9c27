"""Every mail that the app can send, in every look: written as files, or sent, for whatever checks mails.

    SITE_URL=https://news.example.org uv run --dev python -m benchmarks.letters FOLDER [--only 'issue-*']
    MAIL_URL=smtp://127.0.0.1:25 uv run --dev python -m benchmarks.letters --send --to reader@example.net

FOLDER   takes one .eml a mail, named by kind, look and what is special: issue-letter-3-full.eml
--send   hands them to the mailers of MAIL_URL and BULK_MAIL_URL instead, each to the one that it leaves by
--to     the address of the reader, or the author, whom they are for
--sender the address that they are from
--only   a pattern: only what has such a name, or one of another --only

The publication is the demo's, in a folder that ends with the run: links to a reader's pages open nothing later.
Prints the bytes of the HTML part, the name and the subject of each, and their number at last.
"""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.installation import scratch

if TYPE_CHECKING:
    from benchmarks.letters_world import Made

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
    from newsletter.delivery.provider.single import Answer, transport_for
    from newsletter.mail import outbox

    if outbox.directory():
        raise SystemExit("--send needs MAIL_URL: the outbox ends with the run.")
    transports = {alias: transport_for(alias) for alias in ("default", "bulk")}
    for transport in transports.values():
        stack.callback(transport.close)

    def send(made: "Made") -> str:
        outcome = transports[made.mailer].send(made.mail)
        return "" if outcome.answer is Answer.SENT else f"  {outcome.answer.value}: {outcome.reply}"

    return send


def collect(options: argparse.Namespace) -> int:
    """Make each mail and hand it on; return how many were not taken."""
    from django.utils import timezone

    from benchmarks.letters_world import every_mail
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--send", action="store_true")
    parser.add_argument("--to", default="reader@example.net")
    parser.add_argument("--sender", default="newsletter@news.example.org")
    parser.add_argument("--only", action="append", metavar="GLOB")
    options = parser.parse_args()
    if bool(options.folder) == options.send:
        parser.error("name a FOLDER, or --send, and not both")
    with scratch():
        refused = collect(options)
    raise SystemExit(refused > 0)


if __name__ == "__main__":
    main()
