"""docs/licences.md lists what the product stands on, with licences under which it may be passed on."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest

from tests.support.product import ROOT

PAGE = ROOT / "docs" / "licences.md"
ROW = re.compile(r"^\| `([^`]+)` +\| (\S[^|]*?) +\|$", re.MULTILINE)
# By what a package says of itself, in the words of SPDX or of PyPI's older classifiers.
FREE = re.compile(
    r"^(?:MIT(?:-0|-CMU| License)?|BSD(?:-[23]-Clause| License)|Apache(?:-2\.0| Software License)|ISC|PSF-2\.0"
    r"|MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\)|LGPL-3\.0-only|The Unlicense \(Unlicense\))$"
)
UNSAID = {"pyrage": "MIT"}  # it has the text of its licence in the package, and no word in its metadata
# qrcode's second word stands for the MIT licence of the code it was made from: the text is in its package.
ALSO = {"Other/Proprietary License"}


def locked() -> dict[str, dict]:
    return {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


def needed() -> set[str]:
    """Return what is installed without the group of developers, with every extra of ours."""
    packages, found = locked(), set()
    ours = next(name for name, one in packages.items() if {"virtual", "editable"} & set(one["source"]))

    def walk(name: str, extras: tuple[str, ...]) -> Iterator[str]:
        one = packages[name]
        chosen = [entry for extra in extras for entry in one.get("optional-dependencies", {}).get(extra, [])]
        for entry in [*one.get("dependencies", []), *chosen]:
            if "win32" in entry.get("marker", ""):
                continue
            key = (entry["name"], tuple(entry.get("extra", ())))
            if key not in found:
                found.add(key)
                yield entry["name"]
                yield from walk(*key)

    return set(walk(ours, tuple(packages[ours].get("optional-dependencies", {}))))


def said_by(name: str) -> str | None:
    """Return what an installed package says of its licence; None if it is not installed here (an extra)."""
    try:
        facts = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    old = [entry.split("::")[-1].strip() for entry in facts.get_all("Classifier", []) if entry.startswith("License ::")]
    oldest = facts.get("License", "").partition("\n")[0]
    return facts.get("License-Expression") or "; ".join(old) or oldest or UNSAID.get(name, "")


@pytest.fixture(scope="module")
def rows() -> dict[str, str]:
    return dict(ROW.findall(PAGE.read_text()))


def test_every_package_of_the_product_is_listed_and_no_other(rows):
    listed = {name for name in rows if "/" not in name}

    assert needed() - listed == set(), "add a row, with the licence that the package states"
    assert listed - needed() == set(), "gone: take the row out"


def test_each_row_says_what_the_package_says(rows):
    said = {name: said_by(name) for name in needed()}

    assert {name: text for name, text in said.items() if text is not None and rows[name] != text} == {}


def test_each_licence_lets_the_product_be_passed_on(rows):
    parts = {(name, part) for name, text in rows.items() for part in re.split(r"; | OR | AND ", text)}

    assert {(name, part) for name, part in parts if not FREE.match(part) and part not in {*ALSO, "OFL-1.1"}} == set()


def test_what_is_copied_into_the_project_has_its_licence_beside_it(rows):
    copied = {path for path in rows if "/" in path}
    folders = [*(ROOT / "newsletter" / "static").glob("*-*.*.*"), ROOT / "newsletter" / "publication" / "fonts"]

    assert copied == {f"{folder.relative_to(ROOT)}/" for folder in folders}
    assert [path for path in copied if not [*(ROOT / path).glob("LICENSE*"), *(ROOT / path).glob("OFL*")]] == []
