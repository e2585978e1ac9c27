"""An English installation: its rows without a Chinese word, and what is Chinese in a text."""

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from django.apps import apps
from django.db import models

from tests.factories import make_publication

HAN = re.compile(r"[\u2e80-\u2fdf\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]+")  # and full-width punctuation
UNSEEN = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL)
BY_NATURE = "繁體中文"  # a language is called by its own name


def chinese_in(text: str) -> list[str]:
    return HAN.findall(UNSEEN.sub("", text).replace(BY_NATURE, ""))


def speak_english() -> None:
    """Put an English word in the place of every Chinese one that a row holds."""
    numbers = count(1)
    for model in apps.get_models():
        for row in model._base_manager.all():
            if changed := _in_english(row, numbers):
                model._base_manager.filter(pk=row.pk).update(**changed)
    make_publication(name="Morning Notes", author="Anna", promise="A letter.", about="Who I am.", holiday_country="")


def _in_english(row: models.Model, numbers: Iterator[int]) -> dict[str, Any]:
    kinds = models.CharField | models.TextField | models.JSONField
    fields = [field for field in row._meta.concrete_fields if isinstance(field, kinds) and not field.primary_key]
    texts = {field.attname: json.dumps(getattr(row, field.attname), ensure_ascii=False) for field in fields}
    return {
        name: json.loads(HAN.sub(lambda _run: f"word{next(numbers)}", text))
        for name, text in texts.items()
        if HAN.search(text)
    }
