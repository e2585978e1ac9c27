"""The part of YAML that front matter is written in: keys, quoted words, lists, folded lines."""

import re

Value = str | list[str]

_HEAD = re.compile(r"\A---[ \t]*\n(?P<head>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"(?P<key>[A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(?P<value>.*))?\Z")


def _plain(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        return inner.replace('\\"', '"').replace("\\\\", "\\") if text[0] == '"' else inner.replace("''", "'")
    return re.sub(r"(?:^|\s)#.*", "", text).strip()


def _value(text: str, indented: list[str]) -> Value:
    if text.startswith("[") and text.endswith("]"):
        return [_plain(item) for item in text[1:-1].split(",") if item.strip()]
    if text[:1] in {"|", ">"}:
        return "\n".join(line.strip() for line in indented).strip().replace("\n", " " if text[0] == ">" else "\n")
    items = [line.strip() for line in indented if line.strip()]
    if not text and items and all(item.startswith("- ") for item in items):
        return [_plain(item[2:]) for item in items]
    return _plain(" ".join([text, *items])) if text else ""


def parse(text: str) -> tuple[dict[str, Value], str]:
    """Return the fields, with keys in lower case, and the text behind them.

    A text without front matter has no fields. Keys within keys are left out.
    """
    found = _HEAD.match(text)
    if not found:
        return {}, text
    fields: dict[str, Value] = {}
    lines = found["head"].split("\n")
    for number, line in enumerate(lines):
        key = _KEY.match(line.rstrip())
        if key:
            fields[key["key"].lower()] = _value((key["value"] or "").strip(), _behind(lines[number + 1 :]))
    return fields, text[found.end() :]


def _behind(lines: list[str]) -> list[str]:
    """Return the lines that belong to the key before them: indented, empty, or items of its list."""
    end = next((n for n, line in enumerate(lines) if line and not line.startswith((" ", "\t", "- "))), len(lines))
    return lines[:end]
