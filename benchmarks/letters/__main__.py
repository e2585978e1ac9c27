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
from pathlib import Path

from benchmarks.installation import scratch
from benchmarks.letters.collect import collect


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
    with scratch(**({} if options.send else {"MAIL_URL": "smtp://127.0.0.1:25"})):  # nothing is approved without one
        refused = collect(options)
    raise SystemExit(refused > 0)


if __name__ == "__main__":
    main()
