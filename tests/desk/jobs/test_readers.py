"""An errand from its beginning to its end, and what a kill in between leaves."""

import csv
import io
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from newsletter.desk.jobs import files, readers, working
from newsletter.desk.jobs.selection import Selection
from newsletter.desk.models import FILES_LIFETIME, Errand, PostImport
from newsletter.publication.changes import Change
from subscribers.importers import csv_file, merging
from subscribers.models import Act, Consent, Subscriber, Suppression
from tests.desk.jobs.conftest import finish
from tests.factories import make_subscriber

Kind, State = Errand.Kind, Errand.State


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch):
    monkeypatch.setattr(readers, "BATCH_READERS", 2)


@pytest.fixture
def five() -> list[Subscriber]:
    return [make_subscriber(f"r{number}@example.org", tags="old" if number == 0 else "") for number in range(5)]


def going(errand: Errand) -> Iterator[bool]:
    """Do one step each time it is asked for."""
    return (working.commit(errand, step, timezone.now()) for step in working.steps_of(errand))


def written(errand: Errand) -> list[list[str]]:
    text = files.path_of(errand, files.READERS_FILE).read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.usefixtures("five")
def test_each_reader_gets_the_tag_once_and_the_end_says_how_many(begun):
    errand = finish(begun(Kind.TAG, tag="old", reason="讀書會"))

    assert (errand.state, errand.counts, errand.total, errand.position) == ("done", {"done": 4, "already": 1}, 5, 5)
    assert Subscriber.objects.tagged("old").count() == 5
    assert set(Act.objects.values_list("what", "detail", "reason", "by")) == {("tagged", "old", "讀書會", "gipi")}
    assert Act.objects.count() == 4
    assert errand.ended_at is not None


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("kind", "options", "holds"),
    [
        (Kind.UNTAG, {"tag": "old"}, lambda: not Subscriber.objects.tagged("old").exists()),
        (Kind.PAUSE, {"until": "2030-01-01T00:00:00+08:00"}, lambda: Act.objects.filter(what="paused").count() == 5),
        (Kind.UNSUBSCRIBE, {}, lambda: Consent.objects.filter(kind="withdrew").count() == 5),
        (Kind.SUPPRESS, {"reason": "要求"}, lambda: Suppression.objects.filter(note="要求").count() == 5),
    ],
)
def test_every_kind_does_its_work_to_all(begun, kind, options, holds):
    assert finish(begun(kind, **options)).state == State.DONE
    assert holds()


def test_a_kill_in_the_middle_of_a_step_leaves_nothing_of_it_and_the_next_worker_goes_on(begun, five, monkeypatch):
    errand = begun(Kind.TAG, tag="new")
    killed = going(working.claim(Errand, timezone.now()))
    next(killed)
    monkeypatch.setattr(Errand, "save", _dies)
    with pytest.raises(SystemExit):
        next(killed)
    monkeypatch.undo()

    assert Subscriber.objects.tagged("new").count() == 2
    assert working.claim(Errand, timezone.now()) is None  # the lease of the dead
    Errand.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    errand = finish(errand)

    assert (errand.state, errand.counts) == ("done", {"done": 5})
    assert Act.objects.count() == len(five)


def _dies(*_arguments, **_options):
    raise SystemExit


@pytest.mark.usefixtures("five")
def test_a_worker_that_lost_its_lease_does_nothing_more(begun):
    begun(Kind.TAG, tag="new")
    slow = working.claim(Errand, timezone.now())
    other = working.claim(Errand, timezone.now() + Errand.LEASE * 2)
    assert other

    with pytest.raises(working.JobLost):
        next(going(slow))

    assert not Subscriber.objects.tagged("new").exists()


@pytest.mark.usefixtures("five")
def test_what_was_stopped_stays_as_it_is_and_says_so(begun):
    errand = begun(Kind.SUPPRESS)
    worker = going(working.claim(Errand, timezone.now()))
    next(worker)

    assert errand.stop(timezone.now())
    with pytest.raises(working.JobLost):
        next(worker)

    assert (errand.state, errand.counts) == ("stopped", {"done": 2})
    assert Suppression.objects.count() == 2
    assert not errand.stop(timezone.now())


@pytest.mark.usefixtures("five")
def test_a_turn_ends_and_the_next_one_goes_on(begun):
    errand = begun(Kind.TAG, tag="new")

    assert working.work(Errand, timezone.now(), seconds=0)
    assert Subscriber.objects.tagged("new").count() == 2
    assert finish(errand).counts == {"done": 5}


@pytest.mark.usefixtures("five")
def test_what_fails_again_and_again_is_given_up(begun, monkeypatch):
    errand = begun(Kind.TAG, tag="new")
    monkeypatch.setitem(readers.BULK_ACTIONS, Kind.TAG, _breaks)

    for _turn in range(working.TRIES_MAX):
        with pytest.raises(ZeroDivisionError):
            working.work(Errand, timezone.now())
        Errand.objects.update(lease_until=None)
    assert not working.work(Errand, timezone.now())

    errand.refresh_from_db()
    assert (errand.state, errand.error) == ("failed", "")
    assert Errand.objects.get().ended_at is not None


def _breaks(*_arguments):
    raise ZeroDivisionError


def test_an_export_is_whole_harmless_and_comes_back_by_an_import(begun):
    make_subscriber("a@example.org", name="=1+1", tags="老朋友,course")
    make_subscriber("b@example.org").suppress("bounced")
    for _number in range(3):
        make_subscriber()
    errand = finish(begun(Kind.EXPORT))

    rows = written(errand)
    assert (errand.counts, len(rows)) == ({"done": 5}, 6)
    assert rows[0] == ["email", "name", "state", "consent_at", "tags", "paused_until", "heard"]
    assert (rows[1][1], rows[2][2]) == ("'=1+1", "bounced")

    Subscriber.objects.all().delete()
    with csv_file.open_table(files.path_of(errand, files.READERS_FILE)) as table:
        merging.merge([row for row, _cells in table.rows_and_cells()], timezone.now(), lambda _line, _reason: None)
    back = Subscriber.objects.get(email="a@example.org")
    assert (back.name, back.tag_names, Subscriber.objects.count()) == ("=1+1", ["老朋友", "course"], 4)


@pytest.mark.usefixtures("five")
def test_a_kill_while_a_file_is_written_leaves_no_reader_twice_in_it(begun, monkeypatch):
    errand = begun(Kind.EXPORT)
    killed = going(working.claim(Errand, timezone.now()))
    next(killed)
    monkeypatch.setattr(Errand, "save", _dies)  # behind the write of the file
    with pytest.raises(SystemExit):
        next(killed)
    monkeypatch.undo()
    assert len(written(errand)) == 5

    Errand.objects.update(lease_until=None)
    rows = written(finish(errand))

    assert [row[0] for row in rows[1:]] == [f"r{number}@example.org" for number in range(5)]


def test_an_export_of_nobody_has_a_heading(begun):
    assert written(finish(begun(Kind.EXPORT, {"tag": "none"}))) == [
        ["email", "name", "state", "consent_at", "tags", "paused_until", "heard"]
    ]


@pytest.mark.usefixtures("five")
def test_a_file_is_its_owner_s_alone_and_gone_after_a_day(begun):
    errand = finish(begun(Kind.EXPORT))
    path = files.path_of(errand, files.READERS_FILE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    files.remove_old(Errand, errand.ended_at + FILES_LIFETIME - timedelta(minutes=1))
    assert path.exists()
    assert errand.has_files(errand.ended_at + FILES_LIFETIME - timedelta(minutes=1))
    assert not errand.has_files(errand.ended_at + FILES_LIFETIME)

    assert files.remove_old(Errand, errand.ended_at + FILES_LIFETIME + timedelta(minutes=1)) == 1
    assert not path.parent.exists()
    errand.refresh_from_db()
    assert errand.folder == ""


def test_the_record_of_the_desk_says_who_began_what(begun):
    errand = begun(Kind.TAG, tag="vip")

    change = Change.objects.get()
    assert (change.about, change.key, change.by, change.via) == ("desk.errand", errand.pk, "gipi", "desk")


# --- What stays of those who were looked for ---


@pytest.fixture
def looked_for(begun):
    """An errand about the readers of a search for an address."""
    make_subscriber("r1@example.org")
    sought = Selection.of_all({"q": "r1@example.org"})
    errand = begun(Kind.TAG, sought, about="狀態：訂閱中，搜尋：r1@example.org", tag="vip")
    return finish(errand)


def test_whom_an_author_looked_for_is_forgotten_a_day_after_the_end(looked_for):
    errand = looked_for

    early = files.forget_words(errand.ended_at + FILES_LIFETIME - timedelta(minutes=1))
    late = [files.forget_words(errand.ended_at + FILES_LIFETIME + timedelta(minutes=1)) for _time in range(2)]

    errand.refresh_from_db()
    assert (early, late) == (0, [1, 0])
    assert (errand.about, errand.chosen, errand.counts) == ("狀態：訂閱中，搜尋：…", {}, {"done": 1})
    assert [change.title for change in Change.objects.of(errand)] == [str(errand)]
    assert "r1@" not in str(errand)


def test_words_that_are_cut_off_are_forgotten_whole(looked_for):
    Errand.objects.update(about="搜尋：r1@exam")

    files.forget_words(looked_for.ended_at + FILES_LIFETIME + timedelta(minutes=1))

    assert Errand.objects.get().about == "…"


def test_the_columns_of_a_file_are_no_search(begun):
    errand = Errand.objects.create(
        kind=Kind.IMPORT,
        state=State.DONE,
        about="r.csv",
        chosen={"term": "name"},
        by="gipi",
        created_at=timezone.now(),
        ended_at=timezone.now() - 2 * FILES_LIFETIME,
    )

    files.forget_words(timezone.now())

    errand.refresh_from_db()
    assert (errand.about, errand.chosen) == ("r.csv", {})


@pytest.mark.parametrize("kind", [Errand, PostImport])
@pytest.mark.django_db
def test_a_folder_that_no_row_names_goes_after_a_day(settings, tmp_path, kind):
    settings.DATA_DIR = tmp_path
    folder = tmp_path / kind.SUBDIR / files.make_folder(kind)
    (folder / "r.csv").write_text("email\nr1@example.org\n")
    made = datetime.fromtimestamp(folder.stat().st_mtime, UTC)

    early = files.remove_old(kind, made + timedelta(hours=23))
    is_kept = folder.exists()
    late = files.remove_old(kind, made + timedelta(hours=25))

    assert (early, is_kept, late, folder.exists()) == (0, True, 1, False)
