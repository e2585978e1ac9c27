"""How long do 5,000 posts with 8,000 pictures take to move in, beside reading their files alone?

    uv run --dev python -m benchmarks.moving [--posts 5000] [--pictures 8000] [--source ghost|hugo|both] [--size 1200]

Two exports are made of the same posts: a zip of Ghost (HTML, pictures in its folders), and a folder of Hugo with its
pictures below `static`. `import_posts` takes each into an empty newsletter on SQLite, in a process of its own, which
starts the one that converts. The peer reads the same export and writes its pictures anew by Pillow, in one thread: what
any move has to do at least. Printed are seconds, posts a second, CPU seconds of both processes and the highest resident
memory of either, of a fifth of the posts and of all of them: memory that is flat hardly differs. Posts and pictures
must all be there, with nothing lost.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image as Drawing

from benchmarks.installation import ROOT, machine

FIRST = datetime(2015, 1, 1, tzinfo=UTC)
PARAGRAPHS = 12
COUNTED = """
from newsletter.posts.models import Image, Post, Redirect
print(Post.objects.count(), Image.objects.count(), Redirect.objects.count())
"""


@dataclass(frozen=True)
class Cost:
    """A process from its start to its end."""

    seconds: float
    cpu_seconds: float
    memory_mb: float
    output: str


@dataclass(frozen=True)
class Written:
    """A post as it is made, before it has the form of a program. pictures: their names."""

    number: int
    pictures: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def slug(self) -> str:
        return f"post-{self.number}"

    @property
    def at(self) -> str:
        return (FIRST + timedelta(hours=14 * self.number)).isoformat()


def written(posts: int, pictures: int) -> Iterator[Written]:
    dice = random.Random(18)
    for number in range(posts):
        own = range(pictures * number // posts, pictures * (number + 1) // posts)
        words = tuple(_sentence(dice) for _ in range(PARAGRAPHS))
        yield Written(number, tuple(f"{one:05}.jpg" for one in own), words)


def _sentence(dice: random.Random) -> str:
    return "".join(chr(0x4E00 + dice.randrange(3000)) for _ in range(dice.randrange(60, 160))) + "。"


def picture(number: int, size: int) -> bytes:
    """Return a photo like one: noise over a slope, another for each number."""
    dice = random.Random(number)
    small = Drawing.new("RGB", (24, 16))
    small.putdata([(dice.randrange(256), dice.randrange(256), dice.randrange(256)) for _ in range(24 * 16)])
    out = BytesIO()
    small.resize((size, size * 2 // 3), Drawing.Resampling.BICUBIC).save(out, "JPEG", quality=82)
    return out.getvalue()


# --- The exports ---


def write_ghost(path: Path, posts: int, pictures: int, size: int) -> None:
    rows = [_ghost_row(one, posts) for one in written(posts, pictures)]
    whole = {"db": [{"meta": {"version": "5.80.0"}, "data": {"posts": rows, "tags": [], "posts_tags": []}}]}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("export.json", json.dumps(whole, ensure_ascii=False))
        for number in range(pictures):
            file.writestr(f"content/images/2020/01/{number:05}.jpg", picture(number, size))


def _ghost_row(one: Written, posts: int) -> dict[str, object]:
    shown = "".join(
        f'<figure class="kg-card kg-image-card"><img src="__GHOST_URL__/content/images/2020/01/{name}" alt="圖 {name}">'
        "<figcaption>說明</figcaption></figure>"
        for name in one.pictures
    )
    words = "".join(f"<p>{text[:9]}<strong>{text[9:15]}</strong>{text[15:]}</p>" for text in one.words)
    link = f'<p><a href="__GHOST_URL__/post-{(one.number + 7) % posts}/">另一篇</a></p>'
    facts = {"id": str(one.number), "title": f"第 {one.number} 篇", "slug": one.slug, "html": f"{words}{shown}{link}"}
    return facts | {"type": "post", "status": "published", "visibility": "public", "published_at": one.at}


def write_hugo(folder: Path, posts: int, pictures: int, size: int) -> None:
    (folder / "content" / "posts").mkdir(parents=True)
    (folder / "static" / "images").mkdir(parents=True)
    (folder / "hugo.toml").write_text('title = "x"\n')
    for number in range(pictures):
        (folder / "static" / "images" / f"{number:05}.jpg").write_bytes(picture(number, size))
    for one in written(posts, pictures):
        words = "\n\n".join(f"{text[:9]}**{text[9:15]}**{text[15:]}" for text in one.words)
        shown = "\n\n".join(
            f'{{{{< figure src="/images/{name}" alt="圖 {name}" caption="說明" >}}}}' for name in one.pictures
        )
        link = f'[另一篇]({{{{< ref "post-{(one.number + 7) % posts}.md" >}}}})'
        head = f"---\ntitle: 第 {one.number} 篇\ndate: {one.at}\n---\n"
        (folder / "content" / "posts" / f"{one.slug}.md").write_text(f"{head}{words}\n\n{shown}\n\n{link}\n")


def _figure(name: str) -> str:
    return f'{{{{< figure src="/images/{name}" alt="圖 {name}" caption="說明" >}}}}'


# --- The runs ---


def run(command: list[str], env: dict[str, str]) -> Cost:
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().strip()
    assert process.returncode == 0, output[-3000:]
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - began, cpu, usage.ru_maxrss / 1000, output)


def read_only(source: Path, kept: Path) -> tuple[float, float]:
    """Read an export and write its pictures anew by Pillow, one after the other; return seconds and CPU seconds."""
    began, spent = time.perf_counter(), time.process_time()
    kept.mkdir()
    for name, data in _files(source):
        if name.endswith(".jpg"):
            with Drawing.open(BytesIO(data)) as drawn:
                drawn.save(kept / name, "JPEG", quality=85)
        elif name.endswith(".json"):
            json.loads(data)
    return time.perf_counter() - began, time.process_time() - spent


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        yield from ((path.name, path.read_bytes()) for path in source.rglob("*") if path.is_file())
        return
    with zipfile.ZipFile(source) as file:
        yield from ((name.rpartition("/")[2], file.read(name)) for name in file.namelist())


def move(source: Path, data: Path) -> tuple[Cost, str]:
    """Take an export into an empty newsletter; return what it cost and what is there then."""
    env = {**os.environ, "DATA_DIR": str(data), "DATABASE_URL": "", "REDIS_URL": "", "SECRET_KEY": ""}
    env["SITE_URL"] = "https://news.example.org"
    manage = [sys.executable, "manage.py"]
    run([*manage, "migrate", "-v0"], env)
    cost = run([*manage, "import_posts", str(source)], env)
    there = subprocess.run(
        [*manage, "shell", "-v0", "-c", COUNTED], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    return cost, there.stdout.split("\n")[-2]


def measure(name: str, folder: Path, options: argparse.Namespace) -> None:
    costs = [_once(name, folder, options.posts // part, options.pictures // part, options.size) for part in (5, 1)]
    print(f"{name:6} {costs[1].memory_mb - costs[0].memory_mb:+.0f} MB for five times as many", flush=True)


def _once(name: str, folder: Path, posts: int, pictures: int, size: int) -> Cost:
    """Make an export, take it in, check what is there, and print what it cost."""
    source = folder / (f"{posts}.zip" if name == "ghost" else f"{posts}")
    {"ghost": write_ghost, "hugo": write_hugo}[name](source, posts, pictures, size)
    cost, there = move(source, folder / f"data-{name}-{posts}")
    last = json.loads(cost.output.splitlines()[-1])
    assert there.split()[:2] == [str(posts), str(pictures)], (there, cost.output[-2000:])
    assert (last["created"], last["rejected"], last["losses"]) == (posts, 0, 0), last
    peer, peer_cpu = read_only(source, folder / f"kept-{name}-{posts}")
    print(
        f"{name:6} {posts:6,} posts {pictures:6,} pictures {cost.seconds:7.1f} s {posts / cost.seconds:6.1f} posts/s "
        f"{cost.cpu_seconds:7.1f} CPU s {cost.memory_mb:5.0f} MB",
        f"       the peer: {peer:.1f} s, {peer_cpu:.1f} CPU s; ratio of CPU seconds {cost.cpu_seconds / peer_cpu:.1f}",
        sep="\n",
        flush=True,
    )
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--pictures", type=int, default=8000)
    parser.add_argument("--source", choices=["ghost", "hugo", "both"], default="both")
    parser.add_argument("--size", type=int, default=1200, help="pixels of a picture's longer side")
    options = parser.parse_args()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-moving-"))
    try:
        for name in ["ghost", "hugo"] if options.source == "both" else [options.source]:
            measure(name, folder, options)
        print(f"load at the end {os.getloadavg()[0]:.1f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
