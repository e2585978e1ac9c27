import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.cache import caches
from django.utils import timezone

from newsletter.issues.search import index_issue
from newsletter.posts.markdown import render
from newsletter.posts.models import Image, Post, Tag
from newsletter.posts.search.index import index_post
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication
from tests.support.page_checks import markup, uncached_queries

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english():
    make_publication()


def titles(page):
    return re.findall(r'class="[^"]*posts-title"><a [^>]*>([^<]*)<', page.text)


def findable(title, **fields):
    post = make_post(title, **fields)
    index_post(post)
    return post


def test_a_post_shows_what_a_reader_wants_to_know(client):
    cover = Image.objects.create(digest="0123456789abcdef", name="a.png", alt="兩個人", width=1200, height=600)
    post = make_post(body="第一段*重點*。", tags=("leadership",), cover=cover)
    issue = make_issue(post, sent_at=PUBLISHED_AT)

    page = client.get(post.get_absolute_url())

    assert '<h1 class="short phrases">管理槓桿</h1>' in markup(page)
    assert "<em>重點</em>" in markup(page)
    assert '<time datetime="2026-10-01T08:00:00+08:00">Oct. 1, 2026</time>' in markup(page)
    assert "<span>about 1 min (5 characters)</span>" in markup(page)
    assert 'alt="兩個人" width="1200" height="600"' in markup(page)
    assert f'href="{issue.get_absolute_url()}"' in markup(page)
    assert 'rel="tag" href="/tags/leadership/"' in markup(page)
    assert 'action="/subscribe/"' in markup(page)


@pytest.mark.parametrize(
    ("body", "language", "shown"),
    [
        ("字" * 2544, "en", "about 6 min (2,544 characters)"),
        ("word " * 1200, "en", "about 5 min (1,200 words)"),
        ("字" * 2544 + " word" * 126, "zh-hant", "約 7 分鐘（2,544 字）"),
        ("字![" + "替" * 900 + "](/a.png)\n\n    " + "碼" * 900, "en", "about 1 min (1 character)"),
    ],
)
def test_a_post_says_how_long_it_is(client, body, language, shown):
    make_publication(language=language)

    assert shown in client.get(make_post(body=body).get_absolute_url()).text


@pytest.mark.parametrize("path", ["/", "/posts/", "/tags/ai/", "/feed.xml", "/feed.json", "{post}", "/issues/1/"])
def test_no_page_renders_markdown(client, monkeypatch, path):
    posts = [findable(f"第{n}篇", tags=("ai",)) for n in range(3)]
    index_issue(make_issue(*posts, number=1, introduction="*前言*", closing="下回見。", sent_at=PUBLISHED_AT))
    caches["pages"].clear()
    monkeypatch.setattr(render, "render", None)  # would raise

    assert client.get(path.format(post=posts[0].get_absolute_url())).status_code == 200


@pytest.mark.parametrize("address", ["{number}", "{number}-other-words", "0{number}-leverage", "{number}-"])
def test_the_number_alone_and_other_words_lead_to_the_one_address(client, address):
    post = make_post(words="leverage")

    response = client.get(f"/p/{address.format(number=post.pk)}/")

    assert response.status_code == 301
    assert response.headers["Location"] == f"/p/{post.pk}-leverage/"


def test_drafts_and_scheduled_posts_do_not_exist_for_readers(client):
    draft = findable("草稿", published_at=None, tags=("ai",))
    scheduled = findable("排程", published_at=timezone.now() + timedelta(hours=1), tags=("ai",))

    assert client.get(draft.get_absolute_url()).status_code == 404
    assert client.get(scheduled.get_absolute_url()).status_code == 404
    for path in (
        "/",
        "/posts/",
        "/tags/ai/",
        "/search/?q=草稿",
        "/search/?q=排程",
        "/feed.xml",
        "/feed.json",
        "/sitemap.xml",
    ):
        page = client.get(path)
        assert ">排程</a>" not in page.text
        assert f"/p/{draft.pk}" not in page.text


def test_an_unsent_issue_is_not_named_by_its_posts(client):
    post = make_post()
    issue = make_issue(post)

    page = client.get(post.get_absolute_url())

    assert issue.get_absolute_url() not in page.text


def test_a_post_can_be_shared_without_loading_anything_from_elsewhere(client):
    post = make_post("A & B", words="ab")

    page = client.get(post.get_absolute_url())

    url = f"https%3A%2F%2Fnews.example.org%2Fp%2F{post.pk}-ab%2F"
    assert f'href="https://social-plugins.line.me/lineit/share?url={url}"' in page.text
    assert f'data-copy="https://news.example.org/p/{post.pk}-ab/"' in page.text
    assert f'<li class="share-address">https://news.example.org/p/{post.pk}-ab/</li>' in page.text  # without a script
    assert not re.findall(r'src="(?!/)', page.text)


def test_read_more_shows_the_newest_others_whatever_their_tags_and_is_the_one_navigation(client):
    posts = [
        make_post(name, tags=("ai",), published_at=PUBLISHED_AT + timedelta(days=n))
        for n, name in enumerate("甲乙丙丁戊")
    ]
    make_post("不公開", is_unlisted=True)

    def shown(post):
        page = client.get(post.get_absolute_url()).text
        assert 'class="neighbours"' not in page
        return re.findall(r'posts-title"><a[^>]*>(.)<', page.partition('id="newest-heading"')[2])

    assert shown(posts[0]) == ["戊", "丁", "丙"]
    assert shown(posts[4]) == ["丁", "丙", "乙"]


def test_the_author_has_a_face_where_one_was_given(client):
    publication, post = make_publication(author="Gipi"), make_post()
    assert 'class="face"' not in client.get(post.get_absolute_url()).text

    publication.face = "look/face.jpg"
    publication.save()

    for address in (post.get_absolute_url(), "/about/"):
        assert f'class="face" src="{publication.face.url}"' in markup(client.get(address))


def test_a_tag_page_shows_its_posts_and_its_feed(client):
    make_post("有標籤", tags=("ai",))
    make_post("沒有標籤")

    page = client.get("/tags/ai/")

    assert titles(page) == ["有標籤"]
    assert "1 post" in page.text
    assert 'href="/tags/ai/feed.xml"' in page.text


def test_tags_of_drafts_only_are_not_offered(client):
    make_post(published_at=None, tags=("secret",))
    make_post(tags=("public",))

    page = client.get("/posts/")

    assert "/tags/public/" in page.text
    assert "/tags/secret/" not in page.text


@pytest.mark.parametrize(
    "hidden",
    [
        {"published_at": None},
        {"published_at": timezone.now() + timedelta(days=9)},
        {"is_unlisted": True},
    ],
    ids=["draft", "scheduled", "unlisted"],
)
@pytest.mark.parametrize("path", ["/tags/zz1/", "/tags/zz1/feed.xml"])
def test_a_tag_that_no_listed_post_has_is_not_found_until_one_has(client, hidden, path):
    post = make_post(tags=("zz1",), **hidden)
    answer = client.get(path)
    assert answer.status_code == 404
    assert Tag.objects.get().name not in answer.text.replace(path, "")

    Post.objects.filter(pk=post.pk).update(published_at=PUBLISHED_AT, is_unlisted=False)
    assert client.get(path).status_code == 200

    Post.objects.withdraw(timezone.now())
    assert client.get(path).status_code == 404


def test_an_unlisted_post_leads_to_no_page_of_a_tag(client):
    post = make_post(tags=("ai",), is_unlisted=True)

    page = client.get(post.get_absolute_url())

    assert "<li>ai</li>" in markup(page)
    assert "/tags/ai/" not in page.text


def test_search_finds_the_posts_that_contain_every_word_and_marks_them(client):
    post = findable("管理的<槓桿>", body="談決策。")
    findable("管理的日常", body="談會議。")

    page = client.get("/search/", {"q": " 管理　決策 "})

    assert f'<a href="{post.get_absolute_url()}"><mark>管理</mark>的&lt;槓桿&gt;</a>' in page.text
    assert page.text.count('class="posts-item"') == 1
    assert '<p class="posts-excerpt">談<mark>決策</mark>。</p>' in page.text
    assert "1 hit" in page.text
    assert '<meta name="robots" content="noindex">' in page.text


def test_a_misspelt_word_is_asked_about(client):
    index_post(make_post("DeepSeek 的三個創新", tags=("Mixture-of-Experts",)))
    index_post(make_post("Deepsea", published_at=None))

    page = client.get("/search/", {"q": "deepseak"}).text

    assert re.findall(r'<a href="\?q=\w+">(\w+)</a>', page) == ["DeepSeek"]
    assert "Did you mean" not in client.get("/search/", {"q": "管裡"}).text


def test_search_finds_issues_too(client):
    issue = make_issue(subject="談 AI 寫作", introduction="**管理**的前言。", sent_at=PUBLISHED_AT)
    index_issue(issue)
    index_issue(make_issue(introduction="管理，還沒寄出。"))

    page = client.get("/search/", {"q": "管理"})

    assert f'<a href="{issue.get_absolute_url()}">談 AI 寫作</a>' in page.text
    assert page.text.count('class="posts-item"') == 1


def test_the_thirty_first_search_in_a_minute_waits_and_is_told_how_long(client):
    with time_machine.travel(datetime(2026, 11, 24, 6, 19, 15, tzinfo=UTC), tick=False):
        for _ in range(30):
            assert client.get("/search/", {"q": "x"}).status_code == 200
        page = client.get("/search/", {"q": "x"})

    assert (page.status_code, page.headers["Retry-After"]) == (429, "45")
    assert "Too many searches in a short time. Please try again at 14:20." in page.text
    assert 'value="x"' in page.text


PAGES = [
    *("/", "/posts/", "/posts/?page=1", "/tags/ai/", "/search/?q=第", "/feed.xml", "/feed.json", "/tags/ai/feed.xml"),
    *("/p/1/", "/sitemap.xml", "/about/", "/subscribe/", "/robots.txt"),
]


def test_a_page_asks_the_database_as_often_for_many_posts_as_for_five_and_five_times_at_most(client):
    """One test: many posts take longer to write than all these pages to show."""
    image = Image.objects.create(digest="0123456789abcdef", name="a.png", width=9, height=9, sizes={"webp": [9]})
    posts = [findable(f"第{n}篇", body=image.markdown, cover=image, tags=("ai", "work")) for n in range(5)]
    make_issue(*posts, sent_at=PUBLISHED_AT)
    addresses = {path: posts[2].get_absolute_url() if path == "/p/1/" else path for path in PAGES}

    few = {path: uncached_queries(client, address) for path, address in addresses.items()}
    more = [findable(f"第{n}篇", body=image.markdown, tags=("ai", f"tag{n}")) for n in range(20)]
    for post in more[:9]:
        make_issue(post, posts[2], sent_at=PUBLISHED_AT)
    many = {path: uncached_queries(client, address) for path, address in addresses.items()}

    wrong = {path: many[path] for path in PAGES if not len(few[path]) == len(many[path]) <= 5}
    assert wrong == {}


def test_a_withdrawn_relative_is_gone_at_once_and_the_next_takes_its_place(client):
    post = findable("管理", tags=("ai",))
    others = [findable(f"其他{n}", tags=("ai",), published_at=PUBLISHED_AT - timedelta(days=n + 1)) for n in range(4)]
    first = titles(client.get(post.get_absolute_url()))

    type(post).objects.filter(pk=others[0].pk).withdraw(timezone.now())

    assert first == ["其他0", "其他1", "其他2"]
    assert titles(client.get(post.get_absolute_url())) == ["其他1", "其他2", "其他3"]


WITHOUT_PICTURES = 30_000  # bytes, compressed: what a page on a slow line may cost


def loaded_with(client, html):
    """Return what a browser loads for a page by itself besides its pictures and the icon of its tab."""
    sheets = re.findall(r'<link rel="stylesheet"\s+href="([^"]+)"', html)
    scripts = re.findall(r'<script[^>]*\s(?:data-)?src="([^"]+)"', html)
    return {url: content_of(client, url) for url in sheets + scripts}


def content_of(client, url):
    if url.startswith(settings.STATIC_URL):
        return Path(
            finders.find(re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", url.removeprefix(settings.STATIC_URL)))
        ).read_bytes()
    return client.get(url).content


def test_a_post_is_light_and_comes_in_four_requests_without_fonts(client):
    passage = "管理者的槓桿不在於自己做得更快，而在於讓別人不必等待；第{}件事也是這樣[^{}]。\n\n## 第{}節\n\n"
    body = "".join(passage.format(n, n, n) for n in range(60)) + "\n".join(f"[^{n}]: 出處{n}。" for n in range(60))
    posts = [findable(f"其他{n}", tags=("ai",)) for n in range(4)]
    post = findable(body=f"{body}\n\n```python\nprint(1)\n```", title="管理槓桿", tags=("ai", "work"))
    make_issue(post, *posts, sent_at=PUBLISHED_AT)

    page = client.get(post.get_absolute_url(), headers={"Accept-Encoding": "gzip"})
    html = gzip.decompress(page.content).decode()
    parts = loaded_with(client, html)

    weight = len(page.content) + sum(len(gzip.compress(part)) for part in parts.values())
    assert len(parts) + 1 <= 4, parts.keys()
    assert weight <= WITHOUT_PICTURES
    assert not any(b"@font-face" in part or b"@import" in part for part in parts.values())
    assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!news\.example\.org)[^"]*\.(?:js|css|woff2?)', html)


def test_a_post_of_two_thousand_characters_has_10_kb(client):
    text = (settings.BASE_DIR / "newsletter/desk/demo_data/posts/price-of-a-token.md").read_text().split("---\n", 2)[2]
    for n in range(3):
        findable(f"其他{n}", body="另一篇的開頭，長得足以讓摘要有兩行。" * 3)
    post = findable(body=text, title="一個 token 多少錢", tags=("ai", "work"))

    page = client.get(post.get_absolute_url(), headers={"Accept-Encoding": "gzip"})

    assert len(page.content) <= 10_000


@time_machine.travel(PUBLISHED_AT + timedelta(days=1), tick=False)  # the form says when it was shown, in seconds
def test_an_unchanged_page_is_not_sent_again(client):
    post = make_post()
    first = client.get(post.get_absolute_url())

    again = client.get(post.get_absolute_url(), headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304


def test_readers_pages_set_no_cookie(client):
    post = make_post(tags=("ai",))

    own = ("/", "/issues/", "/posts/", "/tags/ai/", "/search/?q=x", "/about/", "/subscribe/", "/nothing/")
    for path in (post.get_absolute_url(), *own):
        response = client.get(path)
        assert not response.cookies
        assert "Cookie" not in response.headers.get("Vary", "")


def test_read_more_shows_picture_title_sentences_and_who_wrote_it(client):
    make_publication(author="Gipi")
    cover = Image.objects.create(
        digest="a" * 16, name="a.png", alt="圖", width=1280, height=640, sizes={"fallback": [640]}
    )
    shown = make_post("這一篇", tags=("ai",))
    make_post("有封面", summary="一句話。兩句話。", tags=("ai",), cover=cover)
    make_post("沒有封面", summary="另一句。", tags=("ai",))

    page = markup(client.get(shown.get_absolute_url())).partition('id="newest-heading"')[2]

    first, second = sorted(re.findall(r'<li class="posts-item">(.*?)</li>', page), key=len, reverse=True)
    assert 'src="/media/aaaaaaaaaaaaaaaa/a-640.png"' in first
    assert 'alt=""width="144"height="96"' in first.replace(" ", "")
    assert '<p class="posts-excerpt beside">一句話。兩句話。' in first  # whose lines are filled
    assert "<img" not in second
    assert "<span>Gipi</span>" in first
    assert "<span>Gipi</span>" in second
