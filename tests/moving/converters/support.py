"""What the tests of converters share: an export is read, converted, and compared with what it was."""

import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from newsletter.moving.converters.convert import convert, lost_words
from newsletter.moving.converters.converter import ConvertedPost
from newsletter.moving.converters.detection import detected
from newsletter.moving.converters.files import InFolder
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.markdown_folder import MarkdownFolder
from newsletter.moving.counting import count_changes, count_html
from newsletter.moving.folder import layout
from newsletter.posts.markdown.render import render

TAIPEI = ZoneInfo("Asia/Taipei")


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path


def laid_out(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def posts(path, site=""):
    """Return each post of an export by its name."""
    return {name: read() for name, read in detected(path, TAIPEI, site).posts()}


def folder_of(path, folder, **options):
    """Convert an export; return its account and the posts of the folder by their sources."""
    convert(path, folder, zone=TAIPEI, **options)
    files = (layout.read_post(folder, name, TAIPEI) for name in layout.post_names(folder))
    return layout.read_report(folder), {post.source: post for post in files}


def unnamed(post):
    """Return which words the page here lacks, and how many things, that no remark names."""
    rest = Counter(count_changes(post.original_counts, count_html(render(post.body))))
    for remark in post.remarks:
        rest.subtract(remark.effect)
    return lost_words(post), {name: change for name, change in rest.items() if change and name not in {"words", "han"}}


def losses_of(post):
    return sorted({remark.what for remark in post.remarks if remark.is_loss})


def markdown(html):
    """Return HTML as Markdown; nothing of it may be lost or added without a word."""
    made = convert_html(html)
    post = ConvertedPost(source="x", body=made.markdown, original_counts=count_html(html), remarks=tuple(made.remarks))
    assert unnamed(post) == ((), {})
    return made.markdown


def post_of(name, typed, program=""):
    """Return the post of one file of a folder; program: a file that it keeps beside the texts."""
    with TemporaryDirectory() as folder:
        files = {str(name): typed, **({program: ""} if program else {})}
        return MarkdownFolder(InFolder(laid_out(Path(folder), files)), TAIPEI).read_post(PurePosixPath(name))
