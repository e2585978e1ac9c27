"""Own posts behind two brackets: what is found, and the choice by keys and mouse in a real browser."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from newsletter.posts.search.index import index_post
from tests.factories import make_helper, make_post
from tests.support.page_checks import assert_accessible


def indexed(title: str, **fields):
    post = make_post(title, **fields)
    index_post(post)
    return post


def found(client: Client, **query: str) -> list[dict[str, str]]:
    return client.get(reverse("admin:writing_posts"), query).json()["posts"]


@pytest.mark.django_db
def test_published_posts_are_found_with_the_day_on_which_they_were_published(author):
    old = indexed("把話[寫]成一頁", body="會議", published_at=datetime(2024, 3, 2, tzinfo=UTC))
    indexed("草稿", body="會議", published_at=None)

    [one] = found(author, q="會議")

    assert one == {
        "title": "把話[寫]成一頁",
        "markdown": f"[把話\\[寫\\]成一頁]({old.get_absolute_url()})",
        "when": "March 2, 2024",
    }
    assert found(author, q="會議", **{"except": str(old.pk)}) == []


@pytest.mark.django_db
def test_a_writer_finds_their_own_unlisted_posts_and_those_of_nobody_else(client):
    writer = make_helper("writer")
    client.force_login(writer)
    indexed("自己的", body="會議", is_unlisted=True, created_by=writer)
    indexed("別人的", body="會議", is_unlisted=True)
    indexed("大家的", body="會議")

    assert {one["title"] for one in found(client, q="會議")} == {"自己的", "大家的"}
    assert {one["title"] for one in found(client)} == {"自己的", "大家的"}


@pytest.mark.django_db
def test_a_search_takes_few_queries_however_many_posts_are_found(author, django_assert_max_num_queries):
    for n in range(6):
        indexed(f"會議{n}", body="會議")
    found(author, q="會議")

    with django_assert_max_num_queries(8):
        assert len(found(author, q="會議")) == 5


@pytest.fixture
def others(post):
    return [indexed("一頁的力量"), indexed("兩頁的力量")]


def value(editor) -> str:
    return editor.input_value("#id_body")


def open_list(editor, words: str) -> None:
    editor.locator("#id_body").fill("- ")
    editor.locator("#id_body").press("End")
    editor.keyboard.insert_text(f"[[{words}")
    editor.locator("#offers [role=option]").first.wait_for()


@pytest.mark.browser
def test_keys_choose_and_put_the_link_in_by_one_step_to_undo(others, editor):
    open_list(editor, "力量")
    assert_accessible(editor)
    editor.keyboard.press("ArrowDown")
    active = editor.get_attribute("#id_body", "aria-activedescendant")
    title = editor.locator(f"#{active} span").inner_text()

    editor.keyboard.press("Enter")

    [post] = [one for one in others if one.title == title]
    assert value(editor) == f"- [{title}]({post.get_absolute_url()})"
    editor.keyboard.press("Control+z")
    assert value(editor) == "- [[力量"


@pytest.mark.exhaustive
@pytest.mark.browser
def test_nothing_is_offered_while_a_word_is_being_composed(others, editor):
    keys = editor.context.new_cdp_session(editor)
    editor.locator("#id_body").fill("[[")
    editor.locator("#offers [role=option]").first.wait_for()
    keys.send("Input.imeSetComposition", {"text": "ㄌㄧˋ", "selectionStart": 3, "selectionEnd": 3})
    editor.wait_for_timeout(500)
    assert not editor.locator("#offers").is_visible()

    keys.send("Input.insertText", {"text": "力量"})

    editor.locator("#offers [role=option]").first.wait_for()
    assert value(editor) == "[[力量"
