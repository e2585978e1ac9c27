"""Whatever is wrong with a copy is found, and nothing is said of one that is right."""

from datetime import timedelta
from email.policy import SMTP

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from newsletter.delivery import rehearsal as checks
from newsletter.delivery.letter.rendering import build_copy
from newsletter.delivery.rehearsal import PictureReference, References, find_references, unsaved_mailing
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post

SITE = "https://news.example.org"


@pytest.fixture
def mailing(issue):
    return unsaved_mailing(issue, "", NOW)


@pytest.fixture
def octets(mailing):
    return written(mailing)


def written(mailing):
    reader = Subscriber(pk=5, email="reader@example.org", name="王小明")
    return build_copy(mailing, reader, ids=(1, 2)).message(policy=SMTP).as_bytes()


def told(remarks):
    return [(one.level, one.text) for one in remarks]


# --- Headers ---


def test_the_headers_of_our_own_letter_are_right(octets, mailing):
    [remark] = checks.check_headers(octets, mailing)

    assert (remark.level, remark.text) == ("ok", "17 header fields, all as they should be.")


def test_a_site_without_https_has_no_button_to_leave(settings, issue):
    settings.SITE_URL = "http://news.example.org"
    mailing = unsaved_mailing(issue, "", NOW)

    [remark] = checks.check_headers(written(mailing), mailing)

    assert remark.level == "warning"
    assert remark.hint == "It needs a SITE_URL that begins with https (RFC 8058)."


@pytest.mark.parametrize(
    ("subject", "letters"),
    [
        ("AI 的下一步", "AI"),
        ("GPT-5 與 AI：先問再做", "GPTAI"),
        ("AI的下一步", ""),  # no space, and none comes in
        ("AI 的 next step", ""),
        ("管理 槓桿，讓管理變省力", ""),
        ("AI 好", ""),  # 6 octets
    ],
)
def test_a_subject_that_spam_filters_take_for_shouting_is_told_and_no_other(issue, subject, letters):
    issue.subject = subject
    mailing = unsaved_mailing(issue, "", NOW)

    found = [one for one in checks.check_headers(written(mailing), mailing) if "capitals" in one.text]

    expected = [] if not letters else [f"all its Latin letters are capitals ({letters})."]
    assert [one.text.partition("shouting: ")[2] for one in found] == expected
    assert all(one.level == "info" and "0.5 points" in one.hint for one in found)


# --- The text part ---


# --- Links ---


@pytest.mark.parametrize("path", ["/", "/about/", "/subscribe/", "/issues/7/", "/feed.xml", "", "/unsubscribe/x/"])
def test_pages_of_this_site_are_found(issue, path):
    [remark] = checks.check_own_links(References(links=[SITE + path]), issue, NOW)

    assert (remark.level, remark.text) == ("ok", "1 link to this site works, and any reader can open it.")


@pytest.mark.parametrize(
    "path", ["/nowhere/", "/issues/8/", "/p/99999/", "/tags/none/", "/media/0123456789abcdef/a.png"]
)
def test_an_address_of_this_site_with_nothing_there_is_an_error(issue, path):
    [remark] = checks.check_own_links(References(links=[SITE + path]), issue, NOW)

    assert (remark.level, remark.text) == ("error", f"Nothing is there on this site: {SITE}{path}")


def test_a_tag_must_have_a_public_post_when_the_letter_leaves(issue):
    make_post("明天", published_at=NOW + timedelta(days=1), tags=("soon",))
    link = References(links=[f"{SITE}/tags/soon/"])

    early, later = (
        [one.level for one in checks.check_own_links(link, issue, NOW + timedelta(days=days))] for days in (0, 2)
    )

    assert (early, later) == (["error"], ["ok"])


def test_a_post_must_be_public_when_the_letter_leaves(issue):
    post = make_post("明天", published_at=NOW + timedelta(days=1))
    link = References(links=[f"{SITE}{post.get_absolute_url()}?from=mail#s1"])

    early, later = (
        checks.check_own_links(link, issue, NOW),
        checks.check_own_links(link, issue, NOW + timedelta(days=2)),
    )

    assert [one.level for one in (*early, *later)] == ["error", "ok"]


def test_an_issue_that_was_sent_is_found(issue):
    make_issue(number=3, sent_at=NOW)

    [remark] = checks.check_own_links(References(links=[f"{SITE}/issues/3/"]), issue, NOW)

    assert remark.level == "ok"


def test_a_link_that_works_in_no_mail_is_an_error(issue):
    found = checks.check_own_links(References(links=["/p/1/", "#s1", "mailto:a@example.org"]), issue, NOW)

    assert told(found) == [("error", "This link works in no mail: /p/1/"), ("error", "This link works in no mail: #s1")]


def test_another_site_whose_name_begins_like_ours_is_not_ours():
    assert not checks.is_own_url("https://news.example.org.evil.example/")
    assert checks.is_own_url("https://news.example.org/about/")


# --- Pictures ---


@pytest.fixture
def pictures(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    for name, size in {"ok.png": 1_000, "heavy.jpg": 700_000, "new.webp": 1_000, "logo.png": 900}.items():
        default_storage.save(f"aaaa/{name}", ContentFile(b"x" * size))
    return f"{SITE}/media/aaaa/"


def looked_at(*shown, logo_url=""):
    return told(checks.check_pictures(References(pictures=list(shown)), logo_url=logo_url))


def test_pictures_that_are_right_are_counted_and_weighed(pictures):
    assert looked_at(
        PictureReference(pictures + "ok.png", "圖", True),
        PictureReference(pictures + "logo.png", "", True),
        logo_url=pictures + "logo.png",
    ) == [("ok", "2 pictures, together 1.9\xa0KB.")]


def test_pictures_whose_bucket_is_away_are_not_called_lost(lost_bucket):
    shown = PictureReference(f"{SITE}/media/0123456789abcdef/ok.png", "圖", True)

    assert looked_at(shown) == [("warning", "The pictures could not be looked at: where they lie does not answer.")]


def test_a_letter_without_pictures_is_weighed_by_nobody():
    assert looked_at() == [("ok", "There are no pictures.")]


@pytest.mark.parametrize(
    ("name", "alt", "has_width", "level", "text"),
    [
        ("lost.png", "圖", True, "error", "This picture is lost: lost.png"),
        ("heavy.jpg", "圖", True, "warning", "This picture weighs 683.6\xa0KB: heavy.jpg"),
        ("new.webp", "圖", True, "warning", "Outlook does not show this picture: new.webp"),
        ("ok.png", None, True, "warning", "Those who do not see this picture learn nothing of it: ok.png"),
        ("ok.png", " ", True, "warning", "Those who do not see this picture learn nothing of it: ok.png"),
        ("ok.png", "圖", False, "info", "Outlook shows this picture as wide as its file, for it has no width: ok.png"),
    ],
)
def test_what_is_wrong_with_a_picture_is_told(pictures, name, alt, has_width, level, text):
    assert looked_at(PictureReference(pictures + name, alt, has_width)) == [(level, text)]


def test_a_picture_of_another_site_is_told(pictures):
    [(level, text)] = looked_at(PictureReference("https://other.example/a.png", "圖", True))

    assert (level, text) == (
        "warning",
        "This picture comes from another site, which sees who reads: https://other.example/a.png",
    )


def test_many_pictures_together_may_be_too_heavy(pictures):
    found = looked_at(*[PictureReference(pictures + "heavy.jpg", "圖", True)] * 3)

    assert found[-1] == ("warning", "All pictures together weigh 2.0\xa0MB; on the way that takes long.")


# --- What a mail refers to ---


def test_links_are_read_once_in_their_order_with_entities_resolved():
    found = find_references(
        '<a href="https://b/?x=1&amp;y=2">乙</a><a href="https://a/">甲</a><a href="https://a/">甲</a><a name="x">'
    )

    assert found.links == ["https://b/?x=1&y=2", "https://a/"]


@pytest.mark.parametrize(
    ("html", "picture"),
    [
        ('<img src="/a.png" alt="圖" width="6" height="4">', PictureReference("/a.png", "圖", has_width=True)),
        ('<img src="/a.png" alt="" width="6">', PictureReference("/a.png", "", has_width=True)),
        ('<img src="/a.png">', PictureReference("/a.png", None, has_width=False)),
    ],
)
def test_a_picture_without_alt_is_another_than_one_with_an_empty_alt(html, picture):
    assert find_references(html).pictures == [picture]
