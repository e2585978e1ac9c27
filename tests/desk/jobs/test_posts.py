"""A worker takes posts in: killed anywhere, it goes on where it stood, and writes nothing twice."""

import shutil
from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.desk.jobs import files, posts, working
from newsletter.desk.models import JobLost, PostImport, PostImportEntry
from newsletter.moving.taking.posts import PostStep
from newsletter.posts.models import Image, Post
from tests.desk.moving_in.conftest import ghost, ghost_zip, post
from tests.desk.moving_in.conftest import publication as publication  # noqa: PLC0414 - a fixture
from tests.support.s3 import store_pictures_in


@pytest.fixture
def tried() -> PostImport:
    """An import of five posts that was tried."""
    return tried_of(ghost_zip())


def tried_of(content: bytes, name: str = "blog.zip") -> PostImport:
    found = posts.store_upload(name, [content], user=None, now=timezone.now())
    posts.begin_trial(found, timezone.now(), site="https://old.example", fetches=False)
    return finished(found)


def finished(found: PostImport, seconds: float = 60) -> PostImport:
    while working.work(PostImport, timezone.now(), seconds):
        pass
    found.refresh_from_db()
    return found


def begin(found: PostImport, *, as_issues: bool = False) -> PostImport:
    posts.begin(found, timezone.now(), as_issues=as_issues)
    return found


def written() -> dict[str, str]:
    return dict(Post.objects.order_by("source").values_list("source", "body"))


class Killed(BaseException):
    """What nothing catches, as a kill."""


@pytest.mark.parametrize("place", [0, 1, 4])
@pytest.mark.parametrize("where", ["written", "kept"])
def test_a_worker_that_is_killed_leaves_nothing_half_done_and_the_next_one_goes_on(tried, monkeypatch, place, where):
    begin(tried)
    real = {"written": PostStep.write, "kept": posts.keep_entry}
    count = 0

    def dies(*args, **kwargs):
        nonlocal count
        done = real[where](*args, **kwargs)
        count += 1
        if count > place:
            raise Killed
        return done

    with monkeypatch.context() as patched:
        patched.setattr(*((PostStep, "write") if where == "written" else (posts, "keep_entry")), dies)
        with pytest.raises(Killed):
            working.work(PostImport, timezone.now())
    tried.refresh_from_db()
    assert (tried.cursor, Post.objects.count()) == (place, place)
    assert working.work(PostImport, timezone.now()) is False  # the lease of the dead one holds

    PostImport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    found = finished(tried)

    assert (found.state, found.counts["created"], found.links) == ("done", 5, 1)
    assert (Post.objects.count(), found.entries.count()) == (5, 5)


def test_an_import_in_many_turns_is_the_same_as_in_one(tried, settings, tmp_path):
    found = finished(begin(tried), seconds=0)
    in_turns = written(), found.counts, found.totals
    Post.objects.all().delete()

    other = finished(begin(tried_of(ghost_zip())))

    bodies = {source: body.replace("/p/", "") for source, body in written().items()}
    assert bodies.keys() == in_turns[0].keys()
    assert (other.counts, other.totals) == in_turns[1:]


def test_one_that_gets_no_further_is_given_up_and_can_be_asked_to_go_on(tried, monkeypatch):
    begin(tried)
    with monkeypatch.context() as patched:
        patched.setattr(posts.PostFolder, "at", lambda place: 1 / 0)
        for _try in range(working.TRIES_MAX):
            with pytest.raises(ZeroDivisionError):
                working.work(PostImport, timezone.now())
            PostImport.objects.update(lease_until=None)
        assert working.work(PostImport, timezone.now()) is False
    tried.refresh_from_db()
    assert (tried.state, tried.error) == ("failed", "")

    assert posts.resume(tried, timezone.now())
    assert finished(tried).state == "done"


def test_a_file_that_is_gone_is_said_to_be(tried):
    begin(tried)
    files.path_of(tried, tried.file).unlink()
    shutil.rmtree(files.path_of(tried, posts.CONVERTED_FOLDER))

    found = finished(tried)

    assert found.state == "failed"
    assert "does not exist" in found.error


def test_a_folder_that_is_lost_on_the_way_is_converted_again_and_no_post_is_left_out(tried):
    begin(tried)
    for _post in range(2):
        working.work(PostImport, timezone.now(), seconds=0)
    assert Post.objects.count() == 2
    shutil.rmtree(files.path_of(tried, posts.CONVERTED_FOLDER))

    found = finished(tried)

    assert (found.state, found.counts["created"], found.counts["unchanged"]) == ("done", 3, 2)
    assert (Post.objects.count(), found.entries.count()) == (5, 5)


def test_a_worker_that_lost_its_lease_writes_nothing_more(tried):
    begin(tried)
    mine = working.claim(PostImport, timezone.now())
    going = posts.steps(mine)
    commit = next(going)
    PostImport.objects.update(worker="another")

    with pytest.raises(JobLost):
        working.commit(mine, commit, timezone.now())
    going.close()

    assert not Post.objects.exists()
    assert PostImportEntry.objects.filter(post=None).count() == 5


def test_a_post_that_cannot_be_read_is_left_out_and_stops_none_of_the_others():
    odd = post(1, "<p>甲</p>", title={"a": 1}, lexical='{"root": {"children": [{"type": []}]}}')
    found = finished(begin(tried_of(ghost(odd, post(2, "<p>乙</p>")), "x.json")))

    assert found.state == "done"
    assert Post.objects.filter(title="Post 2").exists()
    assert found.counts["created"] + found.counts.get("rejected", 0) == 2


def test_two_texts_of_one_name_are_two_posts_also_after_a_kill():
    found = tried_of(ghost(post(1, "<p>甲</p>"), post(2, "<p>乙</p>", id="id1")), "x.json")
    begin(found)
    working.work(PostImport, timezone.now(), seconds=0)
    assert Post.objects.count() == 1

    finished(found)

    assert written() == {"ghost:id1": "甲", "ghost:id1#2": "乙"}


def test_an_import_stops_with_a_sentence_while_the_bucket_is_away_and_goes_on(tried, lost_bucket, settings):
    found = finished(begin(tried))

    assert found.state == PostImport.State.FAILED
    assert "where pictures lie does not answer" in found.error
    assert not Image.objects.exists()

    store_pictures_in(settings, "")
    assert posts.resume(found, timezone.now())
    assert finished(found).state == PostImport.State.DONE
    assert Image.objects.count() == 1
