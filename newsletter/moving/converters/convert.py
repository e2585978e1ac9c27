"""Converts an export to a folder of posts with pictures and account.json; `main` is the process that does so."""

import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

from django.conf import settings

from newsletter.mail.characters import nfc, without_control_characters
from newsletter.moving.converter_process import cpu_time_limit, set_resource_limits
from newsletter.moving.converters.converter import BODY_MAX, ConvertedPost
from newsletter.moving.converters.detection import detected, files_at
from newsletter.moving.converters.files import Files, InFolder, Rejected
from newsletter.moving.converters.html.converting import count_rendered
from newsletter.moving.converters.pictures import FileFinder, Finder, PictureCopier, WebFinder
from newsletter.moving.counting import count_words
from newsletter.moving.folder import layout
from newsletter.moving.folder.layout import ConversionReport, LossReport, PostFile, Remark, new_folder

log = logging.getLogger(__name__)

REFUSED = 65  # EX_DATAERR of sysexits.h
BEAT_SECONDS = 15  # a worker's lease ends after three minutes
POST_SECONDS = 60  # of CPU time
LOST_WORDS_MAX = 50  # lost words that an account lists
# Exceptions of malformed input in converters. Such a post is rejected, the others come.
INPUT_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_FIELDS = [one.name for one in fields(PostFile)]

type Report = Callable[[int, int], None]  # how many posts are done, of how many


def convert(
    export_path: Path,
    folder: Path,
    *,
    zone: tzinfo,
    site_url: str = "",
    picture_folders: Sequence[Path] = (),
    fetch: bool = False,
    report: Report = lambda _done, _of: None,
) -> None:
    """Write what lies at `export_path` as a folder of posts, which must not be there yet. Raises Rejected."""
    files = files_at(export_path)
    if files.has(layout.ACCOUNT) and any(name.startswith(f"{layout.POSTS}/") for name in files.with_suffix(".md")):
        _unpack(files, folder)
        return
    converter = detected(export_path, zone, site_url)
    finders: list[Finder] = [*converter.finders, *(FileFinder(InFolder(one)) for one in picture_folders)]
    finders += [WebFinder(converter.site_url)] if fetch else []
    count = sum(1 for _post in converter.posts())
    if not count:
        raise Rejected("there is no post in it")
    with new_folder(folder) as part:
        account = ConversionReport(converter.name, converter.site_url)
        writer = _PostWriter(part, account, PictureCopier(finders, part, account))
        for number, (name, read) in enumerate(converter.posts(), 1):
            writer.write(number, name, read)
            report(number, count)
        layout.write_report(part, account)


def _unpack(files: Files, folder: Path) -> None:
    with new_folder(folder) as part:
        for name in files.names:
            if name == layout.ACCOUNT or name.startswith((f"{layout.POSTS}/", f"{layout.PICTURES}/")):
                with layout.new_file(part, name) as target:
                    target.write(files.read_bytes(name))


class _PostWriter:
    """Writes posts; a rejected one does not stop the others."""

    def __init__(self, folder: Path, account: ConversionReport, pictures: PictureCopier) -> None:
        self.folder, self.account, self.pictures = folder, account, pictures

    def write(self, number: int, name: str, read: Callable[[], ConvertedPost]) -> None:
        try:
            with cpu_time_limit(POST_SECONDS):
                post = self._named_once(_checked(read()))
                lost = lost_words(post)
        except (Rejected, TimeoutError) as error:
            self.account.rejected.append((name, str(error) or "it takes too long to convert"))
            return
        except INPUT_ERRORS as error:
            log.exception("%s cannot be read", name)
            self.account.rejected.append((name, f"it cannot be read: {type(error).__name__} {error}"[:300]))
            return
        remarks = list(post.remarks)
        body = self.pictures.placed(post.body, post.folder, remarks)
        cover = post.cover and (self.pictures.place(post.cover, post.folder, remarks) or post.cover)
        given = {one: getattr(post, one) for one in _FIELDS} | {"body": body, "cover": cover}
        layout.write_post(self.folder, number, PostFile(**given))
        self.account.posts[post.source] = LossReport(name, post.original_counts.numbers, tuple(remarks), lost)

    def _named_once(self, post: ConvertedPost) -> ConvertedPost:
        """Number a source that stands twice in the export: these are two posts."""
        number, own = 1, post.source
        while post.source in self.account.posts:
            number += 1
            post = replace(post, source=f"{own}#{number}")
        return post


def _checked(post: ConvertedPost) -> ConvertedPost:
    body = nfc(without_control_characters(post.body)).strip()
    if not body and not post.title.strip():
        raise Rejected("it has no text")
    if len(body) > BODY_MAX:
        raise Rejected(f"it is too long: {len(body):,} characters")
    remarks = post.remarks if body else (*post.remarks, Remark("it has no text", is_loss=False))
    return replace(post, body=body, remarks=remarks)


def lost_words(post: ConvertedPost) -> tuple[str, ...]:
    """Words, repeated as often as the new page lacks them, that no remark about the text names."""
    lost = Counter(post.original_counts.words)
    lost.subtract(count_rendered(post.body).words)
    for remark in post.remarks:
        lost.subtract(count_words(remark.detail) if remark.is_loss or remark.effect else {})
    return tuple(islice((+lost).elements(), LOST_WORDS_MAX))


def main(argv: Sequence[str]) -> int:
    """argv: path, folder, zone, site, memory, CPU seconds, “fetch” or nothing, and folders of pictures."""
    path, folder, zone, site, memory, cpu_seconds, fetch, *pictures = argv
    set_resource_limits(int(memory), int(cpu_seconds))
    Thread(target=_beat, daemon=True).start()
    settings.configure(USE_I18N=False)  # the renderer asks for words of its own, in no particular language
    try:
        given, zone_info, folders = (Path(path), Path(folder)), ZoneInfo(zone), [*map(Path, pictures)]
        convert(*given, zone=zone_info, site_url=site, picture_folders=folders, fetch=bool(fetch), report=_report)
    except (Rejected, OSError) as error:
        _say({"error": str(error)})
        return REFUSED
    except MemoryError:
        _say({"error": "it needs more memory than a conversion may take"})
        return REFUSED
    return 0


_progress = {"done": 0, "of": 0}


def _report(done: int, count: int) -> None:
    _progress.update(done=done, of=count)
    if done % 20 == 0 or done == count:
        _say(_progress)


def _beat() -> None:
    """Report every few seconds, however long one post takes; exit when the parent is gone."""
    while True:
        time.sleep(BEAT_SECONDS)
        try:
            _say(_progress)
        except OSError:
            os._exit(REFUSED)


def _say(line: dict[str, str] | dict[str, int]) -> None:
    os.write(1, f"{json.dumps(line)}\n".encode())  # at once: two threads do


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
