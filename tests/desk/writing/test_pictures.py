"""Pictures in a browser: chosen from the library, described, put in, and made the cover."""

from base64 import b64encode

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.planning import approving
from newsletter.posts.models import Image, Post
from newsletter.publication.pictures.uploads import prepare_picture
from tests.desk.test_autosave import until
from tests.factories import make_issue
from tests.publication.pictures.test_uploads import picture
from tests.support.page_checks import (
    assert_accessible,
    assert_accessible_in_both_schemes,
    assert_accessible_wide_and_narrow,
)

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def make_image(alt: str) -> Image:
    return Image.objects.get_or_store(
        prepare_picture(picture("JPEG", size=(90 + Image.objects.count(), 60))), "p.jpg", alt
    )[0]


@pytest.fixture
def images(post) -> list[Image]:
    return [make_image(alt) for alt in ("三個圓圈", "一張 [長] 桌", "團隊")]


def body(editor) -> str:
    return editor.input_value("#id_body")


def open_library(editor, words: str = "") -> None:
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+End")
    editor.keyboard.press("Control+/")
    editor.keyboard.press("Enter")
    editor.locator(".pictures-one").first.wait_for()
    if words:
        editor.keyboard.insert_text(words)
        editor.keyboard.press("Enter")


def test_a_picture_of_the_library_is_put_in_by_keys_gets_a_caption_and_undo_takes_both_out(images, editor, post):
    open_library(editor, "長")
    editor.locator(".pictures-one").nth(1).wait_for(state="detached")
    assert_accessible(editor)
    for key in ("Tab", "Tab", "Tab", "Enter"):  # search, upload, the picture
        editor.keyboard.press(key)
    assert editor.evaluate("document.activeElement.id") == "id_body"
    url = images[1].get_absolute_url()
    put_in = f"{post.body}\n\n![一張 \\[長\\] 桌]({url})\n\n"
    assert body(editor) == put_in
    editor.locator(".editor-margin button").press("Enter")
    assert editor.input_value("#editor-alt") == "一張 [長] 桌"
    assert_accessible(editor)
    editor.fill("#editor-caption", '他說 "好"')
    editor.keyboard.press("Enter")

    until(editor, lambda: body(editor) == put_in.replace(f"({url})", f'({url} "他說 “好”")'))
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+z")
    assert body(editor) == put_in
    editor.keyboard.press("Control+z")
    assert body(editor) == post.body
    assert Image.objects.get(pk=images[1].pk).alt == "一張 [長] 桌"


DROP = """async ([names, data]) => {
    const files = new DataTransfer();
    const bytes = Uint8Array.from(atob(data), (one) => one.codePointAt(0));
    for (const [index, name] of names.entries()) // a byte behind its end makes each another file, not another picture
        files.items.add(new File([bytes, new Uint8Array([index])], name, {type: 'image/jpeg'}));
    const field = document.querySelector('#id_body');
    field.focus();
    field.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true}));
    return field.value;
}"""


def drop(editor, *names: str) -> str:
    data = b64encode(picture("JPEG", size=(91, 61))).decode()
    shown: str = editor.evaluate(DROP, [names, data])
    return shown


def test_dropped_pictures_stand_in_the_text_at_once_and_their_words_are_asked_for_beside_them(editor, post):
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+End")

    shown = drop(editor, "a[1].jpg", "b.jpg")

    assert shown == f"{post.body}\n\n![Uploading a1.jpg…](#upload-1)\n\n![Uploading b.jpg…](#upload-2)\n\n"
    until(editor, lambda: "#upload" not in body(editor))
    image = Image.objects.get()
    assert body(editor) == f"{post.body}\n\n![]({image.get_absolute_url()})\n\n![]({image.get_absolute_url()})\n\n"
    editor.locator(".editor-margin button", has_text="Say what it shows").first.press("Enter")
    editor.fill("#editor-alt", "三個圓圈")
    editor.keyboard.press("Enter")
    until(editor, lambda: "![三個圓圈]" in body(editor))
    until(editor, lambda: Image.objects.get().alt == "三個圓圈")
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+z")
    editor.keyboard.press("Control+z")
    assert body(editor) == post.body


def test_what_is_typed_during_an_upload_stays_where_it_is(editor, post):
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+End")
    drop(editor, "a.jpg")
    editor.keyboard.insert_text("下一段")
    until(editor, lambda: "#upload" not in body(editor))
    editor.keyboard.insert_text("接著寫")

    assert body(editor) == f"{post.body}\n\n![]({Image.objects.get().get_absolute_url()})\n\n下一段接著寫"


def test_a_cut_upload_is_published_and_sent_by_nobody_and_is_offered_again(editor, post, tmp_path):
    cut = "前\n\n![夜景.jpg 上傳中……](#upload-4)\n\n後"
    Post.objects.update(body=cut)
    editor.reload()
    editor.get_by_role("link", name="Publish…").click()
    editor.get_by_role("button", name="Publish now").click()
    editor.get_by_text("A picture has not been uploaded whole.").wait_for()
    assert editor.locator(".bar-state").inner_text().startswith("draft")
    assert Post.objects.get().published_at is None
    Post.objects.publish(timezone.now())
    assert Post.objects.get().published_at is None
    issue = make_issue(post)
    assert "有一張圖沒有傳完。請重新上傳，或把它拿掉。" in approving.obstacles(issue, timezone.now())

    editor.goto(editor.url.partition("#")[0])
    file = tmp_path / "夜景.jpg"
    file.write_bytes(picture("JPEG", size=(91, 61)))
    with editor.expect_file_chooser() as opened:
        editor.get_by_role("button", name="Upload the picture again…").click()
    opened.value.set_files(file)
    until(editor, lambda: "#upload" not in body(editor))
    assert Image.objects.get().get_absolute_url() in body(editor)


@pytest.mark.exhaustive
def test_a_caption_stands_below_the_picture_and_a_changed_text_counts_for_this_post_alone(images, editor, post):
    open_library(editor)
    editor.click(".pictures-one >> nth=0")
    editor.locator(".editor-margin button").press("Enter")
    editor.fill("#editor-alt", "我們的團隊")
    editor.fill("#editor-caption", "二〇二六年")
    editor.keyboard.press("Escape")
    until(editor, lambda: "二〇二六年" in body(editor))
    editor.keyboard.press("Control+s")
    editor.locator(".saving-said", has_text="Saved: ").wait_for()

    saved = Post.objects.get()
    assert "<figcaption>二〇二六年</figcaption>" in saved.html
    assert 'alt="我們的團隊"' in saved.html
    assert Image.objects.get(pk=images[2].pk).alt == "團隊"
    assert list(saved.pictures.all()) == [images[2]]


def test_a_picture_of_the_typed_text_can_be_the_cover_and_any_other_of_the_library_too(images, editor, post):
    for number in range(14):
        make_image(f"更新的 {number}")
    oldest = images[0]
    editor.reload()
    editor.click("[data-aside=tab-details]")
    cover = editor.locator("[data-cover]")
    assert cover.locator(f"[value='{oldest.digest}']").count() == 0
    editor.locator("#id_body").fill(f"{post.body}\n\n{oldest.markdown}")
    editor.keyboard.press("Escape")  # the panel comes back
    cover.get_by_role("radio", name="三個圓圈").check()
    assert editor.locator(".cover-shown img").get_attribute("src") == oldest.get_absolute_url()

    cover.get_by_role("button", name="Another picture…").click()
    editor.locator("#pictures .pictures-one").first.wait_for()
    editor.fill("#pictures [type=search]", "團隊")
    editor.keyboard.press("Enter")
    editor.locator("#pictures .pictures-one").nth(1).wait_for(state="detached")
    editor.click("#pictures .pictures-one")
    assert cover.get_by_role("radio", name="團隊").is_checked()
    editor.keyboard.press("Control+s")
    editor.locator(".saving-said", has_text="Saved: ").wait_for()

    assert Post.objects.get().cover == images[2]


@pytest.mark.exhaustive
def test_the_library_and_the_cover_have_no_barrier_and_fit_a_small_phone(images, editor, server, post):
    paths = (reverse("admin:posts_image_changelist"), reverse("admin:posts_image_change", args=[images[0].pk]))
    for path in (*paths, reverse("admin:posts_image_add")):
        editor.goto(server.url + path)
        assert_accessible_wide_and_narrow(editor)
    editor.goto(server.url + reverse("admin:posts_post_change", args=[post.pk]))
    editor.click("[data-aside=tab-details]")
    assert_accessible_in_both_schemes(editor)
    editor.click("[data-aside-close]")
    open_library(editor)
    assert_accessible_in_both_schemes(editor)
    assert editor.evaluate("document.querySelector('#pictures').scrollWidth <= innerWidth - 32")
