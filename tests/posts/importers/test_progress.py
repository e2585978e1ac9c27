"""How far a move is, on a terminal: a bar, how many, how fast, and how long the rest takes."""

from io import StringIO

import pytest
from django.core.management import call_command

from newsletter.posts.importers.progress import Progress
from tests.factories import make_publication


def lines(total, *moments):
    clock = iter([0.0, *moments])
    progress = Progress(total, lambda: next(clock))
    return [progress.line("post-1").rstrip() for _moment in moments]


def test_the_bar_fills_and_the_rest_is_guessed_after_some_seconds():
    first, second, third, last = lines(4, 1.0, 10.0, 15.0, 16.0)

    assert first == "██████░░░░░░░░░░░░░░░░░░ 1/4  post-1"
    assert second == "████████████░░░░░░░░░░░░ 2/4  0/s  0:10 left  post-1"
    assert third.startswith("██████████████████░░░░░░ 3/4  0/s  0:05 left")
    assert last.startswith("████████████████████████ 4/4")


@pytest.mark.parametrize("total", [0, 1])
def test_more_than_were_counted_fill_the_bar_and_no_more(total):
    assert lines(total, 5.0, 6.0)[1].startswith("█" * 24 + f" 2/{total}  0/s  0:00 left")


def test_a_long_name_leaves_the_line_one_line():
    progress = Progress(9, lambda: 0.0)

    assert len(progress.line("甲" * 300)) == 100


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.django_db
@pytest.mark.parametrize(("stream", "shows"), [(Terminal, True), (StringIO, False)])
def test_the_command_shows_it_on_a_terminal_alone(tmp_path, stream, shows):
    make_publication()
    for number in range(3):
        (tmp_path / f"p{number}.md").write_text("內文")
    told = stream()

    call_command("import_posts", tmp_path, dry_run=True, stdout=StringIO(), stderr=told, no_color=True)

    assert ("3/3" in told.getvalue()) is shows
