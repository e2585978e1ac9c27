"""What one text of a folder says of another, or of files beside it: titles, pictures, notes that are shown, papers."""

import zipfile
from zoneinfo import ZoneInfo

import pytest

from newsletter.posts.importers.detecting import detected
from newsletter.posts.importers.pictures import find
from tests.posts.importers.test_line_ends import laid_out
from tests.publication.pictures.test_uploads import picture

TAIPEI = ZoneInfo("Asia/Taipei")


def read(path):
    return {name: load() for name, load in detected(path, TAIPEI).articles()}


def head(title):
    return f"---\ntitle: {title}\ndate: 2024-01-05\n---\n"


@pytest.mark.parametrize("is_zip", [False, True])
def test_pictures_of_a_post_lie_in_the_folder_of_its_name(tmp_path, is_zip):
    one, two = picture("PNG"), picture("JPEG")
    files = {"scaffolds/post.md": b"", "source/_posts/a.md": head("甲").encode() + b"{% asset_img 1.png %}"}
    files |= {"source/_posts/b.md": head("乙").encode() + b"![](1.png) ![](b/1.png)"}
    files |= {"source/_posts/a/1.png": one, "source/_posts/b/1.png": two}
    for name, data in files.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_bytes(data)
    if is_zip:
        with zipfile.ZipFile(tmp_path / "site.zip", "w") as made:
            for name, data in files.items():
                made.writestr(name, data)

    source = detected(tmp_path / ("site.zip" if is_zip else "site"), TAIPEI)
    first, second = (load() for name, load in source.articles() if name.endswith(("a.md", "b.md")))

    assert find(source.finders, "1.png", first.folder).read() == one
    assert find(source.finders, "1.png", second.folder).read() == two
    assert find(source.finders, "b/1.png", second.folder).read() == two


def test_a_text_behind_a_password_is_a_draft_and_says_why(tmp_path):
    laid_out(tmp_path, {"a.md": "---\ntitle: 題\ndate: 2024-01-05\npassword: abc\n---\n字"})

    post = read(tmp_path)["a.md"]

    assert post.published_at is None
    assert [remark.what for remark in post.remarks] == ["it was behind a password, so it is a draft"]
