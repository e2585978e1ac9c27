"""What grows with an export lies in a file: the posts of Ghost."""

import json

from newsletter.moving.converters.converter import Spool
from newsletter.moving.converters.ghost import read


def test_items_come_back_in_order_however_many_there_are():
    spool = Spool(range(3))
    spool.append("x" * 2 * Spool.MEMORY)
    spool.append({"後": [1]})

    assert list(spool)[:3] == [0, 1, 2]
    assert (len(spool), len(spool[3]), spool[4], spool[-1]) == (5, 2 * Spool.MEMORY, {"後": [1]}, {"後": [1]})
    assert not Spool()


def test_texts_are_put_away_in_every_envelope():
    first, second = ({"slug": name, "html": f"<p>{name}</p>", "tags": [{"name": "甲"}]} for name in "ab")
    wrapped = {"posts": [{"url": "https://e.org/a/", "data": first}, {"url": "https://e.org/b/", "data": second}]}

    assert list(read(json.dumps([first, second])).posts) == [first, second]
    assert list(read(json.dumps({"data": wrapped})).posts) == [
        first | {"url": "https://e.org/a/"},
        second | {"url": "https://e.org/b/"},
    ]
