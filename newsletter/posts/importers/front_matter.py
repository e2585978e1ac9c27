"""The YAML block in front of a Markdown file, read by PyYAML."""

import re

import yaml

Value = str | list[str]

HEAD_MAX = 20_000  # characters; front matter is some lines
_HEAD = re.compile(r"\A---[ \t]*\n(?P<head>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"^[\"']?[\w-]+[\"']?[ \t]*:(?:\s|$)", re.MULTILINE)


class FrontMatterError(ValueError):
    """The block is no YAML; the message says where and why."""


def parse(text: str) -> tuple[dict[str, Value], str]:
    """Return the fields, with keys in lower case, and the text behind them.

    Each value is a text or a list of texts, as it is written: `2026-10-01` and `true` stay words. A text
    without front matter, such as one between two rules, has no fields. Keys within keys are left out.
    Raises FrontMatterError.
    """
    found = _HEAD.match(text)
    if not found or not _KEY.search(found["head"]):
        return {}, text
    fields = _mapping(found["head"])
    values = {str(key).lower(): _value(value) for key, value in fields.items() if not isinstance(value, dict)}
    return values, text[found.end() :]


def _mapping(head: str) -> dict[object, object]:
    if len(head) > HEAD_MAX:
        raise FrontMatterError(f"its front matter is longer than {HEAD_MAX:,} characters")
    try:
        fields = yaml.load(head, Loader=yaml.BaseLoader)  # noqa: S506 - it builds texts, lists and mappings only
    except RecursionError as error:
        raise FrontMatterError("its front matter is nested too deeply") from error
    except yaml.YAMLError as error:
        raise FrontMatterError(f"its front matter is no YAML: {_reason(error)}") from error
    return fields if isinstance(fields, dict) else {}


def _reason(error: yaml.YAMLError) -> str:
    """Return what is wrong and on which line of the file, in one line."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"line {mark.line + 2}: {what}" if mark else what


def _value(value: object) -> Value:
    if isinstance(value, list):
        return [item.strip() for item in value if isinstance(item, str) and item.strip()]
    return str(value).strip()
