"""What one text of a folder says of another, or of files beside it: titles, pictures, notes that are shown, papers."""

from hashlib import sha256

import pytest

from tests.moving.converters.support import folder_of, laid_out, posts, zipped
from tests.publication.pictures.test_uploads import picture


def head(title):
    return f"---\ntitle: {title}\ndate: 2024-01-05\n---\n"


@pytest.mark.parametrize("is_zip", [False, True])
def test_pictures_of_a_post_lie_in_the_folder_of_its_name(tmp_path, is_zip):
    one, two = picture("PNG"), picture("JPEG")
    files = {"scaffolds/post.md": b"", "source/_posts/a.md": head("甲").encode() + b"{% asset_img 1.png %}"}
    files |= {"source/_posts/b.md": head("乙").encode() + b"![](1.png) ![](b/1.png)"}
    files |= {"source/_posts/a/1.png": one, "source/_posts/b/1.png": two}
    path = zipped(tmp_path / "site.zip", files) if is_zip else laid_out(tmp_path / "site", files)

    _account, found = folder_of(path, tmp_path / "out")

    first, second = found["markdown:source/_posts/a.md"].body, found["markdown:source/_posts/b.md"].body
    one_there, two_there = (f"/media/{sha256(data).hexdigest()[:16]}/1.png" for data in (one, two))
    assert (first, second) == (f"![]({one_there})", f"![]({two_there}) ![]({two_there})")


def test_a_text_behind_a_password_is_a_draft_and_says_why(tmp_path):
    laid_out(tmp_path, {"a.md": "---\ntitle: 題\ndate: 2024-01-05\npassword: abc\n---\n字"})

    post = posts(tmp_path)["a.md"]

    assert post.date is None
    assert [remark.what for remark in post.remarks] == ["it was behind a password, so it is a draft"]
