import pytest
from django.template import engines
from django.utils import translation

from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import as_issue, as_minutes, as_posts, entries, issue_byline
from tests.factories import PUBLISHED_AT

HARD = [("/posts/1-a/", "管理槓桿"), ('/posts/2-"b"/', "<b>甲</b> & 'O\"Neill'")]
LOOP = '{% for address, title in contents %}<li><a href="{{ address }}">{{ title }}</a></li>{% endfor %}'


def test_entries_are_what_a_template_would_write():
    written = engines["django"].from_string(LOOP).render({"contents": HARD})

    assert entries(HARD) == written
    assert "<b>" not in written


@pytest.mark.parametrize(
    ("language", "issue", "one", "many", "minutes"),
    [
        ("en", "Issue 1234", "1 post", "8 posts", "5 min read"),
        ("zh-hant", "第 1234 期", "1 篇文章", "8 篇文章", "約 5 分鐘"),
    ],
)
def test_what_it_takes_is_in_words(language, issue, one, many, minutes):
    with translation.override(language):
        assert as_issue(1234) == issue
        assert (as_posts(1), as_posts(8), as_minutes(5)) == (one, many, minutes)


@pytest.mark.parametrize(
    ("posts", "options", "words"),
    [(2, {}, ["2 posts", "5 min read"]), (0, {}, ["0 posts"]), (1, {"shows_number": True}, ["1 post", "5 min read"])],
)
def test_the_line_under_an_issue_says_when_it_was_sent_and_what_it_holds(posts, options, words):
    issue = Issue(number=42, sent_at=PUBLISHED_AT)
    issue.post_count, issue.reading_minutes = posts, 5
    sent = '<time datetime="2026-10-01T08:00:00+08:00">Oct. 1, 2026</time>'

    with translation.override("en"):
        shown = issue_byline(issue, **options)

    before = ["<span>Issue 42</span>"] if options else []
    expected = ['<p class="byline">', *before, sent, *(f"<span>{word}</span>" for word in words), "</p>"]
    assert shown.splitlines() == expected
