"""A POST with an Idempotency-Key has its effect once, whatever fails."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from newsletter.api import idempotency, tasks
from newsletter.api.endpoints import post_writing
from newsletter.api.models import KeptAnswer
from newsletter.api.problems import Problem
from newsletter.operation.accounts.roles import READER_CARE
from newsletter.posts.models import Post
from newsletter.publication.changes import Change
from tests.api.conftest import Program
from tests.factories import make_helper, make_post

pytestmark = pytest.mark.django_db
TEXT = {"title": "題", "body": "文"}


def _post(program, key, body=TEXT):
    return program.post("/posts", body, idempotency_key=key)


def test_asked_twice_a_post_is_written_once_and_the_answer_is_the_same(editor):
    first, second = _post(editor, "a"), _post(editor, "a")

    assert Post.objects.count() == 1
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for name in ("Location", "ETag", "Content-Type"):
        assert second.headers[name] == first.headers[name]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_key_is_one_tokens_and_one_addresss_own(editor):
    other, draft = Program(editor.user), make_post(published_at=None)
    _post(editor, "a")
    _post(other, "a")

    published = editor.post(f"/posts/{draft.pk}/publish", match="*", idempotency_key="a")

    assert Post.objects.count() == 3
    assert published.json()["state"] == "published"


def test_a_key_with_another_body_is_refused(editor):
    _post(editor, "a")

    answer = _post(editor, "a", TEXT | {"title": "x"})

    assert answer.status_code == 422
    assert answer.json()["title"] == "The Idempotency-Key was used for something else"
    assert Post.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 201, "é"])
def test_a_post_without_a_key_that_can_be_kept_is_refused(editor, key):
    answer = _post(editor, key)

    assert (answer.status_code, answer.json()["title"]) == (400, "There is no Idempotency-Key")
    assert not Post.objects.exists()


def test_a_retry_after_success_is_not_told_that_the_state_has_changed(editor):
    """It names the state from before its own first try."""
    draft = make_post(published_at=None)
    seen = editor.get(f"/posts/{draft.pk}").headers["ETag"]

    answers = [editor.post(f"/posts/{draft.pk}/publish", match=seen, idempotency_key="a") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert Change.objects.filter(what="published").count() == 1


def test_while_a_request_works_another_with_its_key_is_told_to_wait(editor):
    with idempotency.claim_key(_request("a", TEXT), editor.token):
        answer = _post(editor, "a")

    assert answer.status_code == 409
    assert answer.headers["Retry-After"] == "5"


def test_a_failure_in_the_middle_takes_all_back_and_the_key_can_be_used_again(editor, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(post_writing, "posts_json", lambda posts: 1 / 0)
        failed = _post(editor, "a")

    assert failed.status_code == 500
    assert not Post.objects.exists()
    assert _post(editor, "a").status_code == 201


def test_the_claim_of_a_process_that_died_is_given_up_after_a_minute(editor, time_machine):
    time_machine.move_to("2026-05-01 10:00:00+08:00", tick=False)
    idempotency._claim(editor.token, "a", "/api/v1/posts", idempotency._digest(_request("a", TEXT)), timezone.now())
    time_machine.shift(59)
    early = _post(editor, "a")
    time_machine.shift(1)
    late = _post(editor, "a")

    assert (early.status_code, late.status_code) == (409, 201)
    assert Post.objects.count() == 1


def test_who_lost_the_claim_takes_the_work_back(editor, time_machine):
    time_machine.move_to("2026-05-01 10:00:00+08:00", tick=False)
    slow = idempotency._claim(
        editor.token, "a", "/api/v1/posts", idempotency._digest(_request("a", TEXT)), timezone.now()
    )
    time_machine.shift(61)
    _post(editor, "a")

    with pytest.raises(Problem, match="conflict"):
        slow.store_response(HttpResponse("{}"))
    slow.release()
    assert _post(editor, "a").headers["Idempotency-Replayed"] == "true"


def test_after_a_day_an_answer_is_forgotten(editor, time_machine):
    time_machine.move_to("2026-05-01 10:00:00+08:00", tick=False)
    _post(editor, "a")
    time_machine.shift(timedelta(hours=24).total_seconds() + 1)
    _post(editor, "b")

    assert KeptAnswer.objects.count() == 1
    assert _post(editor, "b").headers["Idempotency-Replayed"] == "true"


def test_a_form_is_known_again_though_its_boundary_is_new():
    def digest(text, boundary):
        file = SimpleUploadedFile("a.png", b"png")
        return idempotency._digest(RequestFactory().post("/", {"alt": text, "file": file}))

    assert digest("a", "x") == digest("a", "y")
    assert digest("a", "x") != digest("b", "x")


def _request(key, body=None):
    headers = {"idempotency-key": key}
    return RequestFactory().post("/api/v1/posts", body or {}, content_type="application/json", headers=headers)


def test_who_lost_the_claim_keeps_no_answer_while_the_other_is_at_work(editor, time_machine):
    time_machine.move_to("2026-05-01 10:00:00+08:00", tick=False)
    of_the_key = (editor.token, "a", "/api/v1/posts", idempotency._digest(_request("a", TEXT)))
    slow = idempotency._claim(*of_the_key, timezone.now())
    time_machine.shift(61)
    other = idempotency._claim(*of_the_key, timezone.now())

    with pytest.raises(Problem, match="conflict"):
        slow.store_response(HttpResponse("{}"))
    slow.release()
    other.store_response(HttpResponse("{}"))


def test_the_answer_that_is_given_again_is_the_tokens_own(editor):
    _post(Program(editor.user), "a")
    mine = _post(editor, "a")

    again = _post(editor, "a")

    assert again.headers["Location"] == mine.headers["Location"]


def test_no_address_is_in_what_is_kept_of_an_answer(editor):
    program = Program(make_helper(READER_CARE, name="clara"))
    key, new = "gone@example.org", {"email": "gone@example.org", "consent": "ja"}
    first = program.post("/readers", new, idempotency_key=key)

    kept = str(KeptAnswer.objects.values().get())
    second = program.post("/readers", new, idempotency_key=key)

    assert "gone" not in kept
    assert (second.status_code, second.json()) == (first.status_code, {"email": "gone@example.org", "status": "asked"})
    assert second.headers["Idempotency-Replayed"] == "true"


def test_what_is_kept_goes_after_a_day_though_nobody_asks_again(editor):
    _post(editor, "a")
    _post(editor, "b")
    KeptAnswer.objects.filter(pk=KeptAnswer.objects.first().pk).update(claimed_at=timezone.now() - timedelta(hours=25))

    tasks.forget_answers()

    assert KeptAnswer.objects.count() == 1
