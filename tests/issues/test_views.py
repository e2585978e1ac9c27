import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory
from django.utils import timezone, translation
from django.views.defaults import permission_denied, server_error

from newsletter.issues.models import IssueItem, StartingPoint
from newsletter.issues.views import home
from newsletter.posts.models import Image
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication
from tests.support.page_checks import markup, uncached_queries

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english():
    make_publication()


def test_home_promises_and_shows_the_latest_issue_and_posts(client):
    make_publication(promise="每兩週一封信。")
    post = make_post("最新文章", tags=("ai",))
    make_issue(post, number=41, sent_at=PUBLISHED_AT)
    latest = make_issue(post, number=42, subject="最新一期", preheader="這一期談提問。", sent_at=PUBLISHED_AT)
    make_issue(post, number=43, subject="還沒寄")

    page = client.get("/")

    assert ">每兩週一封信。</h1>" in page.text
    assert f'<a href="{latest.get_absolute_url()}">最新一期</a>' in page.text
    assert "這一期談提問。" in page.text
    assert page.text.count(f'<a href="{post.get_absolute_url()}">最新文章</a>') == 1
    assert page.text.count("/start-here/") == 1
    assert 'action="/subscribe/"' in page.text
    assert "還沒寄" not in page.text


def test_home_leads_a_stranger_to_posts_as_soon_as_there_are_any(client):
    before = client.get("/").text
    make_post()

    assert "Begin with these" in client.get("/").text
    assert "Begin with these" not in before


def test_the_archive_has_one_name(client):
    make_publication(language="zh-hant")
    make_issue(make_post(), sent_at=PUBLISHED_AT)

    names = {name.strip(" →") for name in re.findall(r'href="/issues/"[^>]*>([^<]+)<', client.get("/").text)}

    assert names == {"各期電子報"}


def test_the_archive_goes_by_year_and_number(client):
    post = make_post(published_at=datetime(2024, 1, 1, tzinfo=UTC))
    make_issue(post, number=1, subject="第一", sent_at=datetime(2025, 12, 31, 15, 59, tzinfo=UTC))
    make_issue(post, number=2, subject="第二", sent_at=datetime(2025, 12, 31, 16, 1, tzinfo=UTC))  # 2026 in Taipei
    make_issue(post, number=3, subject="未寄")

    page = client.get("/issues/")

    assert re.findall(r'<h2 id="year-(\d+)"|</span>(第.)</a>', page.text) == [
        ("2026", ""),
        ("", "第二"),
        ("2025", ""),
        ("", "第一"),
    ]
    assert re.findall(r'href="(/issues/2026[./][^"]*)"', page.text) == [
        "/issues/2026/",
        "/issues/2026/",
        "/issues/2026.epub",
        "/issues/2026/print/",
    ]
    assert "未寄" not in page.text


def test_an_issue_is_read_as_it_was_composed(client):
    full, excerpt, link = (
        make_post("全文", body="全部的**字**。"),
        make_post("摘要", summary="只有這句。"),
        make_post("連結"),
    )
    issue = make_issue(full, excerpt, link, introduction="大家*好*。", closing="下次見。", sent_at=PUBLISHED_AT)
    issue.items.filter(post=excerpt).update(form=IssueItem.Form.EXCERPT)
    issue.items.filter(post=link).update(form=IssueItem.Form.LINK)

    page = client.get(issue.get_absolute_url())

    order = [
        "大家<em>好</em>。",
        ">全文</a></h2>",
        "<strong>字</strong>",
        ">摘要</a></h2>",
        "<p>只有這句。</p>",
        ">連結</a></h2>",
        "下次見。",
    ]
    assert [page.text.index(part) for part in order] == sorted(page.text.index(part) for part in order)
    assert page.text.count("第一段。") == 1  # of the link: its first sentence


def test_the_sections_of_a_post_are_below_its_title(client):
    issue = make_issue(make_post("談槓桿", body="## 一節\n\n### 一段"), sent_at=PUBLISHED_AT)

    headings = re.findall(
        r"<(h\d) [^>]*id=[^>]*>(?:<a[^>]*>)?(談槓桿|一節|一段)<", client.get(issue.get_absolute_url()).text
    )

    assert headings == [("h2", "談槓桿"), ("h3", "一節"), ("h4", "一段")]


def test_the_sections_of_a_post_whose_title_is_the_subject_follow_the_subject(client):
    issue = make_issue(make_post("談槓桿", body="## 一節"), subject="談槓桿", sent_at=PUBLISHED_AT)

    page = client.get(issue.get_absolute_url()).text

    assert re.findall(r"<(h\d)[^>]*>(談槓桿|一節)<", page) == [("h1", "談槓桿"), ("h2", "一節")]


def test_a_post_that_an_issue_only_names_or_begins_has_a_way_on(client):
    whole, begun, named = make_post("全文"), make_post("開頭"), make_post("只有名字")
    issue = make_issue(whole, sent_at=PUBLISHED_AT)
    IssueItem.objects.create(issue=issue, post=begun, position=1, form=IssueItem.Form.EXCERPT)
    IssueItem.objects.create(issue=issue, post=named, position=2, form=IssueItem.Form.LINK)

    page = client.get(issue.get_absolute_url())

    ways = re.findall(r'<a class="onward"\s+href="([^"]+)"', page.text)
    assert ways == [begun.get_absolute_url(), named.get_absolute_url()]


def test_a_year_goes_by_month_and_tells_how_each_issue_begins(client):
    make_publication(language="zh-hant")
    make_issue(make_post(), number=1, introduction="冬天。", sent_at=datetime(2025, 1, 31, 20, tzinfo=UTC))
    make_issue(make_post(), number=2, preheader="春天的一句。", sent_at=datetime(2025, 3, 1, tzinfo=UTC))
    make_issue(make_post(), number=3, sent_at=datetime(2025, 4, 1, tzinfo=UTC))

    page = client.get("/issues/2025/")

    months = re.findall(r'<a href="#month-(\d+)">', page.text)
    assert months == re.findall(r'<h2 id="month-(\d+)"', page.text) == ["2", "3", "4"]  # Taipei's February
    assert page.text.index("冬天。") < page.text.index("春天的一句。")
    assert "2025 年合訂本" in page.text
    assert "data-share" in page.text


def test_a_sent_issue_keeps_back_a_post_that_became_a_draft(client):
    shown, hidden = make_post("公開"), make_post("收回", published_at=None)
    issue = make_issue(shown, hidden, sent_at=PUBLISHED_AT)

    page = client.get(issue.get_absolute_url())

    assert "公開" in page.text
    assert "收回" not in page.text


def test_an_issue_that_was_not_sent_does_not_exist(client):
    issue = make_issue(make_post())

    assert client.get(issue.get_absolute_url()).status_code == 404
    assert client.get("/issues/99999/").status_code == 404


def test_an_issue_leads_to_those_before_and_after_that_were_sent(client):
    first, last = make_issue(number=1, sent_at=PUBLISHED_AT), make_issue(number=4, sent_at=PUBLISHED_AT)
    make_issue(number=2)
    middle = make_issue(number=3, sent_at=PUBLISHED_AT)

    page = client.get(middle.get_absolute_url())

    assert f'rel="prev" href="{first.get_absolute_url()}"' in markup(page)
    assert f'rel="next" class="neighbours-next" href="{last.get_absolute_url()}"' in markup(page)
    assert "lineit/share?url=https%3A%2F%2Fnews.example.org%2Fissues%2F3%2F" in markup(page)


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("line", "https://social-plugins.line.me/lineit/share?url="),
        ("facebook", "https://www.facebook.com/sharer/sharer.php?u="),
        ("threads", "https://www.threads.com/intent/post?url="),
        ("x", "https://x.com/intent/post?url="),
    ],
)
def test_the_short_address_in_a_mail_leads_on_to_the_service(client, service, target):
    make_issue(number=3, sent_at=PUBLISHED_AT)

    response = client.get(f"/issues/3/{service}/")

    assert (response.status_code, response.headers["X-Robots-Tag"]) == (302, "noindex")
    assert response.headers["Location"] == f"{target}https%3A%2F%2Fnews.example.org%2Fissues%2F3%2F"
    assert not response.cookies


@pytest.mark.parametrize("path", ["/issues/3/elsewhere/", "/issues/4/line/", "/issues/5/line/"])
def test_nothing_leads_to_another_service_or_to_an_issue_that_was_not_sent(client, path):
    make_issue(number=3, sent_at=PUBLISHED_AT)
    make_issue(number=4)

    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/issues/", "/issues/7/", "/issues/2026/", "/start-here/"])
def test_a_page_asks_the_database_as_often_for_thirty_as_for_three_and_five_times_at_most(client, path):
    image = Image.objects.create(digest="0123456789abcdef", name="a.png", width=9, height=9, sizes={"webp": [9]})
    posts = [make_post(body=image.markdown, tags=("ai",)) for _ in range(3)]
    issue = make_issue(*posts, number=7, introduction=image.markdown, sent_at=PUBLISHED_AT)
    issue.mark_corrected("更正。", PUBLISHED_AT)
    StartingPoint.objects.create(post=posts[0], reason="先讀這篇。")
    few = uncached_queries(client, path)
    for number in range(8, 37):
        make_issue(make_post(tags=("ai",)), number=number, sent_at=PUBLISHED_AT)
    for position in range(27):
        IssueItem.objects.create(issue=issue, post=make_post(), position=position + 3)
    many = uncached_queries(client, path)

    assert len(few) == len(many) <= 5, "\n".join(many)


def test_home_is_kept_until_the_next_slot_or_post(monkeypatch):
    make_publication(cadence_anchor_on=date(2025, 1, 9), cadence_at=time(8))
    slot = datetime(2025, 1, 9, 0, tzinfo=UTC)  # 8:00 in Taipei
    monkeypatch.setattr(timezone, "now", lambda: slot - timedelta(minutes=40))
    assert home(RequestFactory().get("/")).cache_until == slot

    make_post(published_at=slot - timedelta(minutes=20))

    assert home(RequestFactory().get("/")).cache_until == slot - timedelta(minutes=20)


def test_years_of_the_archive_lead_to_their_contents(client):
    make_issue(make_post("甲文"), number=1, subject="第一", sent_at=datetime(2024, 5, 1, tzinfo=UTC))
    make_issue(make_post("乙文"), number=2, subject="第二", sent_at=datetime(2025, 5, 1, tzinfo=UTC))
    make_issue(make_post("丙文"), number=3, subject="第三", sent_at=datetime(2025, 6, 1, tzinfo=UTC))

    archive, year = client.get("/issues/"), client.get("/issues/2025/")

    assert re.findall(r'<a href="/issues/(\d{4})/">\d{4} <span class="tags-count">(\d)<', archive.text) == [
        ("2025", "2"),
        ("2024", "1"),
    ]
    assert re.findall(r"</span>(第.)</a>|>(.文)</a>", year.text) == [
        ("第二", ""),
        ("", "乙文"),
        ("第三", ""),
        ("", "丙文"),
    ]
    assert "2 issues with 2 posts, about 2 minutes in one go." in year.text
    assert 'rel="prev" href="/issues/2024/"' in markup(year)
    assert 'rel="next"' not in markup(year).split("</head>")[1]


def test_an_issue_whose_number_is_a_year_comes_before_that_year(client):
    make_issue(number=2025, subject="很多期之後", sent_at=datetime(2025, 5, 1, tzinfo=UTC))

    assert ">很多期之後</h1>" in client.get("/issues/2025/").text


def test_somebody_new_is_handed_what_the_author_has_chosen(client):
    one, two = make_post("甲文"), make_post("乙文")
    StartingPoint.objects.create(post=one, reason="先讀這篇。", position=2)
    StartingPoint.objects.create(post=two, reason="再讀這篇。", position=1)
    StartingPoint.objects.create(post=make_post("草稿", published_at=None), reason="還沒寫完。")

    page = client.get("/start-here/")

    order = ["乙文</a>", "再讀這篇。", "甲文</a>", "先讀這篇。"]
    assert [page.text.index(part) for part in order] == sorted(page.text.index(part) for part in order)
    assert "草稿" not in page.text
    assert 'href="/start-here/"' in client.get("/").text


def test_a_publication_that_pauses_shows_no_form(client):
    make_publication(takes_readers=False)

    home = client.get("/").text

    assert "takes no new readers at present" in home
    assert 'name="email"' not in home
    assert "The next issue leaves on" not in home


def test_a_missing_page_helps_to_find_it(client):
    page = client.get("/nothing-here/")

    assert page.status_code == 404
    assert "There is no page here" in page.text
    assert 'action="/search/"' in page.text
    assert 'class="masthead-name"' in page.text


def test_the_page_of_a_failure_needs_no_database(rf, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = server_error(rf.get("/"))

    assert page.status_code == 500
    assert "<h1>" in page.text
    assert 'href="/static/site.css"' in page.text


def test_a_closed_door_says_so_in_the_look_of_the_site(rf):
    with translation.override("en"):
        page = permission_denied(rf.get("/"), PermissionDenied())

    assert page.status_code == 403
    assert "You cannot open this page" in page.text
    assert 'class="masthead-name"' in page.text


def test_on_the_web_everybody_reads_the_word_for_those_who_gave_no_name(client):
    make_issue(make_post(), number=7, introduction="{稱呼|朋友}，你好：早安。", sent_at=PUBLISHED_AT)

    for path in ("/issues/7/", "/issues/feed.xml", "/issues/", "/"):
        page = client.get(path).text
        assert path == "/" or "朋友，你好：早安。" in page, path
        assert "{稱呼" not in page, path


def test_an_issue_of_one_post_of_its_name_shows_the_title_once(client):
    make_issue(make_post("留白"), number=7, subject="留白", sent_at=PUBLISHED_AT)
    make_issue(make_post("留白之二"), number=8, subject="審稿", sent_at=PUBLISHED_AT)

    once, other = (re.findall(r"<h[12][^>]*>.*?</h[12]>", client.get(f"/issues/{n}/").text) for n in (7, 8))

    assert "".join(once).count("留白") == 1
    assert "".join(other).count("留白之二") == 1
