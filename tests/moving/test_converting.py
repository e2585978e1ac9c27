"""An export is converted by a program of its own, with limits; whatever it is, it ends in a folder or in a sentence."""

import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from zoneinfo import ZoneInfo

import pytest

from newsletter.moving.converter_process import ConversionError, cpu_time_limit, run_converter
from newsletter.moving.folder import layout

TAIPEI = ZoneInfo("Asia/Taipei")
BOMB = "\n".join(
    ["a0: &a0 {k: v}", *(f"a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(9))}}}" for n in range(1, 9))]
)


def test_an_export_becomes_a_folder_and_says_how_far_it_is(tmp_path):
    (tmp_path / "blog").mkdir()
    for number in range(41):
        (tmp_path / "blog" / f"{number:02}.md").write_text(f"# 第 {number} 篇\n\n內文。")
    seen = []

    run_converter(
        tmp_path / "blog", tmp_path / "out", zone=TAIPEI, progress=lambda done, count: seen.append((done, count))
    )

    assert seen == [(20, 41), (40, 41), (41, 41)]
    assert len(layout.post_names(tmp_path / "out")) == 41
    assert layout.read_report(tmp_path / "out").program == "Markdown"


def test_a_zipped_folder_of_posts_is_taken_as_it_is(tmp_path):
    post = layout.PostFile(source="ghost:1", title="題", addresses=("/one/",), body="內文。")
    account = layout.ConversionReport("Ghost", posts={"ghost:1": layout.LossReport("one", {"words": 2})})
    layout.write_post(tmp_path / "mine", 1, post)
    address = layout.write_picture(tmp_path / "mine", b"octets", "a.png")
    layout.write_report(tmp_path / "mine", account)
    shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path, "mine")

    run_converter(tmp_path / "mine.zip", tmp_path / "out", zone=TAIPEI)

    assert layout.read_report(tmp_path / "out") == account
    assert layout.read_post(tmp_path / "out", "posts/0001.md", TAIPEI) == post
    assert (tmp_path / "out" / layout.picture_path(address)).read_bytes() == b"octets"


def test_it_sees_no_secret_of_this_process(tmp_path, monkeypatch):
    (tmp_path / "a.md").write_text("# 題\n\n內文。")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "nowhere.settings")

    run_converter(tmp_path / "a.md", tmp_path / "out", zone=TAIPEI)

    assert layout.post_names(tmp_path / "out") == ["posts/0001.md"]


def text(name, words):
    return lambda path: (path / name).write_text(words) and path / name


def zipped(name, data, **given):
    def make(path):
        with zipfile.ZipFile(path / "x.zip", "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(name, data)
        return path / "x.zip"

    return make


def huge_json(path, size=500 * 1024**2):
    """A file that takes none of the disk."""
    with (path / "x.json").open("wb") as made:
        made.write(b'{"db": [{"data": {"posts": [')
        made.truncate(size)
    return path / "x.json"


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            text("x.xml", '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>'),
            "it declares a document type or an entity",
        ),
        (
            text(
                "x.xml", '<?xml version="1.0"?><!-- <rss> --><!DOCTYPE r [<!ENTITY a "a">]><rss><item>&a;</item></rss>'
            ),
            "it declares a document type or an entity",
        ),
        (zipped("../outside.md", "x"), "a member leads out of the archive"),
        (zipped("bomb.json", b"0" * (30 * 1024**2)), "a member is packed too tightly to be honest"),
        (huge_json, "a member is too large"),
        (text("x.json", "[" * 1_000_000), "it is no JSON"),
        (text("members.csv", "email,name\na@e.org,A\n"), "it is a list of readers"),
        (lambda path: path / "nowhere", "it does not exist"),
    ],
)
def test_a_hostile_export_ends_in_a_sentence(tmp_path, made, sentence):
    with pytest.raises(ConversionError, match=f"^{sentence}"):
        run_converter(made(tmp_path), tmp_path / "out", zone=TAIPEI)

    assert not (tmp_path / "out").exists()


def test_an_alias_of_yaml_stops_only_its_own_post(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.md").write_text(f"---\n{BOMB}\n---\n文\n")
    (tmp_path / "in" / "b.md").write_text("# 題\n\n文\n")

    run_converter(tmp_path / "in", tmp_path / "out", zone=TAIPEI)

    account = layout.read_report(tmp_path / "out")
    assert account.rejected == [("a.md", "its front matter has an alias of YAML, which is refused")]
    assert [*account.posts] == ["markdown:b.md"]


def large(path):
    return huge_json(path, 190 * 1024**2)


def long(path):
    rows = [{"slug": f"p{n}", "html": "<p>" + "字<b>x</b>" * 5_000} for n in range(20)]
    (path / "x.json").write_text(json.dumps({"data": {"posts": rows}}))
    return path / "x.json"


@pytest.mark.parametrize(
    ("made", "limits", "sentence"),
    [
        (large, {"memory": 400 * 1024**2}, "it needs more memory than a conversion may take"),
        (long, {"cpu_seconds": 2}, "it takes too long to convert"),
    ],
)
def test_a_conversion_that_would_take_too_much_ends_in_a_sentence(tmp_path, made, limits, sentence):
    with pytest.raises(ConversionError, match=f"^{sentence}$"):
        run_converter(made(tmp_path), tmp_path / "out", zone=TAIPEI, **limits)


def test_it_says_that_it_lives_however_long_one_post_takes():
    code = "from newsletter.moving.converters import convert; convert.BEAT_SECONDS = 0.05; convert.convert = wait; "
    code = f"wait = lambda *_paths, **_options: input(); {code}"
    code += "convert.main(['a.md', 'out', 'UTC', '', str(2**31), '60', ''])"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}

    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as child:
        said = [child.stdout.readline() for _line in range(2)]
        child.communicate("done\n", timeout=60)

    assert said == ['{"done": 0, "of": 0}\n'] * 2


def test_a_pattern_that_would_never_end_is_stopped():
    with pytest.raises(TimeoutError), cpu_time_limit(0.05):
        re.match(r"(a+)+$", "a" * 60 + "b")


def test_a_block_that_is_done_in_time_is_left_alone_afterwards():
    with cpu_time_limit(0.05):
        pass

    begun = time.process_time()
    while time.process_time() - begun < 0.1:
        pass
