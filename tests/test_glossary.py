"""docs/glossary.md explains words that are used, and each once."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| ([^|\n]+?) *\| (?:[^|\n]+?) *\|[^|\n]*\|$", re.MULTILINE)


def words() -> list[str]:
    found = ROW.findall((ROOT / "docs" / "glossary.md").read_text())
    return [word for word in found if word != "word" and not word.startswith("-")]


def spoken() -> str:
    """Return the text of code and templates, names as words: "flight recorder" for FlightRecorder."""
    paths = [path for room in ("newsletter", "subscribers") for path in (ROOT / room).rglob("*.py")]
    paths += [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    text = "\n".join(path.read_text() for path in paths)
    return f"{text}\n{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', ' ', text).replace('_', ' ')}".lower()


def test_every_word_of_the_glossary_is_used():
    text = spoken()

    assert [one for one in words() if not re.search(rf"\b{re.escape(one.lower())}(?:s|es|d|ed)?\b", text)] == []
    assert len(words()) > 50


def test_no_word_is_explained_twice():
    assert [word for word in words() if words().count(word) > 1] == []
