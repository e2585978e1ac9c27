"""A text is rendered once, and what became of it is kept."""

import pytest
from django.core.cache import caches
from django.utils import translation

from newsletter.posts.markdown import render as markdown
from newsletter.posts.models.renderings import Rendering, render_cached
from newsletter.publication.models import Publication
from tests.factories import make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture
def renderings(monkeypatch):
    """Count how often Markdown is rendered."""
    sources, render = [], markdown.render
    monkeypatch.setattr(markdown, "render", lambda source, **sizes: sources.append(source) or render(source, **sizes))
    return sources


def test_a_text_is_rendered_once_even_when_the_cache_is_lost(renderings):
    first = render_cached("**一次**")
    caches["pages"].clear()

    assert render_cached("**一次**") == first == "<p><strong>一次</strong></p>"
    assert renderings == ["**一次**"]


def test_many_texts_are_looked_up_by_one_query_and_written_by_one(django_assert_num_queries):
    sources = [f"第{number}段" for number in range(20)]

    with Publication.objects.used(Publication.objects.fresh()):
        with django_assert_num_queries(2):
            made = Rendering.objects.for_sources(sources)
        caches["pages"].clear()
        with django_assert_num_queries(1):
            again = Rendering.objects.for_sources(sources)

    assert [again[source].html for source in sources] == [made[source].html for source in sources]


def test_a_row_that_another_process_wrote_meanwhile_is_no_error(monkeypatch):
    render_cached("甲")
    caches["pages"].clear()
    monkeypatch.setattr(type(Rendering.objects.all()), "in_bulk", lambda self, keys: {})  # asked before it was there

    assert render_cached("甲") == "<p>甲</p>"
    assert Rendering.objects.count() == 1


def test_another_renderer_renders_anew_and_what_the_former_made_is_outdated(monkeypatch):
    render_cached("甲")

    monkeypatch.setattr("newsletter.posts.models.renderings.RENDERER_VERSION", "next")
    monkeypatch.setattr(markdown, "render", lambda source, sizes: "<p>次</p>")

    assert render_cached("甲") == "<p>次</p>"
    assert [made.html for made in Rendering.objects.outdated()] == ["<p>甲</p>"]


def test_what_was_forgotten_is_made_anew(renderings):
    render_cached("甲")

    Rendering.objects.all().purge()

    assert Rendering.objects.count() == 0
    assert render_cached("甲") == "<p>甲</p>"
    assert renderings == ["甲", "甲"]


def test_the_titles_of_footnotes_are_in_the_language_of_the_reader():
    source = "字[^1]\n\n[^1]: 註"

    make_publication(language="en")
    with translation.override("zh-hant"):  # whoever renders it
        assert "Back to where footnote 1 stands" in render_cached(source)

    make_publication(language="zh-hant")
    with translation.override("en"):
        assert "Back to where" not in render_cached(source)
