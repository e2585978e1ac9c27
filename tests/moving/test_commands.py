"""`convert` and `import_posts`: one step after the other, or both at once, with the same end."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from newsletter.moving.folder.layout import post_names, read_report
from newsletter.posts.models import Image, Post
from tests.desk.moving_in.conftest import ghost_zip, packed
from tests.factories import make_publication


@pytest.fixture
def export(db, tmp_path, settings):
    settings.MEDIA_ROOT, settings.DATA_DIR = tmp_path / "media", tmp_path / "data"
    make_publication()
    (tmp_path / "blog.zip").write_bytes(ghost_zip())
    with translation.override("en"):
        yield tmp_path / "blog.zip"


def run(*words) -> list[str]:
    out = StringIO()
    call_command(*map(str, words), stdout=out)
    return out.getvalue().splitlines()


def bodies() -> dict[str, str]:
    return {post.source: post.body.replace(post.get_absolute_url(), "") for post in Post.objects.all()}


def test_an_export_is_converted_and_taken_in_by_one_command_or_by_two(export, tmp_path, settings):
    summary = json.loads(run("import_posts", export)[-1])
    at_once = bodies().keys()
    folder = tmp_path / "folder"

    assert run("convert", export, folder) == [f"Ghost: 5 posts in {folder}"]
    again = json.loads(run("import_posts", folder)[-1])

    assert summary == {"posts": 5, "created": 5, "updated": 0, "unchanged": 0, "rejected": 0, "losses": 1}
    assert again == {"posts": 5, "created": 0, "updated": 0, "unchanged": 5, "rejected": 0, "losses": 0}
    assert bodies().keys() == at_once
    assert Image.objects.count() == 1
    assert len(post_names(folder)) == 5
    assert read_report(folder).site == "https://old.example"
    assert list((settings.DATA_DIR / "imports").iterdir()) == []


def test_an_import_answers_in_the_language_of_the_installation_and_its_summary_in_json(export):
    with translation.override("zh-hant"):
        *lines, summary = run("import_posts", export, "--dry-run")
        export.write_bytes(packed(**{"a.txt": "x"}))
        with pytest.raises(CommandError, match="認不出這是哪個平台的檔案"):
            run("import_posts", export)

    assert lines[0].startswith("post-1：新增")
    assert lines[-1] == "這是試算：什麼都沒有改動。"
    assert [line for line in lines if not re.search(r"[\u4e00-\u9fff]", line)] == []
    assert json.loads(summary)["created"] == 5


def test_what_cannot_be_converted_leaves_nothing(export, tmp_path, settings):
    export.write_bytes(packed(**{"a.txt": "x"}))

    for words in (["import_posts", export], ["convert", export, tmp_path / "folder"]):
        with pytest.raises(CommandError, match="no program is known that writes such a file"):
            run(*words)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["blog.zip", "data"]
    assert list((settings.DATA_DIR / "imports").iterdir()) == []


def test_a_folder_that_is_there_is_never_written_over(export, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("x")

    with pytest.raises(CommandError, match="is there already, and is not empty"):
        run("convert", export, tmp_path / "folder")

    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("command", ["import_posts", "convert"])
def test_what_is_not_there_is_named(export, tmp_path, command):
    folder = [tmp_path / "folder"] if command == "convert" else []

    with pytest.raises(CommandError, match=r"none.zip does not exist"):
        run(command, tmp_path / "none.zip", *folder)
    with pytest.raises(CommandError, match="nowhere is no folder"):
        run(command, export, *folder, "--pictures", tmp_path / "nowhere")
