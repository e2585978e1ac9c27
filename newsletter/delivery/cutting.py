"""How the rows of a mailing are cut into batches, for lanes that may be many. Pure.

Guided self-scheduling (C. Polychronopoulos, D. Kuck, 1987): each batch is a lane's share of the rows that are left, so
that the first ones are large and all lanes end at about the same time.
"""

from collections.abc import Iterator

STEP = 400  # rows: two calls of an e-mail API, which are made at once


def sizes(total: int, lanes: int, most: int) -> Iterator[int]:
    """Yield the sizes of the batches of `total` rows. lanes: how many there may be. most: rows of a batch."""
    while total:
        share = -(-total // (lanes * STEP)) * STEP
        size = min(most, total, share)
        yield size
        total -= size
