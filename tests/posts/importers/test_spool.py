"""What grows with an export lies in a file: the account of a move, the posts of Ghost."""

import json

from newsletter.posts.importers.account import Account, Entry
from newsletter.posts.importers.ghost import read
from newsletter.posts.importers.imported import IN_MEMORY, Spool


def test_items_come_back_in_order_however_many_there_are():
    spool = Spool(range(3))
    spool.append("x" * 2 * IN_MEMORY)
    spool.append({"後": [1]})

    assert list(spool)[:3] == [0, 1, 2]
    assert (len(spool), len(spool[3]), spool[4], spool[-1]) == (5, 2 * IN_MEMORY, {"後": [1]}, {"後": [1]})
    assert not Spool()


def test_an_account_counts_entries_that_are_not_in_memory():
    account = Account("Ghost")
    account.entries.append(Entry("a", "created", before={"words": 2}, after={"words": 1}, unnamed=("words: -1",)))
    account.entries.append(Entry("b", "rejected", reason="it has no text"))

    assert account.summary() == {"posts": 2, "created": 1, "updated": 0, "unchanged": 0, "rejected": 1, "losses": 1}
    assert next(account.totals()) == ("words", 2, 1)


def test_texts_are_put_away_in_every_envelope():
    first, second = ({"slug": name, "html": f"<p>{name}</p>", "tags": [{"name": "甲"}]} for name in "ab")
    wrapped = {"posts": [{"url": "https://e.org/a/", "data": first}, {"url": "https://e.org/b/", "data": second}]}

    assert list(read(json.dumps([first, second])).posts) == [first, second]
    assert list(read(json.dumps({"data": wrapped})).posts) == [
        first | {"url": "https://e.org/a/"},
        second | {"url": "https://e.org/b/"},
    ]
