"""Whoever has an issue can see what was changed in it since: word by word, when, why, and how many have which text."""

import re
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.utils import timezone

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Delivery, MailingStep
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.readers import changes
from newsletter.delivery.readers.changes import parse_letter
from newsletter.delivery.templatetags.changed import was_changed
from newsletter.issues.models import Issue, prefetch_whole
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from tests.factories import finish_batches, make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import assert_valid, markup

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def now():
    return timezone.now() - timedelta(days=2)


@pytest.fixture
def issue(now):
    make_publication()
    post = make_post("談提問", body="先問為什麼，再問怎麼做。\n\n一共 41 人。", published_at=now - HOUR)
    issue = make_issue(post, number=42, subject="秋天", introduction="大家好。", closing="下期見。")
    for name in "abc":
        make_subscriber(f"{name}@example.org")
    return issue


def send(mailing, now, *, sent=None):
    """Let a mailing reach its readers, or only the first `sent` of them."""
    assert beginning.plan_mailing(mailing, now)
    reached = mailing.deliveries.order_by("seq").values_list("pk", flat=True)[:sent]
    for pk in reached:
        mailing.deliveries.filter(pk=pk).update(state=Delivery.State.SENT)
    finish_batches(mailing)
    mailing.finish(now)


def approve(issue, now):
    return approving.approve(issue, send_at=None, now=now, hold=timedelta())


def correct(issue, now, note="人數錯了。"):
    return approving.schedule_correction(issue, note=note, send_at=None, now=now, hold=timedelta())


def edit(post, old, new, now):
    Post.objects.filter(pk=post.pk).update(body=post.body.replace(old, new), updated_at=now)


def page_of(client, number=42):
    caches["pages"].clear()
    return client.get(f"/issues/{number}/changes/")


def marks(page, tag):
    return re.findall(f"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)


def test_a_correction_is_shown_word_by_word_with_its_reason_and_its_readers(client, issue, now):
    send(approve(issue, now), now)
    edit(issue.posts.get(), "41", "14", now + HOUR)
    send(correct(issue, now + 2 * HOUR), now + 2 * HOUR, sent=2)

    page = page_of(client)

    assert_valid(page.text)
    assert (marks(page, "del"), marks(page, "ins")) == (["41"], ["14"])
    assert "人數錯了。" in page.text
    text = markup(page)
    assert re.findall(r'<h2 id="version-\d">(.*?)</h2>', text) == ["As it was sent", "Correction, mailed"]
    assert re.findall(r"(\d) readers? (?:has|have) this text", text) == ["1", "2"]


def test_only_the_lines_that_were_changed_are_shown(client, issue, now):
    edit(
        issue.posts.get(),
        "一共 41 人。",
        "一共 41 人。\n\n" + "很長的一段。" * 50 + "\n\n還有 3 天。\n\n尾聲。",
        now - HOUR,
    )
    send(approve(issue, now), now)
    post = issue.posts.get()
    edit(post, "41", "14", now + HOUR)
    post.refresh_from_db()
    edit(post, "3 天", "5 天", now + HOUR)

    shown = re.search(r'<div class="prose changes">(.*?)</div>', page_of(client).text, re.DOTALL)[1]

    assert re.sub("<[^>]*>", "", shown) == "一共4114人。\n⋯\n還有35天。"


def leads_to_changes(client):
    return 'href="/issues/42/changes/"' in client.get("/issues/42/").text


def test_the_page_of_the_issue_leads_there_once_its_text_was_changed_without_a_word(client, issue, now):
    send(approve(issue, now), now)
    before = leads_to_changes(client)
    edit(issue.posts.get(), "41", "14", now + HOUR)

    assert (before, leads_to_changes(client)) == (False, True)


def test_an_issue_that_nobody_touched_asks_nothing_about_changes(issue, now, django_assert_num_queries):
    send(approve(issue, now), now)
    Post.objects.update(updated_at=now - HOUR)
    Issue.objects.update(updated_at=now - HOUR)
    issue.refresh_from_db()
    prefetch_whole([issue], timezone.now())

    with django_assert_num_queries(0):
        assert not was_changed(issue)


def test_an_issue_that_was_not_changed_says_so(client, issue, now):
    send(approve(issue, now), now)

    page = page_of(client)

    assert "Nothing was changed since this issue was sent." in page.text
    assert marks(page, "del") == marks(page, "ins") == []


def test_what_was_changed_on_the_web_alone_is_shown_too(client, issue, now):
    send(approve(issue, now), now)
    edit(issue.posts.get(), "再問怎麼做", "再問怎麼做、誰來做", now + HOUR)

    page = page_of(client)

    assert marks(page, "ins") == ["、誰來做"]
    assert "Changed on the web" in page.text
    assert "Not mailed" in page.text


def test_a_mended_link_is_a_change_although_its_words_are_the_same(client, issue, now):
    post = issue.posts.get()
    edit(post, "先問", "[先問](https://a.example/)", now - HOUR)
    send(approve(issue, now), now)
    post.refresh_from_db()
    edit(post, "a.example", "b.example", now + HOUR)

    page = page_of(client)

    assert (marks(page, "del"), marks(page, "ins")) == (["a"], ["b"])


def test_of_a_post_that_was_taken_back_nothing_is_told(client, issue, now):
    secret = make_post("不該說的", body="老闆的秘密。", published_at=now - HOUR)
    issue.items.create(post=secret, position=1)
    send(approve(issue, now), now)
    Post.objects.filter(pk=secret.pk).update(published_at=None, body="更大的秘密。", updated_at=now + HOUR)

    page = page_of(client)

    assert page.status_code == 200
    assert "秘密" not in page.text
    assert "不該說的" not in page.text


def test_of_a_text_that_was_taken_out_only_that_and_when_is_told(client, issue, now):
    first = approve(issue, now)
    send(first, now)
    edit(issue.posts.get(), "41", "王小明", now + HOUR)
    leak = correct(issue, now + 2 * HOUR, note="小明說的。")
    send(leak, now + 2 * HOUR)
    edit(issue.posts.get(), "王小明", "14", now + 3 * HOUR)
    assert "王小明" in page_of(client).text

    assert changes.withhold(leak, "他要求的。", timezone.now())

    page = client.get("/issues/42/changes/")  # without waiting for what is kept to grow old
    assert_valid(page.text)
    assert "小明" not in page.text
    assert "他要求的" not in page.text
    assert "What it said was taken out of this list on" in page.text
    assert (marks(page, "del"), marks(page, "ins")) == (["41"], ["14"])  # of the first and the web


def test_what_followed_a_first_text_that_was_taken_out_does_not_tell_it(client, issue, now):
    first = approve(issue, now)
    send(first, now)
    edit(issue.posts.get(), "41", "14", now + HOUR)
    changes.withhold(first, "有名字。", now)

    page = page_of(client)

    assert marks(page, "del") == marks(page, "ins") == []
    assert "一共" not in markup(page).split("<main")[1].split("</main>")[0]
    assert "What was changed is not shown: the text before it was taken out." in page.text
    assert leads_to_changes(client)


def test_a_text_is_put_back_as_it_was(client, issue, now):
    first = approve(issue, now)
    send(first, now)
    edit(issue.posts.get(), "41", "14", now + HOUR)
    before = page_of(client).text
    changes.withhold(first, "有名字。", now)

    assert changes.show_again(first, "弄錯了。", now)
    assert page_of(client).text == before
    assert not changes.show_again(first, "弄錯了。", now)


def test_what_is_still_being_sent_cannot_be_taken_out(issue, now):
    mailing = approve(issue, now)
    assert beginning.plan_mailing(mailing, now)
    mailing.refresh_from_db()

    assert not changes.withhold(mailing, "有名字。", now)
    assert not mailing.steps.filter(what=MailingStep.Kind.WITHHELD).exists()


def test_what_was_replaced_while_it_was_being_sent_is_owned_up_to(client, issue, now):
    mailing = approve(issue, now)
    send(mailing, now)
    mailing.record(MailingStep.Kind.REPLACED, "hash", now + HOUR)

    assert "Some of them got an earlier text, which was not kept." in page_of(client).text


@pytest.mark.parametrize("path", ["/issues/43/changes/", "/issues/44/changes/", "/issues/042/changes/"])
def test_what_was_not_sent_from_here_has_no_changes(client, issue, now, path):
    make_issue(number=43)
    make_issue(number=44, sent_at=now)  # an archive from elsewhere

    assert client.get(path).status_code == 404


def test_mailings_to_two_segments_with_one_text_are_one(client, issue, now):
    first = approve(issue, now)
    send(first, now, sent=1)
    second = approving._schedule(  # as a later mailing to the others makes it
        type(first)(issue=issue, segment="-vip", approved_at=now, send_at=now), freeze_letter(issue)
    )
    type(first).objects.filter(pk=second.pk).update(content_hash=first.content_hash)
    make_subscriber("d@example.org")
    send(second, now + HOUR)

    assert len(re.findall(r'id="version-\d"', page_of(client).text)) == 1


def make_post_with_everything(issue):
    body = "## 小標\n\n- 一\n- 二\n\n> [!NOTE]\n> 要記得。\n\n> 引言。\n\n用 AI 寫。"
    issue.items.create(post=make_post("全部", body=body), position=1)


@pytest.mark.parametrize("look", Publication.MailLook.values)
def test_in_every_look_a_letter_says_the_same_words(issue, look):
    make_publication(look=look, signature="**Gipi**")
    make_post_with_everything(issue)

    parts = parse_letter(freeze_letter(issue, "更正的話").html)

    post, other = issue.posts.order_by("items__position")
    assert [part.post for part in parts] == [0, post.pk, other.pk, 0]
    own, first, second, closing = (part.text for part in parts)
    assert own == "秋天\n大家好。"
    assert first.endswith("談提問\n先問為什麼，再問怎麼做。\n一共41人。")
    assert second.endswith("全部\n小標\n一\n二\nNote\n要記得。\n引言。\n用AI寫。")
    assert closing == "下期見。\nGipi"
