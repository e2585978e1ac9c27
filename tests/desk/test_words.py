"""The words of the desk in Traditional Chinese: no page leaves English behind, or speaks like a dictionary."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.issues.models import StartingPoint
from newsletter.posts.models import Image, Tag
from subscribers.models import ReaderCounts, Suppression, address_hash
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db

# What a Taiwanese editor would strike out: words of Django's, and how it puts a name between two of them.
AWKWARD = re.compile(
    r"用戶|哈希|鹽值|雜湊|對象|鏈結|鏈接|鏈接|物件|被選|項目被|來修改|更多用戶|數據庫|默認|登錄|激活|視頻|信息|"
    r"[一-鿿] [一-鿿]{1,6} 來|新增 [一-鿿]|刪除 [一-鿿]|編輯 [一-鿿]|修改 [一-鿿]|搜尋 [一-鿿]|成功的|\d 中 \d|删"
)
# Names, and what has no Chinese word: everything else of three letters or more is English left over.
KNOWN = re.compile(
    r"\b(?:Gipi|Markdown|CSV|JPEG|PNG|GIF|WebP|SMTP|DNS|SPF|DKIM|DMARC|App|Esc|Ctrl|Mac|Command|Chrome|Linux|HTML|RFC"
    r"|API|Obsidian|Ghost|Substack|WordPress|CAN-SPAM|GDPR|Token|TOKEN|Asia|English|Gmail|Yahoo|AI|ICS|TW|JP|https?|security\.txt|well-known|UTC|KB|MB|(?:MAILBOX|BACKUP)_URL"
    r"|png|locmem|Webhook|editor|Seen at|Seen version)\b"  # the label of a field that is not shown; the name of a role
)
IGNORED = re.compile(
    r"<(script|style|template|textarea|svg|code|pre)\b.*?</\1>|<select.*?</select>|<head>.*?</head>", re.DOTALL
)
ATTRIBUTES = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"')
ADDRESS = re.compile(r"\S+@\S+|https?://\S+|/[\w./<>-]+|\b[0-9a-f]{12,}\b")  # and the hash of a letter


def words_of(html: str) -> str:
    """The text of a page, including alternative texts and labels."""
    shown = IGNORED.sub(" ", html).replace("<wbr>", "")
    buttons = re.findall(r'<input[^>]*type="submit"[^>]*value="([^"]*)"', shown)
    text = re.sub(r"<[^>]*>", "\n", shown)
    return unescape("\n".join([text, *ATTRIBUTES.findall(shown), *buttons]))


@pytest.fixture
def pages(db) -> list[str]:
    """The addresses of what an author meets of the stock admin, with a row on each, and of the settings."""
    now = timezone.now()
    make_publication(name="Gipi", author="Gipi", language="zh-hant")
    post, issue = make_post("標題", tags=("ai",)), make_issue(make_post("甲"), subject="主旨")
    mailing = approving.approve(issue, send_at=now + timedelta(days=2), now=now, hold=timedelta())
    gone = Suppression.objects.create(email="gone@example.org", address_hash=address_hash("gone@example.org"))
    rows = {
        "posts_post": post.pk,
        "posts_tag": Tag.objects.get().pk,
        "posts_image": Image.objects.create(name="x.png", alt="圖", digest="x" * 16, width=1, height=1).pk,
        "issues_issue": make_issue(make_post("乙"), subject="另一期").pk,
        "issues_startingpoint": StartingPoint.objects.create(post=post, reason="好").pk,
        "subscribers_subscriber": make_subscriber(name="某人").pk,
        "subscribers_suppression": gone.pk,
        "auth_user": make_helper("writer", name="helper").pk,
        "auth_group": Group.objects.get(name="editor").pk,
    }
    of_lists = [reverse(f"admin:{name}_changelist") for name in (*rows, "delivery_mailing")]
    searched = [f"{path}?q=zzz" for path in of_lists if "group" not in path and "mailing" not in path]
    of_rows = [
        reverse(f"admin:{name}_{screen}", args=[pk])
        for name, pk in rows.items()
        for screen in ("change", "delete", "history")
        if (name, screen)
        not in {("posts_image", "delete"), ("auth_group", "delete"), ("subscribers_subscriber", "delete")}
    ]
    added = [reverse(f"admin:{name}_add") for name in rows]
    settings = ["", "letter/", "look/", "sender/", "rhythm/", "words/", "security/", "record/", "advanced/"]
    return [
        *("/admin/account/", "/admin/password_change/", "/admin/password_change/done/", "/admin/posts/"),
        reverse("admin:mailing", args=[mailing.pk]),
        *(f"/admin/settings/{path}" for path in settings),
        *of_lists,
        *searched,
        *of_rows,
        *added,
    ]


def test_no_page_of_the_desk_leaves_english_behind_or_speaks_like_a_dictionary(pages, monkeypatch):
    from newsletter.desk.accounts import sessions

    monkeypatch.setattr(sessions, "FRESH_SECONDS", 10**9)
    client = Client()
    client.force_login(make_helper("owner", name="gipi"))
    session = client.session
    session[sessions.PROVEN_AT_KEY] = timezone.now().timestamp()
    session.save()

    said = {path: words_of(client.get(path, follow=True).text) for path in pages}

    assert {path: sorted(set(AWKWARD.findall(text))) for path, text in said.items() if AWKWARD.search(text)} == {}
    assert {path: english for path, text in said.items() if (english := _english(text))} == {}


def _english(text: str) -> list[str]:
    left = KNOWN.sub("", ADDRESS.sub("", text))
    return sorted(set(re.findall(r"[A-Za-z][A-Za-z’']{2,}(?: [A-Za-z’']+)*", left)) - {"gipi", "helper"})


def test_the_door_speaks_chinese_too(db):
    make_publication(name="Gipi", author="Gipi", language="zh-hant")
    client = Client()

    for answer in (client.get("/admin/login/"), client.post("/admin/login/", {"username": "", "password": ""})):
        assert (AWKWARD.findall(words_of(answer.text)), _english(words_of(answer.text))) == ([], [])


UNGROUPED = re.compile(r"(?<![\d.,:/#-])\d{4,}(?![\d:/年-])")  # no year, no time, no part of an address


def test_numbers_have_their_thousands_in_chinese_too(admin_client, monkeypatch):
    make_publication(name="Gipi", author="Gipi", language="zh-hant")
    monkeypatch.setattr("subscribers.admin.cached_reader_counts", lambda now: ReaderCounts(3211, 1002, 0, 1234, 0))
    now = timezone.now()
    make_subscriber("someone@example.org")
    mailing = approving.approve(make_issue(make_post("甲"), number=6), send_at=now, now=now, hold=timedelta())
    Mailing.objects.filter(pk=mailing.pk).update(total=3223)
    Tag.objects.bulk_create(Tag(name=f"標籤{letter}", slug=f"t-{letter}") for letter in range(1203))

    lists = ("subscribers_subscriber", "delivery_mailing", "posts_tag")
    said = {name: words_of(admin_client.get(reverse(f"admin:{name}_changelist")).text) for name in lists}

    assert [number in said[name] for name, number in zip(lists, ("3,211", "3,223", "1,203"), strict=True)] == [True] * 3
    shown = {name: UNGROUPED.findall(re.sub(r"標籤\d+|t-\d+", "", text)) for name, text in said.items()}
    assert shown == {name: [] for name in lists}


def test_an_empty_list_says_how_it_fills_and_offers_no_search(admin_client):
    make_publication(name="Gipi", author="Gipi", language="zh-hant")
    names = ("posts_post", "posts_image", "posts_tag", "posts_pattern", "issues_startingpoint", "issues_kepttext")
    more = ("delivery_mailing", "subscribers_subscriber", "subscribers_suppression")

    pages = {name: admin_client.get(reverse(f"admin:{name}_changelist")).text for name in (*names, *more)}

    assert [name for name, page in pages.items() if "這裡還沒有東西" in page or 'class="empty"' not in page] == []
    assert [name for name, page in pages.items() if 'type="search"' in page or "changelist-filter" in page] == []


def test_a_form_is_saved_by_one_button(admin_client):
    make_publication()
    tag = Tag.objects.create(name="題", slug="t")

    changed = admin_client.get(reverse("admin:posts_tag_change", args=[tag.pk])).text
    added = admin_client.get(reverse("admin:posts_tag_add")).text

    assert ("_save" in changed, "_addanother" in changed, "_continue" in changed) == (True, False, False)
    assert ("_save" in added, "_addanother" in added, "_continue" in added) == (True, True, False)


def test_an_issue_is_called_as_one_says_it_and_a_zone_by_its_city(admin_client):
    make_publication(name="Gipi", author="Gipi", language="zh-hant")
    issue = make_issue(make_post("甲"), number=6, subject="留白")

    page = admin_client.get(reverse("admin:issue_send", args=[issue.pk])).text
    history = admin_client.get(reverse("admin:issues_issue_history", args=[issue.pk])).text

    assert ("第 6 期　留白" in history, "#6" in page + history) == (True, False)
    assert ("台北時間" in page, "Asia/Taipei" in words_of(page)) == (True, False)


def test_the_desk_has_one_voice_in_chinese():
    texts = (settings.BASE_DIR / "newsletter/locale/zh_Hant/LC_MESSAGES/django.po").read_text()
    guide = (settings.BASE_DIR / "docs/zh-Hant/authors.md").read_text()

    assert [word for word in ("您", "書桌", "起手信", "留白", "沒有存成") if word in texts + guide] == []
