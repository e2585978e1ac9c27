import re

import pytest
from django.utils import timezone

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.posts.models import Post, Series
from tests.factories import make_issue, make_post, make_publication
from tests.posts.test_release import change, saved
from tests.support.page_checks import markup

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english():
    make_publication()


@pytest.fixture
def slow():
    return Series.objects.create(title="慢工作", slug="slow-work", description="為什麼慢慢做比較快。")


def part(number, series, title="", **fields):
    return make_post(title or f"第{number}篇", series=series, series_number=number, **fields)


# --- For readers ---


def test_a_post_says_its_place_in_the_series_and_leads_to_the_one_before_and_the_next(client, slow):
    late, first, middle = part(3, slow), part(1, slow), part(2, slow)
    part(4, slow, published_at=None)
    make_post("別的")

    page = markup(client.get(middle.get_absolute_url()))

    assert re.search(r'<a href="/series/slow-work/">\s*Series: 慢工作 \(2/3\)\s*</a>', page)
    assert f'rel="prev" href="{first.get_absolute_url()}"' in page
    assert f'rel="next" class="neighbours-next" href="{late.get_absolute_url()}"' in page
    assert '"@type":"CreativeWorkSeries"' in page


def test_a_series_has_a_page_in_the_order_of_its_numbers_and_stands_among_the_posts(client, slow):
    for number in (2, 1):
        part(number, slow)
    part(3, slow, "不公開", is_unlisted=True)

    page = client.get("/series/slow-work/").text

    assert page.index("第1篇") < page.index("第2篇")
    assert "不公開" not in page
    assert "為什麼慢慢做比較快。" in page
    assert '<a href="/series/slow-work/">慢工作</a>' in client.get("/posts/").text
    assert "<loc>https://news.example.org/series/slow-work/</loc>" in client.get("/sitemap.xml").text


def test_a_series_without_a_listed_post_is_nowhere(client, slow):
    part(1, slow, published_at=None)
    unlisted = part(2, slow, is_unlisted=True)

    assert client.get("/series/slow-work/").status_code == 404
    for path in ("/posts/", "/sitemap.xml", unlisted.get_absolute_url()):
        assert "/series/" not in client.get(path).text


def test_a_letter_says_the_series_of_a_post_in_both_parts_and_nothing_without_one(slow):
    alone, in_series = make_post("單篇"), part(3, slow)

    with_it, without = freeze_letter(make_issue(in_series)), freeze_letter(make_issue(alone))

    assert 'href="https://news.example.org/series/slow-work/"' in with_it.html
    for words in (with_it.html, with_it.text):
        assert "Series: 慢工作, part 3" in words
    assert "/series/" not in without.html + without.text


# --- At the desk ---


def test_a_new_title_makes_a_series_and_the_next_post_gets_the_next_number(author):
    first, second = make_post("一", published_at=None), make_post("二", published_at=None)

    first = saved(author, first, series="慢工作")
    second = saved(author, second, series="慢工作")

    assert (first.series.title, first.series_number, second.series_number) == ("慢工作", 1, 2)
    assert Series.objects.get().slug == "series"


def test_a_post_without_its_number_gets_it_back(author, slow):
    post = part(1, slow)

    assert saved(author, post, series="慢工作", series_number="").series_number == 1


def test_a_number_that_another_post_has_is_refused_by_its_title(author, slow):
    part(1, slow, "先到的")
    post = make_post(published_at=None)

    page = author.post(change(post), {"title": "二", "body": "文", "series": "慢工作", "series_number": "1"})

    assert "Number 1 of this series is “先到的”." in page.text
    assert Post.objects.get(pk=post.pk).series is None


def test_the_series_of_a_published_post_is_true_at_once_and_its_text_is_not(author):
    post = saved(author, make_post(body="一。"), series="慢工作", body="二。")

    assert (post.series.title, post.series_number, post.body) == ("慢工作", 1, "一。")


def test_a_post_moves_to_another_series_at_its_end_and_out_of_all(author, slow):
    post = part(5, slow, published_at=None)

    moved = saved(author, post, series="快工作")
    out = saved(author, post, series="")

    assert (moved.series.title, moved.series_number) == ("快工作", 1)
    assert (out.series, out.series_number) == (None, None)


def test_a_title_that_saved_itself_while_it_was_typed_leaves_no_series(author):
    post = make_post(published_at=None)

    for typed in ("慢", "慢工", "慢工作"):
        saved(author, post, series=typed, _auto="1")

    assert [series.title for series in Series.objects.all()] == ["慢工作"]
    assert Post.objects.get().series_number == 1


def test_a_series_that_is_deleted_leaves_its_posts(author, slow):
    post = part(1, slow)

    author.post(f"/admin/posts/series/{slow.pk}/delete/", {"post": "yes"})

    post.refresh_from_db()
    assert (Series.objects.exists(), post.series, post.is_published(timezone.now())) == (False, None, True)
