"""Read the next rows of a file while PostgreSQL writes the last ones: it is another process, and Python only waits."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import batched

from django.db import connection
from django.utils import translation


def batches[Row](rows: Iterable[Row], size: int) -> Iterator[tuple[Row, ...]]:
    """Yield rows in batches, each read while the caller works on the one before.

    Reading asks no database, and speaks the caller's language. With SQLite, which works in this process, two threads
    would wait for each other at each row.
    """
    some = batched(rows, size, strict=False)
    if connection.vendor != "postgresql":
        yield from some
        return
    language = translation.get_language()
    with ThreadPoolExecutor(1, "import", initializer=_speak, initargs=(language,)) as reader:
        following = reader.submit(next, some, ())
        while batch := following.result():
            following = reader.submit(next, some, ())
            yield batch


def _speak(language: str | None) -> None:
    """Let the reasons for which a row is refused be in this language; None: as they are written."""
    if language is None:
        translation.deactivate_all()
    else:
        translation.activate(language)
