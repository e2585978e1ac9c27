"""What an author does who has written elsewhere until now."""

import pytest

from newsletter.desk.models import PostImport
from tests.desk.moving_in.conftest import ghost_zip

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def export(tmp_path):
    file = tmp_path / "blog.zip"
    file.write_bytes(ghost_zip())
    return file


@pytest.mark.doors(
    "admin:move_in",
    "admin:move_in_try",
    "admin:move_in_stop",
    "admin:move_in_go_on",
    "admin:move_in_begin",
    "admin:move_in_numbers",
)
def test_posts_and_issues_of_an_export_are_read_here(author, stranger, export, machine):
    author.opens_desk("move_in")
    author.attaches("file", export)
    author.goes("See what it is")
    author.goes("Try it, without writing")
    author.goes("Stop")
    author.goes("Go on")
    machine.works()
    author.opens_desk("move_in_import", PostImport.objects.get().pk)
    author.goes("Posts and issues")
    author.goes("Let posts and issues move in")
    machine.works()

    stranger.opens("/issues/")
    stranger.goes("Issue 1: 第一封", inside="main")
    stranger.sees("Post 1")


@pytest.mark.doors("admin:move_in", "admin:reader_import_consent")
def test_a_list_of_readers_goes_on_with_the_import_of_readers(author, tmp_path):
    file = tmp_path / "readers.csv"
    file.write_text("E-mail,First name\nlin@example.org,Lin\n")
    author.opens_desk("move_in")
    author.attaches("file", file)
    author.goes("See what it is")
    author.types(consent="They signed up there.")
    author.goes("Go on to the columns")
    author.sees("lin@example.org")
