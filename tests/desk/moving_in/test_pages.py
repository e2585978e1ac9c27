"""Posts move in on the desk: from the file, by what would happen, to what became of it."""

import re
import stat
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.urls import reverse
from django.utils import timezone

from newsletter.desk import tasks
from newsletter.desk.jobs import working
from newsletter.desk.models import EXPORTS_LIFETIME, Errand, PostImport
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from newsletter.publication.changes import Change
from tests.desk.moving_in.conftest import (
    MOVE_IN,
    drop,
    ghost,
    ghost_zip,
    packed,
    page,
    page_url,
    post,
    press,
    said,
    work,
)
from tests.factories import make_helper, make_issue

OF_MARKDOWN = {
    "blog__hugo.toml": "title = 'x'",
    "blog__content__posts__one.md": "---\ntitle: One\ndate: 2024-01-01\n---\n見[二](two.md)。\n\n![圖](one.png)",
    "blog__content__posts__two.md": "---\ntitle: Two\ndate: 2024-01-02\n---\n[一](/posts/one/)",
}


def test_a_blog_moves_in_step_by_step(admin_client, settings):
    assert "blog.zip" in said(drop(admin_client, ghost_zip()))
    assert not Post.objects.exists()

    press(admin_client, "try", site="https://old.example")
    found = work()
    tried = said(page(admin_client))
    assert (found.state, found.program) == ("tried", "Ghost")
    assert "Ghost · blog.zip" in tried
    assert "3 posts · 1 page · 1 draft · 1 picture" in tried
    assert "Every difference has a name." in tried
    assert "Post 3 a form is kept as a comment" in tried
    assert "2 posts were mailed there." in tried
    assert not Post.objects.exists()
    assert not Change.objects.exists()

    press(admin_client, "begin")
    found = work()

    assert (found.state, found.counts["created"], found.links) == ("done", 5, 1)
    one, two = Post.objects.get(title="Post 1"), Post.objects.get(title="Post 2")
    assert one.body == f"甲，見[乙]({two.get_absolute_url()})。"
    assert two.body.startswith("乙\n\n![團隊](/media/")
    assert Post.objects.get(title="Post 5").published_at is None
    assert admin_client.get("/post-1/").headers["Location"] == one.get_absolute_url()
    assert Change.objects.get().title == "Ghost: blog.zip"
    assert "1 link between posts leads to the new place." in said(page(admin_client))
    assert not Issue.objects.exists()
    assert outbox.outbox == []


def test_a_folder_of_hugo_comes_as_a_zip(admin_client):
    drop(admin_client, packed(**OF_MARKDOWN))
    press(admin_client, "try")
    work()
    tried = said(page(admin_client))
    press(admin_client, "begin")
    work()

    assert "Hugo · blog.zip tried, nothing written yet 2 posts" in tried
    one, two = Post.objects.order_by("published_at")
    assert (one.source, two.source) == ("markdown:content/posts/one.md", "markdown:content/posts/two.md")
    assert f"見[二]({two.get_absolute_url()})。" in one.body
    assert two.body == f"[一]({one.get_absolute_url()})"
    assert "a picture stays at its old address: one.png" in said(page(admin_client))


def test_the_account_can_be_taken_along(admin_client):
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    pk = work().pk

    shown = admin_client.get(f"{MOVE_IN}{pk}/account.html")

    assert "a form is kept as a comment" in shown.text
    assert shown.headers["Content-Disposition"].endswith(f'-{pk}.html"')


# --- What is refused, with the reason ---


def bomb() -> bytes:
    return packed(**{"blog.json": b" " * (11 * 1024**2)})


REFUSED = {
    "a zip bomb": ("x.zip", bomb(), "a member is packed too tightly to be honest (a zip bomb): 'blog.json'"),
    "a name that leads out": (
        "x.zip",
        packed(**{"..__x.json": "{}"}),
        "a member leads out of the archive: '../x.json'",
    ),
    "an absolute name": ("x.zip", packed(**{"__etc__x.json": "{}"}), "a member has an absolute name: '/etc/x.json'"),
    "an entity": (
        "x.xml",
        b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel/></rss>',
        "it declares a document type or an entity, which no export of WordPress does",
    ),
    "no export": ("x.zip", packed(**{"a.txt": "x"}), "no program is known that writes such a file"),
    "no JSON": ("x.json", b'{"db": [', "it is no JSON: Expecting value: line 1 column 9 (char 8)"),
    "no text": ("x.json", b'[{"title": "\xff", "html": ""}]', "it is not UTF-8 text: "),
}


@pytest.mark.parametrize(("name", "content", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_come_in_is_refused_with_its_reason(admin_client, settings, name, content, reason):
    drop(admin_client, content, name)
    press(admin_client, "try")
    found = work()

    shown = page(admin_client)
    assert found.state == "failed"
    assert reason in shown.text.replace("&#x27;", "'")
    assert "Try it, without writing" in shown.text
    assert [one.name for one in settings.DATA_DIR.glob("imports/*/*")] == [found.file]


def test_a_reason_is_said_in_the_language_of_the_desk(admin_client, publication):
    publication.language = "zh-hant"
    publication.save()

    drop(admin_client, bomb(), "x.zip")
    press(admin_client, "try")
    work()

    assert "壓縮得太緊" in admin_client.get(page_url(), headers={"accept-language": "zh-TW"}).text


def test_an_address_that_is_none_is_refused(admin_client):
    drop(admin_client, ghost_zip())

    response = press(admin_client, "try", site="javascript:alert(1)")

    assert response.status_code == 400
    assert "This is no address of a site." in response.text
    assert PostImport.objects.get().state == "ready"


def test_pictures_are_never_asked_for_in_our_own_network(admin_client):
    drop(admin_client, ghost(post(1, '<p>甲</p><img src="http://169.254.169.254/a.png">')), "x.json")

    press(admin_client, "try", fetches="on")
    work()

    assert "a picture stays at its old address: http://169.254.169.254/a.png (" in said(page(admin_client))


def test_a_file_that_is_too_large_is_answered_with_the_command(admin_client):
    response = admin_client.generic("POST", MOVE_IN, b"x", CONTENT_LENGTH=65 * 1024**2, content_type="text/plain")

    assert response.status_code == 413
    assert "uv run manage.py import_posts PATH --dry-run" in response.text


# --- A list of readers ---


def test_a_list_of_readers_goes_on_where_readers_are_imported(admin_client):
    response = drop(admin_client, b"id,email,name\n1,a@example.org,Ann\n", "members.csv")

    errand = Errand.objects.get()
    consent = reverse("admin:reader_import_consent", args=[errand.pk])
    assert response.redirect_chain[-1][0] == consent
    assert "This file is a list of readers." in response.text
    assert not PostImport.objects.exists()
    assert admin_client.get(reverse("admin:reader_import_columns", args=[errand.pk])).headers["Location"] == consent

    columns = admin_client.post(consent, {"consent": "at the old place"}, follow=True)

    assert "<bdi>a@example.org</bdi>" in columns.text
    errand.refresh_from_db()
    assert errand.options == {"consent": "at the old place"}


def test_a_text_with_addresses_is_a_list_of_readers(admin_client):
    drop(admin_client, b"a@example.org\nb@example.org\n", "readers.txt")

    assert Errand.objects.exists()


def test_whoever_may_not_import_readers_is_told_so(client):
    client.force_login(make_helper("editor"))

    response = drop(client, b"email\na@example.org\n", "members.csv")

    assert response.status_code == 403
    assert not Errand.objects.exists()


# --- Stopped, killed, forgotten ---


def test_it_can_be_stopped_and_goes_on_where_it_stood(admin_client, monkeypatch):
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    work()
    press(admin_client, "begin")
    working.work(PostImport, timezone.now(), seconds=0)  # one post
    press(admin_client, "stop")
    assert work().state == "stopped"
    assert Post.objects.count() == 1
    assert "stopped What was done until then stays." in said(page(admin_client))

    press(admin_client, "go-on")
    found = work()

    assert (found.state, found.counts["created"], found.links) == ("done", 5, 1)
    assert Post.objects.count() == 5


def test_a_page_shows_how_far_it_is_and_leads_to_itself_without_scripts(admin_client):
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    working.work(PostImport, timezone.now(), seconds=0)  # converted
    working.work(PostImport, timezone.now(), seconds=0)

    shown = page(admin_client).text
    assert "Look again</a>" in shown
    assert re.search(r'<progress max="5"\s+value="1"', shown)
    work()
    assert "Look again</a>" not in page(admin_client).text


def test_a_page_says_when_no_worker_is_there(admin_client):
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    assert "It waits for a worker" not in said(page(admin_client))

    PostImport.objects.update(begun_at=timezone.now() - timedelta(minutes=2))

    assert "It waits for a worker, and goes on by itself once there is one." in said(page(admin_client))


def test_the_file_is_private_and_goes_after_a_week(admin_client, settings):
    drop(admin_client, ghost_zip())
    [folder] = settings.DATA_DIR.glob("imports/*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}

    press(admin_client, "try")
    work()
    assert (folder / "posts" / "account.json").exists()
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.rglob("*") if file.is_file()} == {0o600}

    tasks.remove_old_files()
    assert folder.exists()
    PostImport.objects.update(created_at=timezone.now() - EXPORTS_LIFETIME - timedelta(seconds=1))
    tasks.remove_old_files()

    assert not folder.exists()
    assert "The file was deleted after a week." in said(page(admin_client))
    press(admin_client, "begin")
    assert PostImport.objects.get().state == "tried"


def test_what_is_begun_twice_is_begun_once(admin_client):
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    work()
    press(admin_client, "begin")

    assert "It was begun already, or its file is gone." in press(admin_client, "begin").text
    work()
    assert Post.objects.count() == 5


# --- Issues of the archive ---


def numbers(client, **values):
    pk = PostImport.objects.latest("pk").pk
    return client.post(f"{MOVE_IN}{pk}/numbers/", {"begin": "1", **values}, follow=True)


def test_what_was_mailed_becomes_issues_with_the_numbers_that_were_corrected(admin_client):
    make_issue(number=1)
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    work()
    proposed = press(admin_client, "begin", as_issues="1")
    assert [line["number"].value() for line in proposed.context["lines"]] == [2, 3]

    wrong = numbers(admin_client, **{"number-0": "1", "number-1": "x"})
    assert wrong.status_code == 400
    assert wrong.text.count("Another issue has this number.") == wrong.text.count("This is no number of an issue.") == 1
    twice = numbers(admin_client, **{"number-0": "7", "number-1": "7"})
    assert twice.text.count("Another issue has this number.") == 2
    assert PostImport.objects.get().state == "tried"

    numbers(admin_client, **{"number-0": "7", "subject-0": "創刊", "number-1": "8", "subject-1": ""})
    numbers(admin_client, **{"number-0": "9", "subject-0": "太晚", "number-1": "10", "subject-1": ""})  # another tab
    found = work()

    assert (found.state, found.issues) == ("done", 2)
    made = Issue.objects.exclude(imported_at=None).order_by("number").values_list("number", "subject")
    assert list(made) == [(7, "創刊"), (8, "第二封")]
    assert "2 issues were made; nothing was mailed." in said(page(admin_client))
    assert outbox.outbox == []


def test_what_became_an_issue_once_gets_no_second_number(admin_client):
    for _time in range(2):
        drop(admin_client, ghost_zip())
        press(admin_client, "try")
        work()
        found = PostImport.objects.first()
        lines = admin_client.get(f"{MOVE_IN}{found.pk}/numbers/").context["lines"]
        numbers(admin_client, **{"number-0": "1", "number-1": "2"})
        work()

    assert lines == []
    assert Issue.objects.count() == 2


def test_a_post_without_a_number_becomes_no_issue(admin_client):
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    work()

    numbers(admin_client, **{"number-0": "", "number-1": "5"})
    work()

    assert list(Issue.objects.values_list("number", flat=True)) == [5]


def test_a_number_that_was_taken_meanwhile_is_asked_for_again(admin_client):
    drop(admin_client, ghost_zip())
    press(admin_client, "try")
    work()
    numbers(admin_client, **{"number-0": "7", "number-1": "8"})
    make_issue(number=8)

    found = work()

    assert (found.state, Issue.objects.exclude(imported_at=None).count()) == ("failed", 0)
    shown = said(page(admin_client))
    assert "these numbers are in use, or stand twice: 8" in shown
    assert "Correct the numbers" in shown
    numbers(admin_client, **{"number-0": "7", "number-1": "9"})
    assert (work().state, Issue.objects.exclude(imported_at=None).count()) == ("done", 2)


# --- The account ---


def moved(client, content: bytes = b"", name: str = "blog.zip") -> PostImport:
    drop(client, content or ghost_zip(), name)
    press(client, "try")
    work()
    press(client, "begin")
    return work()


def test_why_a_post_was_left_out_is_said_with_the_colon_of_the_language(admin_client, publication):
    publication.language = "zh-hant"
    publication.save()
    empty = {"blog__content__posts__two.md": "---\ntitle: Two\ndate: 2024-01-02\n---\n"}
    found = moved(admin_client, packed(**(OF_MARKDOWN | empty)))

    assert "沒有收：沒有內文" in said(admin_client.get(f"{MOVE_IN}{found.pk}/"))
    assert "退回：沒有內文" in " ".join(admin_client.get(f"{MOVE_IN}{found.pk}/account.html").text.split())


def test_a_post_that_loses_words_stands_first_and_in_colour(admin_client):
    many = "<form>x</form><script>y</script><canvas></canvas>"
    drop(admin_client, ghost(post(1, f"<p>甲</p>{many}"), post(2, '<p>乙</p><video src="a.mp4"><p>後</p>')), "b.json")
    press(admin_client, "try", site="")
    work()

    html = page(admin_client).text
    assert html.index("Post 2") < html.index('<li class="is-bad">words missing: 後</li>') < html.index("Post 1")
    assert '<tr class="is-changed is-bad">' in html
    assert re.search(r'<span class="phrase is-bad">\s*embeds 1 → 0', html)


def test_whoever_brings_a_file_of_ghost_is_asked_where_the_site_was(admin_client):
    asked = "Ghost's file does not say where the site was. Say it"
    drop(admin_client, ghost(post(1, '<p><img src="__GHOST_URL__/content/images/a.png"></p>')), "b.json")
    press(admin_client, "try")
    work()
    assert asked in page(admin_client).text.replace("&#x27;", "'")

    press(admin_client, "try", site="https://old.example")
    work()

    tried = page(admin_client).text.replace("&#x27;", "'")
    assert asked not in tried
    assert "a picture stays at its old address: https://old.example/content/images/a.png" in tried
