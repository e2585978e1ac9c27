"""The block in front of a Markdown file: YAML read by PyYAML, TOML, or JSON as Hugo takes it. Pure."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import yaml

from newsletter.moving.converters.files import Rejected

type Value = str | list[str]

HEAD_MAX = 20_000  # characters; front matter is some lines
NESTING_MAX = 50  # lists and mappings within each other
TOO_DEEP = "its front matter is nested too deeply"
_YAML = re.compile(
    r"\A---[ \t]*(?:yaml|yml)?[ \t]*\n(?P<head>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
# Hexo takes a head that only ends with a rule, if its first lines are keys.
_OPEN = re.compile(
    r"\A(?P<head>(?:title|date|layout|tags|categories)[ \t]*:(?:[ \t][^\n]*)?\n"
    r"(?:(?:[\w-]+[ \t]*:|[ \t]*-[ \t]|[ \t]+\S)[^\n]*\n){0,60}?)"
    r"---[ \t]*(?:\n|\Z)"
)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(?P<head>.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
BY_NAME = {"tags", "tag", "categories", "category", "keywords", "authors", "author", "series"}
_KEYS = {"title", "date", "draft", "tags", "categories", "slug", "url", "description", "layout", "aliases"}
_KEY = re.compile(r"^[\"']?[\w-]+[\"']?[ \t]*:(?:\s|$)", re.MULTILINE)


def parse(text: str) -> tuple[dict[str, Value], str]:
    """The fields, with keys in lower case, and the text behind them.

    Each value is a text or a list of texts, as it is written: `2026-10-01` and `true` stay words. A text
    without front matter, such as one between two rules, has no fields. A key within a key is `outer.inner`.
    Raises Rejected.
    """
    if toml := _TOML.match(text):
        fields = _loaded("its front matter is no TOML", tomllib.loads, toml["head"])
        taxonomies = fields.get("taxonomies")  # Zola's place for tags
        return flat(fields | taxonomies if isinstance(taxonomies, dict) else fields), text[toml.end() :]
    if re.match(r"\{\s*\"[\w-]+\"\s*:", text):
        decoder = json.JSONDecoder()
        decoded = _loaded("its front matter is no JSON", lambda head: {"": decoder.raw_decode(head)}, text, len(text))
        fields, end = decoded[""]
        is_head = _KEYS & {str(key).lower() for key in fields} and re.match(r"[ \t]*(?:\n|\Z)", text[end:])
        return (flat(fields), text[end:].lstrip()) if is_head else ({}, text)
    found = _YAML.match(text) or _OPEN.match(text)
    if not found or not _KEY.search(found["head"]):
        return {}, text
    return flat(_loaded("its front matter is no YAML", _load_yaml, found["head"])), text[found.end() :]


def _loaded(failed: str, load: Callable[[str], Any], head: str, most: int = HEAD_MAX) -> dict[Any, Any]:
    if len(head) > most:
        raise Rejected("its front matter is too long")
    try:
        fields = load(head)
    except Rejected:
        raise
    except RecursionError as error:
        raise Rejected(TOO_DEEP) from error
    except yaml.MarkedYAMLError as error:
        if "maximum nesting" in str(error.problem):  # of libyaml, which reads ahead: 1000
            raise Rejected(TOO_DEEP) from error
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise Rejected(f"{failed}: line {line}: {error.problem}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise Rejected(f"{failed}: {getattr(error, 'msg', error)}") from error
    return fields if isinstance(fields, dict) else {}


def _load_yaml(head: str) -> Any:
    depth = 0
    for event in yaml.parse(head, Loader=yaml.CBaseLoader):
        if isinstance(event, yaml.AliasEvent):  # some lines of them could mean gigabytes
            raise Rejected("its front matter has an alias of YAML, which is refused")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > NESTING_MAX:
            raise Rejected(TOO_DEEP)
    return yaml.load(head, Loader=_Loader)  # noqa: S506 - it builds texts, lists and mappings only


class _Loader(yaml.CBaseLoader):  # the one in Python takes a time that grows with the square of the nesting
    """`null` and `~` are the empty text."""

    def construct_scalar(self, node: Any) -> str:
        text = str(super().construct_scalar(node))
        return "" if not node.style and text in {"~", "null", "Null", "NULL"} else text


def flat(fields: Mapping[Any, Any]) -> dict[str, Value]:
    """Keys in lower case, those within each other joined by a dot; an item of a list that has a name, too."""
    values: dict[str, Value] = {}
    for key, value in fields.items():
        name = str(key).lower()
        if isinstance(value, dict):
            values |= {f"{name}.{inner}": one for inner, one in flat(value).items()}
            continue
        values[name] = _value(value, is_by_name=name in BY_NAME)
        for one in value if isinstance(value, list) else ():
            if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("src"), str):
                values.setdefault(f"{name}.{one['name'].lower()}", one["src"].strip())
    return values


def _value(value: object, *, is_by_name: bool) -> Value:
    if isinstance(value, list):
        items = (_items(item, is_by_name=is_by_name) for item in value if item is not None)
        return [text for texts in items for text in texts if text]
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else (value.isoformat() if isinstance(value, date) else str(value)).strip()


def _items(item: Any, *, is_by_name: bool) -> list[str]:
    """An item of a list as texts: a nested list as its items, a mapping as its name, or as all its pairs."""
    if isinstance(item, list):
        return [str(one).strip() for one in item if not isinstance(one, dict | list)]
    if not isinstance(item, dict):
        return [str(item).strip()]
    if is_by_name:
        return [str(next((item[key] for key in ("label", "name", "title") if item.get(key)), "")).strip()]
    parts = (f"{key} {value}" for key, value in flat(item).items() if isinstance(value, str) and value)
    return [" · ".join(parts)]
