"""Folders in DATA_DIR that a row names, each with a file that somebody sent: what no row names goes after a day."""

import shutil
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

ORPHAN = timedelta(days=1)  # a row that is written in the same transaction needs no longer


def remove_orphans(root: Path, named: Collection[str], now: datetime) -> int:
    """Remove the folders in `root` that no row has named for a day: a transaction failed, or a process died."""
    before = (now - ORPHAN).timestamp()
    folders = root.iterdir() if root.is_dir() else []
    orphans = [one for one in folders if one.name not in named and one.stat().st_mtime < before]
    for one in orphans:
        shutil.rmtree(one, ignore_errors=True)
    return len(orphans)
