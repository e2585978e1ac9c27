"""The converter that docs/moving.md shows is one: it converts an export of its made-up program."""

import json
import re
from pathlib import Path

from newsletter.moving.converters.files import InFolder
from tests.moving.converters.support import TAIPEI, laid_out, unnamed

PAGE = Path(__file__).parents[3] / "docs" / "moving.md"
[CODE] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
ROW = {"slug": "first", "title": "題", "state": "public", "date": "2026-10-01T00:00:00Z", "mood": "好"}
ROW |= {"html": '<p>內文<b>粗</b> <a href="/?show=second">另一篇</a></p><img src="files/a.png" alt="圖">'}


def test_the_converter_in_the_documents_converts_an_export(tmp_path):
    laid_out(tmp_path, {"tinypress.json": json.dumps([ROW, ROW | {"slug": "second", "state": "hidden"}])})
    made = {}
    exec(compile(CODE, str(PAGE), "exec"), made)

    converter = made["Tinypress"].open(InFolder(tmp_path), TAIPEI)

    first, second = (read() for _name, read in converter.posts())
    assert first.body == "內文**粗** [另一篇](/?show=second)\n\n![圖](files/a.png)"
    assert (first.links, unnamed(first)) == ({"/?show=second": "tinypress:second"}, ((), {}))
    assert (first.date.isoformat(), second.date) == ("2026-10-01T00:00:00+00:00", None)
    assert [str(remark) for remark in first.remarks] == ["has no place here: mood (好)"]
    assert len(CODE.splitlines()) <= 60
