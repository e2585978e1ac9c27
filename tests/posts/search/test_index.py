"""Search that finds words of two characters, and shows why."""

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.posts.models import SearchDocument
from newsletter.posts.search.folding import VARIANTS, fold, parse_query, tokenize
from newsletter.posts.search.index import (
    Document,
    index_document,
    index_post,
    rebuild_index,
    search,
)
from newsletter.posts.search.snippets import SnippetPart, mark_hits, snippet
from tests.factories import PUBLISHED_AT, make_findable_post, make_post

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)


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
        ("這個資料庫受到攻擊。", "资料库 攻击"),
        ("他說：「这个数据库」。", "這個數據庫"),
        ("他說：「这个数据库」。", "这个数据库"),
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
    post = make_findable_post(body=body)

    assert found(query) == [post.pk]


def test_a_hit_of_a_search_in_simplified_characters_is_shown_as_its_author_wrote_it():
    make_findable_post("這個資料庫", body="內文。")

    (result,) = search("资料库", now=NOW).results

    assert result.title_parts == [SnippetPart("這個"), SnippetPart("資料庫", is_hit=True)]


def test_a_variant_stands_for_a_character_that_is_none():
    assert len(VARIANTS) > 1000
    assert not set(VARIANTS) & set(VARIANTS.values())


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
    make_findable_post(body=body)

    assert found(query) == []


@pytest.mark.parametrize(
    "query", ["'", '"', "\\", "a'b", "a\\b", "NOT", "a AND b", "a*", "(", ":", "a:b", "^x", "&|!", "\x00", "字" * 500]
)
def test_any_query_is_answered(query):
    make_findable_post(body="內文 a b x.")

    assert search(query, now=NOW).total in {0, 1}


def test_a_title_counts_more_than_a_tag_than_a_summary_than_the_text_and_then_what_is_newer():
    old, new = PUBLISHED_AT - timedelta(days=9), PUBLISHED_AT
    text_old = make_findable_post(body="管理。", published_at=old)
    text_new = make_findable_post(body="管理。", published_at=new)
    summary = make_findable_post(summary="管理。", published_at=old)
    tag = make_findable_post(tags=("管理",), published_at=old)
    title = make_findable_post("管理", published_at=old)

    assert found("管理") == [title.pk, tag.pk, summary.pk, text_new.pk, text_old.pk]


def test_only_what_is_published_is_found_without_being_indexed_again():
    post = make_findable_post("管理", published_at=None)

    assert found("管理") == []

    type(post).objects.filter(pk=post.pk).publish(NOW)

    assert found("管理") == [post.pk]


def test_a_post_that_became_a_draft_is_not_found_by_the_date_it_had_when_it_was_indexed():
    post = make_findable_post("管理")
    type(post).objects.filter(pk=post.pk).update(published_at=None)

    assert found("管理") == []


def test_what_changed_is_found_by_its_new_words_only():
    post = make_findable_post("管理")
    post.title = "產品"
    post.save()

    index_post(post)

    assert found("管理") == []
    assert found("產品") == [post.pk]
    assert SearchDocument.objects.count() == 1


def test_a_deleted_post_is_not_found():
    post = make_findable_post("管理")

    post.delete()

    assert found("管理") == []


def test_a_page_is_one_query_and_knows_how_many_there_are(django_assert_num_queries):
    for number in range(5):
        make_findable_post(f"管理 {number}")

    with django_assert_num_queries(1):
        page = search("管理", now=NOW, limit=2, offset=2)

    assert page.total == 5
    assert len(page.results) == 2


def test_rebuilding_finds_what_nobody_indexed_and_forgets_what_is_gone():
    post = make_post("管理")
    index_document(Document("issue", 1, "/issues/1/", "管理", "", PUBLISHED_AT))
    index_document(Document("issue", 2, "/issues/2/", "管理", "", PUBLISHED_AT))
    SearchDocument.objects.update(tokens="")

    assert rebuild_index([Document("issue", 1, "/issues/1/", "管理", "", PUBLISHED_AT)]) == 2

    results = search("管理", now=NOW).results
    assert {(result.kind, result.key) for result in results} == {("post", post.pk), ("issue", 1)}


def test_every_pair_of_characters_is_found_exactly_where_it_stands():
    bodies = ["管理槓桿，讓管理省力。", "臺灣的，管，理。", "槓桿管 理學", "省力管理學與 AI 管理", "學理管"]
    posts = [make_findable_post(title="題", body=body) for body in bodies]
    text = "".join(bodies)
    words = {text[i : i + n] for n in (2, 3) for i in range(len(text) - n + 1)}

    for word in (
        word for word in words if word.isalpha() and not word.isascii() and "A" not in word and "I" not in word
    ):
        expected = {post.pk for post in posts if fold(word) in fold(post.body)}
        assert set(found(word)) == expected, word


def test_folding_keeps_what_tells_words_apart():
    assert fold("ＤeepSeek　臺灣 的Ｃ＃ Don’t") == "deepseek台灣 的c# dont"
    assert list(tokenize(fold("管理 GPT-4、C#"))) == ["管", "理", "管理", "gpt-4", "gpt", "4", "c#"]
    assert [term.text for term in parse_query("管理，「借用 連結」 c++ …")] == ["管理", "借用 連結", "c++"]


def test_a_snippet_is_whole_sentences_around_the_hits():
    text = "第一句說別的。第二句說管理。第三句說槓桿與管理。第四句說別的。"

    pieces = snippet(text, parse_query("槓桿 管理"), length=24)

    assert "".join(piece.text for piece in pieces) == "第三句說槓桿與管理。第四句說別的。"
    assert [piece.text for piece in pieces if piece.is_hit] == ["槓桿", "管理"]


def test_paragraphs_of_a_snippet_are_joined_by_a_space_in_latin_alone():
    pieces = snippet("第一段說管理。\n第二段也說。\n\nA third one.\nAnd more.", parse_query("管理"))

    assert "".join(piece.text for piece in pieces) == "第一段說管理。第二段也說。A third one. And more."


def test_hits_are_marked_where_they_stand_whatever_folding_does_to_their_length():
    assert mark_hits("㍻の 臺灣 AI　㎏<b>", parse_query("台灣 <b>")) == [
        SnippetPart("㍻の "),
        SnippetPart("臺灣", is_hit=True),
        SnippetPart(" AI　㎏<"),
        SnippetPart("b", is_hit=True),
        SnippetPart(">"),
    ]
    assert mark_hits("㍻'AI", parse_query("ai")) == [
        SnippetPart("㍻'"),
        SnippetPart("AI", is_hit=True),
    ]  # two for one, and none for one
    assert mark_hits("用 AI 寫作", parse_query("ai寫作")) == [SnippetPart("用 "), SnippetPart("AI 寫作", is_hit=True)]


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ("學 C/C++ 的路。", "C++"),
        ("用 C++ 寫。", "c++"),
        ("做 A/B/C 測試。", "A/B"),
        ("做 A/B/C 測試。", "b/c"),
        ("寫 ASP.NET 的人。", ".NET"),
        ("寫 .NET 的人。", ".NET"),
        ("寫 .NET 的人。", "net"),
        ("用 Node.js 寫。", "js"),
        ("見 one-two-three-four-five。", "two-three-four-five"),
        ("第5期談管理。", "第 5 期"),
        ("第 5 期談管理。", "第5期"),
    ],
)
def test_a_joined_word_is_found_by_its_parts(body, query):
    post = make_findable_post(body=body)

    assert found(query) == [post.pk]
    assert any(piece.is_hit for piece in search(query, now=NOW).results[0].snippet_parts)


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ("The Old Net is gone.", ".NET"),
        ("等等...net 是什麼", ".NET"),
        ("學 C/C++ 的路。", "C"),
        ("做 A/B/C 測試。", "A/C"),
        ("見 one-two-four-five。", "one-two-three-four"),
        ("第15期", "第5期"),
    ],
)
def test_parts_that_are_not_side_by_side_are_not_found(body, query):
    make_findable_post(body=body)

    assert found(query) == []
