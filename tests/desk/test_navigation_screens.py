"""The frame, the lists and the settings in a real browser: by thumb, by keys, by day and by night."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from newsletter.api.tokens import SCOPES
from newsletter.delivery.models import Answer, Reply
from newsletter.delivery.planning import approving
from newsletter.issues.models import StartingPoint
from newsletter.posts.models import Image, Pattern, Tag
from newsletter.publication.models import Publication
from subscribers.models import Sentence, Suppression, address_hash
from tests.factories import make_issue, make_post, make_subscriber, make_token
from tests.support.page_checks import assert_accessible_wide_and_narrow

pytestmark = pytest.mark.browser
TAP = 44  # pixels that a thumb needs (WCAG 2.2, 2.5.5)


@pytest.fixture
def screens(desk) -> list[str]:
    """The addresses of each kind of page that the stock admin makes, and of the settings."""
    now = timezone.now()
    post = make_post("一篇標題很長很長很長很長很長很長很長很長很長很長的文章", tags=("很長的標籤",))
    approving.approve(make_issue(post), send_at=now + timedelta(days=2), now=now, hold=timedelta())
    reader = make_subscriber("tree.by.the.river.in.the.evening.of.a.long.day@mail.example.net", name="名字很長的讀者")
    Sentence.objects.store(reader, "feedback", "第三段關於留白的例子最有用，想知道你們團隊怎麼跟主管談。", now, issue=5)
    files = [{"number": 1, "name": "很長的檔名" * 12 + ".pdf", "kind": "application/pdf", "size": 4}]
    wrote = {"sender": reader.email, "sender_name": "名字很長的讀者", "subject": "Re: 第五期", "received_at": now}
    said = {"text": "https://example.org/" + "a" * 200, "quoted": "> 第五期", "files": files}
    reply = Reply.objects.create(key="k", subscriber=reader, **wrote, **said)
    Answer.objects.write(reply, "不客氣", now, "gipi")
    Suppression.objects.create(email="gone@example.org", address_hash=address_hash("gone@example.org"))
    image = Image.objects.create(name="x.png", alt="圖", digest="x" * 16, width=1, height=1)
    StartingPoint.objects.create(post=post, reason="先讀這篇。")
    tag = Tag.objects.get().pk
    pattern = Pattern.objects.create(title="每週選讀", body="## 一")
    lists = (
        "posts_post",
        "posts_pattern",
        "posts_tag",
        "posts_series",
        "posts_image",
        "posts_redirect",
        "api_token",
        "subscribers_subscriber",
        "subscribers_suppression",
        "issues_startingpoint",
        "issues_kepttext",
    )
    names = ("", "letter/", "look/", "sender/", "rhythm/", "newcomers/", "words/", "feeds/", "security/", "record/")
    names = (*names, "advanced/", "machines/", "sender/dns/")
    return [
        *(f"/admin/settings/{name}" for name in names),
        *("/admin/account/", "/admin/account/app/", "/admin/password_change/", "/admin/posts/"),
        *(reverse(f"admin:{name}_changelist") for name in lists),
        f"{reverse('admin:subscribers_subscriber_changelist')}?q=nobody",
        f"{reverse('admin:reader_sentences')}?all=1",
        f"{reverse('admin:reader_replies')}?show=all",
        reverse("admin:reader_reply", args=[reply.pk]),
        reverse("admin:subscribers_subscriber_change", args=[reader.pk]),
        reverse("admin:posts_pattern_change", args=[pattern.pk]),
        reverse("admin:posts_image_change", args=[image.pk]),
        *(
            f"{reverse('admin:posts_post_change', args=[post.pk])}{part}"
            for part in ("", "../delete/", "../versions/", "../../trash/")
        ),
        reverse("admin:issues_kepttext_add"),
        *(reverse(f"admin:posts_tag_{name}", args=[tag]) for name in ("change", "delete", "history")),
        reverse("admin:api_token_change", args=[make_token(User.objects.get(), SCOPES)[0].pk]),
        *(
            reverse(f"admin:{name}_add")
            for name in ("api_token", "issues_startingpoint", "subscribers_suppression", "posts_image")
        ),
    ]


@pytest.mark.exhaustive
@pytest.mark.parametrize("half", [0, 1])  # of the pages: all of them take a minute on a busy machine
def test_no_page_has_a_barrier_or_is_wider_than_a_phone(desk, server, screens, half):
    for path in screens[half::2]:
        desk.goto(server.url + path)
        assert_accessible_wide_and_narrow(desk)


def test_on_a_phone_the_words_stand_at_the_foot_where_a_thumb_reaches_them(desk, server):
    desk.set_viewport_size({"width": 320, "height": 640})
    desk.goto(server.url + "/admin/settings/letter/")
    boxes = [link.bounding_box() for link in desk.locator(".words li a").all()]

    assert all(box["width"] >= TAP and box["height"] >= TAP for box in boxes)
    assert all(abs(box["y"] + box["height"] - 640) < 2 for box in boxes)
    assert desk.locator(".desk-bar").bounding_box()["y"] == 0  # the button to save is not behind them


def test_a_setting_that_is_not_saved_is_asked_about_before_it_is_left(desk, server):
    asked = []
    desk.on("dialog", lambda dialog: asked.append(dialog.type))
    desk.goto(server.url + "/admin/settings/letter/")
    desk.locator("#id_name").fill("A new name")
    assert desk.get_by_role("status").inner_text() == "Not saved yet"

    desk.get_by_role("link", name="Look", exact=True).click()
    desk.wait_for_url("**/look/")
    assert asked == ["beforeunload"]

    desk.goto(server.url + "/admin/settings/letter/")
    desk.locator("#id_name").fill("A new name")
    desk.locator(".desk-bar [type=submit]").click()
    desk.get_by_text("Saved.").wait_for()
    desk.get_by_role("link", name="Look", exact=True).click()
    desk.wait_for_url("**/look/")
    assert asked == ["beforeunload"]  # what is saved is left without a question


@pytest.mark.exhaustive
def test_the_bar_of_a_post_stands_at_the_top_of_a_wide_screen_and_of_a_phone(desk, server):
    desk.goto(server.url + "/admin/posts/post/add/")
    bar = desk.locator(".desk-bar")

    for width in (1280, 375):
        desk.set_viewport_size({"width": width, "height": 640})
        assert bar.bounding_box()["y"] == 0
        assert bar.bounding_box()["height"] <= desk.locator("#id_title").bounding_box()["y"]


@pytest.mark.exhaustive
def test_on_a_phone_the_preview_stands_in_place_of_the_text_and_gives_it_back(desk, server):
    desk.set_viewport_size({"width": 375, "height": 720})
    desk.goto(server.url + "/admin/posts/post/add/")
    desk.locator("#id_body").fill("Words.")
    desk.keyboard.press("Escape")  # while one types, there is only the text
    preview = desk.get_by_role("button", name="Preview", exact=True)

    preview.click()
    desk.frame_locator(".editor-preview").get_by_text("Words.").wait_for()
    shown = desk.locator(".editor-preview").bounding_box()
    assert not desk.locator("#id_body").is_visible()
    assert shown["y"] + 300 <= 720  # in sight, not below the text

    preview.click()
    assert desk.locator("#id_body").is_visible()
    assert desk.locator("#id_body").input_value() == "Words."


@pytest.mark.exhaustive
def test_what_can_be_done_to_many_comes_with_the_first_tick_and_moves_nothing(desk, server):
    for letter in "abc":
        Tag.objects.create(name=letter, slug=letter)
    desk.set_viewport_size({"width": 375, "height": 640})
    desk.goto(server.url + "/admin/posts/tag/")
    bar, row = desk.locator("#changelist-form .actions"), desk.locator(".action-select").last
    shown, before = bar.is_visible(), row.bounding_box()

    row.check()
    after, place, foot = row.bounding_box(), bar.bounding_box(), desk.locator(".words").bounding_box()
    bar.get_by_role("combobox").select_option("delete_selected")
    bar.get_by_role("button").click()

    desk.wait_for_selector(".delete-selected-confirmation")

    assert (shown, after) == (False, before)
    assert place["y"] + place["height"] <= foot["y"]


def test_keys_alone_lead_past_the_words_and_through_them(desk, server):
    desk.goto(server.url + "/admin/posts/tag/")

    desk.keyboard.press("Tab")
    first = desk.evaluate("document.activeElement.textContent.trim()")
    desk.keyboard.press("Enter")
    after = desk.evaluate("document.activeElement.id")
    desk.goto(server.url + "/admin/posts/tag/")
    desk.locator(".words li a", has_text="Settings").focus()
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/admin/settings/")

    assert (first, after) == ("Skip to content", "content-start")


@pytest.mark.exhaustive
def test_on_a_phone_nothing_that_the_keys_come_to_is_behind_the_words(desk, server):
    for number in range(12):
        make_subscriber(f"reader{number}@example.org")
    desk.set_viewport_size({"width": 375, "height": 640})
    desk.goto(server.url + reverse("admin:subscribers_subscriber_changelist"))
    top = desk.locator(".words").bounding_box()["y"]

    desk.locator("#result_list a").first.focus()
    bottoms = []
    while desk.evaluate("document.activeElement !== document.body && !document.activeElement.closest('.words')"):
        bottoms.append(desk.evaluate("document.activeElement.getBoundingClientRect().bottom"))
        desk.keyboard.press("Tab")

    assert len(bottoms) > 20
    assert max(bottoms) <= top
    desk.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = desk.locator("#content-main").bounding_box()
    assert last["y"] + last["height"] <= top


@pytest.mark.exhaustive
def test_a_setting_is_saved_without_a_script_and_on_a_phone(desk, browser, server, settings):
    [cookie] = [one for one in desk.context.cookies() if one["name"] == settings.SESSION_COOKIE_NAME]
    phone = browser.new_context(java_script_enabled=False, viewport={"width": 375, "height": 640})
    phone.add_cookies([cookie])
    page = phone.new_page()
    page.goto(server.url + "/admin/")

    page.click(".words li a >> text=Settings")
    page.click("text=Rhythm")
    page.fill("[name=hold_minutes]", "9")
    page.click(".desk-bar [type=submit]")
    said = page.locator(".messagelist").text_content()
    phone.close()

    assert said.strip() == "Saved."
    assert Publication.objects.get().hold_minutes == 9
