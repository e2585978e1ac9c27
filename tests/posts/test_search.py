"""Search that finds words of two characters, and shows why."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import caches
from django.db import connection

from newsletter.posts.folding import fold, terms, tokens
from newsletter.posts.models import Post, SearchDocument
from newsletter.posts.renderings import Rendering
from newsletter.posts.search import (
    COMMON,
    Document,
    index,
    index_post,
    rebuild,
    relate,
    related,
    related_lately,
    remove,
    search,
)
from newsletter.posts.snippets import Piece, marked, snippet
from tests.factories import PUBLISHED_AT, make_post

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def keep(title: str = "題", body: str = "內文。", **fields):
    """Return a post that can be found."""
    post = make_post(title, body=body, **fields)
    index_post(post)
    return post


def found(query: str) -> list[int]:
    return [result.key for result in search(query, now=NOW).results]


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ("談管理的槓桿。", "管理"),
        ("談管理的槓桿。", "槓"),
        ("談管理的槓桿。", "理的槓"),
        ("談管理的槓桿。", "槓桿 管理"),
        ("臺灣的半導體。", "台灣"),
        ("台灣的半導體。", "臺灣"),
        ("放在心裏。", "心裡"),
        ("用 ＤｅｅｐＳｅｅｋ 寫。", "deepseek"),
        ("DeepSeek 很快。", "deep"),
        ("學 C# 的路。", "C#"),
        ("做 A/B 測試。", "a/b"),
        ("用 GPT-4 寫。", "GPT-4"),
        ("用 GPT-4 寫。", "gpt"),
        ("K8s 與 Node.js。", "k8s node"),
        ("用 AI 寫作。", "AI寫作"),
        ("用AI寫作。", "AI 寫作"),
        ("這是**管\n理**。", "管理"),
        ("a deep learning model", '"deep learning"'),
        ("他說「創新即借用」。", "「創新即借用」"),
        ("```\nprint(1)\n```", "print"),
    ],
)
def test_words_are_found(body, query):
    post = keep(body=body)

    assert found(query) == [post.pk]


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ("管道的理由。", "管理"),
        ("管理學是理學。", "管理學理"),
        ("學 C# 的路。", "C"),
        ("we aim high", "ai"),
        ("deep model learning", '"deep learning"'),
        ("管理。理想。", "理理"),
        ("只有管理。", "管理 槓桿"),
        ("內文。", "，。！"),
        ("內文。", ""),
        ("內文。", '" OR "'),
        ("內文。", "%"),
    ],
)
def test_what_is_not_there_is_not_found(body, query):
    keep(body=body)

    assert found(query) == []


@pytest.mark.parametrize(
    "query", ["'", '"', "\\", "a'b", "a\\b", "NOT", "a AND b", "a*", "(", ":", "a:b", "^x", "&|!", "\x00", "字" * 500]
)
def test_any_query_is_answered(query):
    keep(body="內文 a b x.")

    assert search(query, now=NOW).total in {0, 1}


def test_a_title_counts_more_than_a_tag_than_a_summary_than_the_text_and_then_what_is_newer():
    old, new = PUBLISHED_AT - timedelta(days=9), PUBLISHED_AT
    text_old = keep(body="管理。", published_at=old)
    text_new = keep(body="管理。", published_at=new)
    summary = keep(summary="管理。", published_at=old)
    tag = keep(tags=("管理",), published_at=old)
    title = keep("管理", published_at=old)

    assert found("管理") == [title.pk, tag.pk, summary.pk, text_new.pk, text_old.pk]


def test_only_what_is_published_is_found_without_being_indexed_again():
    post = keep("管理", published_at=None)

    assert found("管理") == []

    type(post).objects.filter(pk=post.pk).publish(NOW)

    assert found("管理") == [post.pk]


def test_what_changed_is_found_by_its_new_words_only():
    post = keep("管理")
    post.title = "產品"
    post.save()

    index_post(post)

    assert found("管理") == []
    assert found("產品") == [post.pk]
    assert SearchDocument.objects.count() == 1


def test_a_deleted_post_is_not_found():
    post = keep("管理")

    post.delete()

    assert found("管理") == []


def test_other_rooms_hand_down_their_texts():
    index(Document("issue", 42, "/issues/42/", "第 42 期", "本期談管理。", PUBLISHED_AT))

    (result,) = search("管理", now=NOW).results

    assert (result.kind, result.key, result.url, result.published_at) == ("issue", 42, "/issues/42/", PUBLISHED_AT)
    assert result.snippet == [Piece("本期談"), Piece("管理", is_hit=True), Piece("。")]
    assert remove("issue", 42)
    assert not remove("issue", 42)
    assert found("管理") == []


def test_a_page_is_one_query_and_knows_how_many_there_are(django_assert_num_queries):
    for number in range(5):
        keep(f"管理 {number}")

    with django_assert_num_queries(1):
        page = search("管理", now=NOW, limit=2, offset=2)

    assert page.total == 5
    assert len(page.results) == 2


def test_rebuilding_finds_what_nobody_indexed_and_forgets_what_is_gone():
    post = make_post("管理")
    index(Document("issue", 1, "/issues/1/", "管理", "", PUBLISHED_AT))
    index(Document("issue", 2, "/issues/2/", "管理", "", PUBLISHED_AT))
    SearchDocument.objects.update(tokens="")

    assert rebuild([Document("issue", 1, "/issues/1/", "管理", "", PUBLISHED_AT)]) == 2

    results = search("管理", now=NOW).results
    assert {(result.kind, result.key) for result in results} == {("post", post.pk), ("issue", 1)}


def test_rebuilding_renders_every_text_anew():
    keep(body="甲")
    Rendering.objects.update(html="<p>舊</p>", renderer="old")

    rebuild()

    assert [made.html for made in Rendering.objects.all()] == ["<p>甲</p>"]


def test_every_pair_of_characters_is_found_exactly_where_it_stands():
    bodies = ["管理槓桿，讓管理省力。", "臺灣的，管，理。", "槓桿管 理學", "省力管理學與 AI 管理", "學理管"]
    posts = [keep(title="題", body=body) for body in bodies]
    text = "".join(bodies)
    words = {text[i : i + n] for n in (2, 3) for i in range(len(text) - n + 1)}

    for word in (
        word for word in words if word.isalpha() and not word.isascii() and "A" not in word and "I" not in word
    ):
        expected = {post.pk for post in posts if fold(word) in fold(post.body)}
        assert set(found(word)) == expected, word


def test_ranking_reads_no_text_of_a_post(django_assert_num_queries):
    """On SQLite: a row is read from its beginning, and the date of a post stands behind its text."""
    keep("管理")
    with django_assert_num_queries(1) as asked:
        search("管理", now=NOW)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {asked[0]['sql']}")
        plan = str(cursor.fetchall())

    assert connection.vendor != "sqlite" or "SEARCH p USING COVERING INDEX dates_of_posts" in plan


def test_related_posts_share_tags_first_and_then_rare_words():
    post = keep("混合專家架構", body="混合專家讓模型省力。", tags=("ai",))
    words = keep("談混合專家", body="模型的混合專家。")
    tagged = keep("別的", tags=("ai",))
    other = keep("無關", published_at=PUBLISHED_AT - timedelta(days=1))
    keep("混合專家草稿", published_at=None)

    assert related(post, now=NOW) == [tagged.pk, words.pk, other.pk]
    assert related(post, now=NOW, limit=1) == [tagged.pk]


def test_more_shared_tags_come_first_and_then_what_is_newer():
    post = keep("甲", body="一", tags=("ai", "work"))
    older, newer = (keep("乙", body="二", tags=("ai",), published_at=PUBLISHED_AT - timedelta(days=n)) for n in (2, 1))
    both = keep("丙", body="三", tags=("ai", "work"), published_at=PUBLISHED_AT - timedelta(days=3))
    keep("丁", body="四", tags=("ai", "work"), published_at=NOW + timedelta(days=1))

    assert related(post, now=NOW, limit=9) == [both.pk, newer.pk, older.pk]


def test_a_post_without_words_or_tags_has_the_newest_beside_it():
    post = keep("！", body="。")
    old, new = (keep("題", published_at=PUBLISHED_AT - timedelta(days=n)) for n in (2, 1))

    assert related(post, now=NOW) == [new.pk, old.pk]


@pytest.mark.parametrize(("holders", "is_first"), [(COMMON - 2, True), (COMMON - 1, False)])
def test_a_word_that_many_have_makes_none_of_them_alike(holders, is_first):
    """Beside the post itself; the older of two others has the word, so that the newest comes first without it."""
    post = keep("混合", body="。")
    old = keep("混合", body="。", published_at=PUBLISHED_AT - timedelta(days=2))
    new = keep("題", body="。", published_at=PUBLISHED_AT - timedelta(days=1))
    later = [Post(title="混合", published_at=NOW + timedelta(days=1)) for _ in range(holders - 1)]
    SearchDocument.objects.bulk_create(
        SearchDocument(kind="post", key=other.pk, post=other, tokens="混合")
        for other in Post.objects.bulk_create(later)
    )

    assert related(post, now=NOW) == ([old.pk, new.pk] if is_first else [new.pk, old.pk])


def test_relatives_are_found_by_one_query(django_assert_num_queries):
    post = keep("混合專家架構", tags=("ai",))
    for number in range(9):
        keep(f"談混合專家 {number}", tags=("ai",))

    with django_assert_num_queries(1):
        assert len(related(post, now=NOW)) == 3


def test_relatives_are_looked_for_once_an_hour(django_assert_num_queries):
    post = keep("混合專家架構", tags=("ai",))
    assert related_lately(post.pk) is None
    found = relate(post, now=NOW)
    new = keep("談混合專家", tags=("ai",))

    with django_assert_num_queries(0):
        again = related_lately(post.pk)
    caches["pages"].clear()

    assert found == again == []
    assert relate(post, now=NOW) == [new.pk]


def test_folding_keeps_what_tells_words_apart():
    assert fold("ＤeepSeek　臺灣 的Ｃ＃ Don’t") == "deepseek台灣 的c# dont"
    assert list(tokens(fold("管理 GPT-4、C#"))) == ["管", "理", "管理", "gpt-4", "gpt", "4", "c#"]
    assert [term.text for term in terms("管理，「借用 連結」 c++ …")] == ["管理", "借用 連結", "c++"]


def test_a_snippet_is_whole_sentences_around_the_hits():
    text = "第一句說別的。第二句說管理。第三句說槓桿與管理。第四句說別的。"

    pieces = snippet(text, terms("槓桿 管理"), length=24)

    assert "".join(piece.text for piece in pieces) == "第三句說槓桿與管理。第四句說別的。"
    assert [piece.text for piece in pieces if piece.is_hit] == ["槓桿", "管理"]


def test_a_snippet_of_a_long_sentence_is_cut_on_both_sides():
    text = "很長的開頭" * 10 + "，然後說到管理，" + "很長的結尾" * 30 + "。"

    pieces = snippet(text, terms("管理"), length=40)

    assert pieces[:3] == [Piece("…"), Piece("然後說到"), Piece("管理", is_hit=True)]
    assert pieces[-1] == Piece("…")
    assert sum(len(piece.text) for piece in pieces) == 42


def test_a_snippet_is_the_same_with_the_folded_text_at_hand():
    text = "第一段。\n第二段談 臺灣 的㍻。\n臺灣 AI！別的。\n第四段。"
    folded = "題\n標籤\n摘要\n" + fold(text)

    for query in ("台灣 ai", "台灣", "ai", "別的", "沒有"):
        assert snippet(text, terms(query), folded=folded) == snippet(text, terms(query))


def test_hits_are_marked_where_they_stand_whatever_folding_does_to_their_length():
    assert marked("㍻の 臺灣 AI　㎏<b>", terms("台灣 <b>")) == [
        Piece("㍻の "),
        Piece("臺灣", is_hit=True),
        Piece(" AI　㎏<"),
        Piece("b", is_hit=True),
        Piece(">"),
    ]
    assert marked("㍻'AI", terms("ai")) == [Piece("㍻'"), Piece("AI", is_hit=True)]  # two for one, and none for one
    assert marked("用 AI 寫作", terms("ai寫作")) == [Piece("用 "), Piece("AI 寫作", is_hit=True)]
