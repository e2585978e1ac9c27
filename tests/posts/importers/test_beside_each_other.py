"""What one text of a folder says of another, or of files beside it: titles, pictures, notes that are shown, papers."""

import zipfile
from zoneinfo import ZoneInfo

import pytest

from newsletter.posts.importers.detecting import detected
from newsletter.posts.importers.folder.shortcodes import as_markdown
from newsletter.posts.importers.pictures import find
from tests.posts.importers.test_line_ends import laid_out
from tests.publication.pictures.test_uploads import picture

TAIPEI = ZoneInfo("Asia/Taipei")


def read(path):
    return {name: load() for name, load in detected(path, TAIPEI).articles()}


def head(title):
    return f"---\ntitle: {title}\ndate: 2024-01-05\n---\n"


@pytest.mark.parametrize(
    ("mark", "written"),
    [
        ("{% post_link second %}", "[第二篇 \\[下\\]](second.md)"),
        ("{% post_link 'second' %}", "[第二篇 \\[下\\]](second.md)"),
        ("{% post_link second true %}", "[第二篇 \\[下\\]](second.md)"),
        ("{% post_link notes/deep %}", "[深處](notes/deep.md)"),
        ("{% post_link second 那一篇 %}", "[那一篇](second.md)"),
        ("{% post_link nowhere %}", "[nowhere](nowhere.md)"),
        ("{% post_link broken %}", "[broken](broken.md)"),
        ("`{% post_link second %}`", "`{% post_link second %}`"),
    ],
)
def test_a_link_of_hexo_without_words_shows_the_title_of_its_post(tmp_path, mark, written):
    laid_out(
        tmp_path,
        {
            "scaffolds/post.md": "",
            "source/_posts/first.md": f"{head('第一篇')}{mark}",
            "source/_posts/second.md": f"{head('"第二篇 [下]"')}字",
            "source/_posts/notes/deep.md": f"{head('深處')}字",
            "source/_posts/broken.md": "---\ntitle: [\n---\n字",
        },
    )

    assert detected(tmp_path / "source" / "_posts", TAIPEI).name == "Hexo"
    by_name = dict(detected(tmp_path / "source" / "_posts", TAIPEI).articles())
    assert by_name["first.md"]().body == written


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


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("![[另一篇]]", [("what another text says is a link to it", "另一篇")]),
        ("![[另一篇#小標|那節]]", [("what another text says is a link to it", "另一篇#小標")]),
        ("[[另一篇]]", []),
        ("[檔](/files/a.pdf)", [("a link leads to a file of the old site", "/files/a.pdf")]),
        ("[大圖](<a b.png>)", [("a link leads to a file of the old site", "a b.png")]),
        ("[大圖](/img/a.png) 與 [再](/img/a.png)", [("a link leads to a file of the old site", "/img/a.png")]),
        ('<a href="a.zip">檔</a>', [("a link leads to a file of the old site", "a.zip")]),
        ("[站](https://e.org/a.pdf) [篇](b.md) [頁](/c.html) [節](#d.e) ![圖](e.png)", []),
        ("`[檔](/files/a.pdf)`", []),
    ],
)
def test_what_leads_to_another_text_or_file_says_so(typed, named):
    told = {"what another text says is a link to it", "a link leads to a file of the old site"}

    assert [(one.what, one.detail) for one in as_markdown(typed)[1] if one.what in told] == named


def test_a_text_behind_a_password_is_a_draft_and_says_why(tmp_path):
    laid_out(tmp_path, {"a.md": "---\ntitle: 題\ndate: 2024-01-05\npassword: abc\n---\n字"})

    post = read(tmp_path)["a.md"]

    assert post.published_at is None
    assert [remark.what for remark in post.remarks] == ["it was behind a password, so it is a draft"]
