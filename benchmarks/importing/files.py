"""The file of readers that is imported, and what must become of it."""

import random
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.support.product import Product

UNREADABLE_EACH, LEFT_EACH, TAG_EACH = 1000, 100, 10  # a row of so many


@dataclass(frozen=True)
class Expected:
    """What the errand must count."""

    rows: int
    rejected: int


def write(path: Path, readers: int) -> Expected:
    """Write the file."""
    dice, rejected = random.Random(7), 0
    with path.open("w", encoding="utf-8") as file:
        file.write("email,name,created_at,unsubscribed_at,tags\n")
        for number in range(readers):
            is_bad = number % UNREADABLE_EACH == UNREADABLE_EACH - 1
            rejected += is_bad
            file.write(_line(dice, number, is_bad=is_bad))
    return Expected(readers, rejected)


def _line(dice: random.Random, number: int, *, is_bad: bool) -> str:
    own = f"{dice.choice('abcdefgh')}{dice.getrandbits(24):x}.{number:x}"
    address = own if is_bad else f"{own}@{dice.choice(('gmail.com', 'example.org', 'mail.example.tw'))}"
    name = "".join(chr(0x4E00 + dice.randrange(3000)) for _ in range(3)) if number % 2 else ""
    day = f"202{dice.randrange(6)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
    clock = f"{dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02}.{dice.randrange(1000):03}"
    left = "2026-01-02" if number % LEFT_EACH == 50 else ""
    return f"{address},{name},{day}T{clock}Z,{left},{'VIP' if not number % TAG_EACH else ''}\n"


def make_known(made: Product, path: Path, known: int) -> None:
    """Let the first rows be readers already."""
    first = path.with_name("first.csv")
    with path.open(encoding="utf-8") as file:
        first.write_text("".join(islice(file, known + 1)), encoding="utf-8")
    made.manage("import_subscribers", str(first), check=False)  # it says by its exit code that rows were refused
