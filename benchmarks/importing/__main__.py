"""A million readers by the command and through the wizard of the desk, against plain writing of the same columns.

    uv run --dev python -m benchmarks.importing [--engine sqlite|servers] [--readers 1000000] [--by command|wizard]
                                                [--known 1000] [--plain]

The file is made: addresses and names at random, a time of consent, a tag for one in ten; a few rows cannot be read,
one in a hundred has left.

command   `import_subscribers` into an empty installation, and once more: the second run changes nothing. Beside it the
          cells of the same file are written as they are, into an empty table without an index: by COPY into PostgreSQL
          (fsync on), by one prepared statement into SQLite, in transactions of as many rows.
wizard    the first --known rows are readers already. The file goes through the forms as a browser sends them, in a ZIP
          (--plain: as it is), to the product as `up` starts it, whose own worker does the work. Until it is done
          somebody opens today, the list of readers, the errand and the list of posts, one after the other, a page
          each half second.

At the end every count is compared with what the file has.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.importing import command, wizard
from benchmarks.importing.files import make_known, write
from benchmarks.installation import machine, product


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--by", choices=["command", "wizard"], default="wizard")
    parser.add_argument("--known", type=int, default=1_000, help="rows of people who are readers already")
    parser.add_argument("--plain", action="store_true", help="send the CSV itself, without a ZIP around it")
    options = parser.parse_args()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-importing-"))
    try:
        path = folder / "readers.csv"
        expected = write(path, options.readers)
        print(f"{options.engine}: {options.readers} rows, {path.stat().st_size / 1e6:.1f} MB", flush=True)
        with product(options.engine, folder) as (made, databases):
            if options.by == "command":
                command.play(path, expected, made, databases)
            else:
                make_known(made, path, options.known)
                wizard.play(options, path, expected, made, databases)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
