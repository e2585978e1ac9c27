"""docs/authors.md and its Traditional Chinese say the same, and call the desk's words what the desk calls them."""

import re
from pathlib import Path

import polib
import pytest

from tests.support.product import ROOT

ENGLISH, CHINESE = ROOT / "docs" / "authors.md", ROOT / "docs" / "zh-Hant" / "authors.md"
CATALOGUE = ROOT / "newsletter" / "locale" / "zh_Hant" / "LC_MESSAGES" / "django.po"
OUR_OWN = {"現在", "不確定", "朋友", "來過一位", "比平常多 12 到 19", "和平常一樣"}  # between 「」 and no label


def told(path: Path) -> str:
    return path.read_text()


def linked(path: Path) -> list[Path]:
    """Return the files that a page leads to, pictures too."""
    found = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", told(path))
    return [(path.parent / link).resolve() for link in found]


def test_both_have_the_same_parts_pictures_and_fields():
    parts = [len(re.findall(r"^## ", told(path), re.MULTILINE)) for path in (ENGLISH, CHINESE)]
    bold = [len(re.findall(r"\*\*[^*]+\*\*", told(path))) for path in (ENGLISH, CHINESE)]
    pictures = [[one.name for one in linked(path) if one.suffix == ".png"] for path in (ENGLISH, CHINESE)]
    fields = [sorted(re.findall(r"`([a-z_]+)`", told(path))) for path in (ENGLISH, CHINESE)]

    assert parts[0] == parts[1]
    assert bold[0] == bold[1], "a paragraph was added to one of them"
    assert pictures[0] == pictures[1] != []
    assert fields[0] == fields[1]


@pytest.mark.parametrize("path", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_every_link_leads_to_a_file(path):
    assert [str(one) for one in linked(path) if not one.exists()] == []


def test_what_stands_in_brackets_is_what_the_desk_says():
    said = {entry.msgstr.strip("。：") for entry in polib.pofile(str(CATALOGUE))}
    labels = {part for label in re.findall(r"「([^」]+)」", told(CHINESE)) for part in label.split(" → ")}

    assert sorted(label for label in labels - OUR_OWN if label not in said) == []
    assert len(labels) > 15


def test_what_stands_in_quotation_marks_is_a_label_of_the_desk():
    labels = {entry.msgid.strip(".:").lower() for entry in polib.pofile(str(CATALOGUE))}
    quoted = {words.lower() for words in re.findall(r"“([^”]+)”", " ".join(told(ENGLISH).split()))}
    pages = {page.lower() for page in re.findall(r"\bSettings, ([A-Z][\w ]+?)[:,.;)]", " ".join(told(ENGLISH).split()))}

    assert sorted((quoted | pages) - labels - {"friend"}) == []
    assert len(quoted | pages) > 12
