"""What a newcomer asks is answered from README within two steps: a link, and the heading that it leads to."""

import re
from pathlib import Path

import pytest

from tests.support.product import ROOT
from tests.test_project import FENCED, anchor, documents

ROW = re.compile(r"^\| (Where|What|How)([^|]+\?) +\| \[[^\]]+\]\(([^)#]+)#([^)]+)\) +\|$", re.MULTILINE)
# What each answer has to name: a file, and what is defined in it.
ANSWERS = {
    "Where does a mail get its headers?": ("newsletter/mail/headers.py", "def list_headers"),
    "What happens when a worker dies?": ("newsletter/delivery/ledger/recovery.py", "def recover_slot"),
    "Where is “published” decided?": ("newsletter/posts/models/posts.py", "    def published"),
    "How do I add a mail provider?": ("newsletter/mail/mailers.py", "PROVIDERS"),
    "How do I add an importer?": (),
    "How do I add a look?": ("newsletter/publication/models.py", "class Publication"),
}
PATH = re.compile(r"`((?:newsletter|subscribers|tests|templates)/[\w./-]+)`")
PROCESSES = {
    *("newsletter/operation/programs.py", "newsletter/operation/supervisor.py", "newsletter/operation/worker.py"),
    *("newsletter/delivery/lane_process.py", "newsletter/publication/heartbeats.py"),
}
WORDS_MAX = {
    "docs/sending.md": 5_000,
    "docs/deploy.md": 4_500,
    "docs/performance.md": 2_800,
    "docs/authors.md": 2_300,
    "docs/letter.md": 1_000,
    "docs/writing.md": 2_000,
    "docs/api.md": 2_300,
    "docs/commands.md": 700,
}


def asked() -> dict[str, tuple[str, str]]:
    """Return the page and the heading that README gives for each question."""
    rows = ROW.findall((ROOT / "README.md").read_text())
    return {first + rest: (page, heading) for first, rest, page, heading in rows}


def under(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next heading."""
    parts = re.split(r"^##+ (.+)$", FENCED.sub("", text(page)), flags=re.MULTILINE)
    titles = [anchor(title) for title in parts[1::2]]
    return parts[2 * titles.index(heading) + 2]


def text(page: str) -> str:
    return (ROOT / page).read_text()


def test_readme_has_each_question():
    assert set(asked()) == set(ANSWERS)


@pytest.mark.parametrize("question", ANSWERS)
def test_its_answer_names_what_decides(question):
    page, heading = asked()[question]
    answer = under(page, heading)
    named = PATH.findall(answer) + [f"newsletter/delivery/{path}" for path in re.findall(r"`([a-z]+/\w+\.py)`", answer)]

    assert [path for path in named if (ROOT / path).exists()]
    if ANSWERS[question]:
        path, definition = ANSWERS[question]
        assert path in named
        assert re.search(rf"^{definition}\b", text(path), re.MULTILINE)


def test_the_way_of_a_process_is_read_in_five_files():
    named = re.findall(r"^\| `(newsletter/[\w./]+)` +\|", under("docs/sending.md", "the-processes"), re.MULTILINE)

    assert set(named) == PROCESSES
    assert len(named) == len(PROCESSES)


def test_modules_of_sending_exist():
    named = re.findall(r"`((?:[a-z]+/)?\w+\.py)`", text("docs/sending.md"))

    assert [path for path in named if not (ROOT / "newsletter" / "delivery" / path).exists()] == []
    assert len(named) > 10


def test_every_file_that_the_documents_name_exists():
    pages = {name: page for name, page in documents().items() if "decisions/" not in name and "changelog" not in name}
    named = {(name, path) for name, page in pages.items() for path in PATH.findall(page) if "NAME" not in path}

    assert {(name, path) for name, path in named if not (ROOT / path).exists()} == set()
    assert len(named) > 100


def test_every_benchmark_that_the_documents_name_has_these_options():
    pages = {name: page for name, page in documents().items() if "decisions/" not in name and "changelog" not in name}
    named = {
        (name, benchmark, option)
        for name, page in pages.items()
        for benchmark, words in re.findall(r"benchmarks\.(\w+)([^`\n|]*)", page)
        for option in re.findall(r"--[a-z][a-z-]+", words) or [""]
    }

    assert {one for one in named if f'"{one[2]}"' not in f'""{source(one[1])}'} == set()
    assert len(named) > 30


def source(benchmark: str) -> str:
    """Return the text of a benchmark; some take the options of `desk`."""
    module, package = ROOT / "benchmarks" / f"{benchmark}.py", ROOT / "benchmarks" / benchmark
    paths: list[Path] = [module] if module.exists() else sorted(package.glob("*.py"))
    own = "".join(path.read_text() for path in paths)
    return own + source("desk") if "add_sizes(parser" in own and benchmark != "desk" else own


def test_the_long_pages_stay_short():
    counted = {name: len(text(name).split()) for name in WORDS_MAX}

    assert {name: count for name, count in counted.items() if count > WORDS_MAX[name]} == {}


def test_all_documents_can_be_read_in_an_evening():
    pages = [path.read_text() for path in (ROOT / "docs").rglob("*.md")]

    assert sum(len(page.split()) for page in pages) <= 45_000
