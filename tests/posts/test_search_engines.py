"""The search on both databases: the same hits in the same order, and exactly those that stand in the text."""

import json
import random

import pytest

from tests.support.migrated import TEMPLATE
from tests.support.product import Product

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
HAN = [
    *(
        "管理",
        "槓桿",
        "臺灣",
        "台灣",
        "裡面",
        "心裏",
        "產品",
        "決策",
        "省力",
        "學習",
        "半導體",
        "電子報",
        "時間管理",
        "理",
    ),
]
WORDS = [*HAN, "AI", "GPT-4", "C#", "DeepSeek", "K8s", "A/B", "C/C++", "A/B/C", "ASP.NET"]
JOINTS = ["，", "。", " ", "", "與", "\n", "（", "）", "「", "」", "<b>", "、"]
QUERIES = [
    *WORDS,
    *(
        "時間 管理",
        "「時間管理」",
        "c#",
        "gpt",
        "deep",
        "的",
        "ＡＩ",
        "管理 AI",
        "%",
        "' OR 1",
        "無此詞",
        "C++",
        "B/C",
        ".NET",
        "net",
    ),
]
PROGRAM = """
import json
from datetime import datetime, timedelta, UTC
from django.db import connection, transaction
from newsletter.posts.search.folding import fold
from newsletter.posts.models import Post, SearchDocument
from newsletter.posts.search.index import index_post, search
given, now = json.loads(GIVEN), datetime(2026, 11, 1, tzinfo=UTC)
for number, (title, body) in enumerate(given["posts"]):
    at = None if number % 10 == 9 else now - timedelta(hours=number)
    post = Post.objects.create(title=title, body=body, published_at=at, is_unlisted=number % 10 == 4)
    index_post(post)
hits = {query: [r.key for r in search(query, now=now, limit=999).results] for query in given["queries"]}
found = {}
for query in given["exact"]:
    like = SearchDocument.objects.filter(folded__contains=fold(query), post__in=Post.objects.listed(now))
    found[query] = [sorted(r.key for r in search(query, now=now, limit=999).results), sorted(d.key for d in like)]
try:
    with transaction.atomic():
        post = Post.objects.create(title="未竟之事", body="未竟", published_at=now - timedelta(days=1))
        index_post(post)
        hits["inside"] = search("未竟", now=now).total
        raise RuntimeError
except RuntimeError:
    hits["outside"] = search("未竟", now=now).total
hidden = Post.objects.filter(is_unlisted=True).values_list("pk", flat=True)
hits["unlisted"] = [len(hidden), sum(key in hidden for keys in hits.values() if isinstance(keys, list) for key in keys)]
answer = {"vendor": connection.vendor, "hits": hits, "exact": found}
"""


def texts(number: int) -> list[tuple[str, str]]:
    """Return title and body of posts in which words meet at every kind of joint; the same each time."""
    dice = random.Random(4)

    def words(length: int) -> str:
        return "".join(dice.choice(WORDS) + dice.choice(JOINTS) for _ in range(length))

    return [(words(2).replace("\n", "")[:60], words(dice.randint(1, 40))) for _ in range(number)]


def pieces(posts: list[tuple[str, str]]) -> list[str]:
    """Return every run of two and three Han characters that stands in `posts`, and some that may not."""
    text = "".join(title + body for title, body in posts[:20])
    runs = {text[at : at + size] for size in (2, 3) for at in range(len(text) - size)}
    return sorted(run for run in runs if all("\u4e00" <= c <= "\u9fff" for c in run))


def answers(product: Product) -> dict:
    posts = texts(60)
    given = json.dumps({"posts": posts, "queries": QUERIES, "exact": pieces(posts)})
    try:
        return product.shell(f"GIVEN = {given!r}\n{PROGRAM}")
    finally:
        product.kill()


@pytest.fixture(scope="module")
def by_engine(migrated_sqlite, migrated_postgres, tmp_path_factory):
    """What the same posts answer on SQLite and on PostgreSQL."""
    url = migrated_postgres.new_database(template=TEMPLATE)
    on_sqlite = Product(tmp_path_factory.mktemp("sqlite") / "product")
    on_sqlite.begin_with(migrated_sqlite)
    on_postgresql = Product(tmp_path_factory.mktemp("postgresql") / "product", database_url=url)
    yield {"sqlite": answers(on_sqlite), "postgresql": answers(on_postgresql)}
    migrated_postgres.drop(url)


def test_both_engines_answer_alike(by_engine):
    assert {engine: answer["vendor"] for engine, answer in by_engine.items()} == {name: name for name in by_engine}
    assert by_engine["sqlite"]["hits"] == by_engine["postgresql"]["hits"]
    assert sum(bool(keys) for keys in by_engine["sqlite"]["hits"].values()) > len(WORDS)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_words_of_two_and_three_characters_are_found_exactly_where_they_stand(by_engine, engine):
    exact = by_engine[engine]["exact"]

    assert len(exact) > 50
    assert {word: found for word, (found, standing) in exact.items() if found != standing} == {}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_no_answer_holds_an_unlisted_post(by_engine, engine):
    assert by_engine[engine]["hits"]["unlisted"] == [6, 0]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_index_lives_and_dies_with_the_transaction(by_engine, engine):
    hits = by_engine[engine]["hits"]

    assert (hits["inside"], hits["outside"]) == (1, 0)
