"""A file that is no export of posts says what it is, in the language of the desk."""

import ast
import json
import zipfile
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext

from newsletter.moving.converters import detection
from newsletter.moving.converters.detection import detected
from newsletter.moving.converters.files import Rejected
from newsletter.moving.converters.html import boxes
from newsletter.moving.taking.report import translated
from tests.moving.converters.support import TAIPEI, folder_of, laid_out, posts

ROOT = Path(detection.__file__).parent
FEED = '<?xml version="1.0"?><rss version="2.0"><channel><title>x</title><item><title>a</title></item></channel></rss>'


def refusal(path):
    with pytest.raises(Rejected) as refused:
        detected(path, TAIPEI)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("members.csv", "id,email,name\n1,a@e.org,A\n", detection.READERS),
        ("list.csv", "Name;Email Address\nA;a@e.org\n", detection.READERS),
        ("名單.csv", "姓名,電子郵件\n甲,a@e.org\n", detection.READERS),
        ("page.html", "<!DOCTYPE html>\n<html><p>文</p></html>", detection.PAGE),
        ("rss.xml", FEED, detection.FEED),
        ("atom.xml", '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"></feed>', detection.FEED),
        ("a.json", "", detection.EMPTY),
        ("posts.json", '{"posts": [{"title": "推文", "text": "文"}]}', "it has no posts of Ghost in it"),
        (
            "emails.json",
            '[{"subject": "一半", "body": "這',
            "it is no JSON: Unterminated string starting at: line 1 column 28 (char 27)",
        ),
        ("redirects.json", '[{"from": "/a", "to": "/b"}]', "it has no posts of Ghost in it"),
    ],
)
def test_a_file_says_what_it_is(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)

    assert refusal(tmp_path / name) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], detection.EMPTY),
        (["members.csv"], detection.READERS),
        (["index.html", "a.css"], detection.PAGE),
    ],
)
def test_a_zip_and_a_folder_say_what_they_are(tmp_path, names, said):
    folder, packed = tmp_path / "folder", tmp_path / "a.zip"
    folder.mkdir()
    with zipfile.ZipFile(packed, "w") as file:
        for name in names:
            file.writestr(name, "x")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("x")

    assert refusal(packed) == refusal(folder) == said


def test_an_export_that_was_unpacked_is_read_as_it_is(tmp_path):
    laid_out(tmp_path, {"posts/1.first.html": "<p>文</p>", "posts.csv": "post_id,title\n1.first,題\n"})

    assert [post.body for post in posts(tmp_path).values()] == ["文"]


def test_what_nobody_knows_names_the_file(tmp_path):
    (tmp_path / "a.txt").write_text("文")

    assert refusal(tmp_path / "a.txt") == "no program is known that writes such a file"


def test_an_export_without_posts_is_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"db": [{"data": {"posts": []}}]}))

    with pytest.raises(Rejected, match="there is no post in it"):
        folder_of(tmp_path / "a.json", tmp_path / "out")


def messages(tree):
    """Yield what an importer says, as far as it stands in the program: of a remark, and of a refusal before a colon."""
    for call in ast.walk(tree):
        name = getattr(getattr(call, "func", None), "id", "")
        first = call.args[0] if name in {"Remark", "Rejected"} and call.args else None
        first = first.values[0] if isinstance(first, ast.JoinedStr) else first
        if isinstance(first, ast.Constant):
            yield first.value.partition(": ")[0]


def test_each_is_said_in_the_language_of_the_reader():
    said = {text for path in ROOT.rglob("*.py") for text in messages(ast.parse(path.read_text()))}
    named = [*vars(detection).items(), *vars(boxes).items()]
    said |= {*boxes.COMMENTED_OUT.values(), *(text for name, text in named if name.isupper() and isinstance(text, str))}

    with translation.override("zh-hant"):
        assert {text for text in said if gettext(text) == text} == set()
        assert translated(f"{detection.READERS}: x") == "這是讀者名單；讀者有自己的匯入頁：x"
        assert "its title is cut" not in translated("its title is cut")
