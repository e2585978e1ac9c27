"""docs/decisions: few and short records, each listed once, and every pointer to one leads to it."""

import re

from tests.support.product import ROOT
from tests.test_project import text_of, tracked

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
POINTER = re.compile(
    r"\bdecisions?(?:/0*| \[?0*)([1-9]\d*)", re.IGNORECASE
)  # decision N, decisions/000N-…, decision [N](…)
RECORDS_MAX, WORDS_MAX = 50, 200


def test_there_are_few_records_and_each_is_short():
    assert len(RECORDS) <= RECORDS_MAX
    assert {path.name: count for path in RECORDS if (count := len(path.read_text().split())) > WORDS_MAX} == {}


def test_each_record_begins_with_the_number_of_its_file_and_no_other_has_it():
    numbers = {path.name: int(path.name[:4]) for path in RECORDS}

    assert [path.name for path in RECORDS if not path.read_text().startswith(f"# {numbers[path.name]}. ")] == []
    assert len(set(numbers.values())) == len(RECORDS)


def test_the_list_names_each_record_once_by_its_title():
    lines = re.findall(r"^- \[(.+)\]\((.+)\)$", (FOLDER / "README.md").read_text(), re.MULTILINE)

    titles = {path.name: path.read_text().partition("\n")[0].removeprefix("# ") for path in RECORDS}
    assert sorted(lines) == sorted((title, name) for name, title in titles.items())


def test_every_pointer_to_a_decision_leads_to_a_record():
    numbers = {int(path.name[:4]) for path in RECORDS}

    pointers = [(path, int(number)) for path in tracked() for number in POINTER.findall(text_of(path))]
    lost = [f"{path.relative_to(ROOT)}: {number}" for path, number in pointers if number not in numbers]
    assert lost == []
    assert len(pointers) > len(RECORDS) / 4
