"""Where the ledger is: tells a copy from its original. No rules of sending."""

import os
from pathlib import Path

from django.db import connection

from newsletter.background.file_identity import digest, file_identity
from newsletter.delivery.ledger.flight_recorder import boot_id
from newsletter.delivery.models import Batch

MACHINE_ID_FILE = Path("/etc/machine-id")  # https://www.freedesktop.org/software/systemd/man/machine-id.html
BOOT = "@"  # in front of what counts within one boot only


def ledger_place() -> str:
    """Which database this is, for `is_elsewhere`."""
    return _server_place() if connection.vendor == "postgresql" else _file_place()


def _server_place() -> str:
    """Server, database and table.

    A dump that is loaded anywhere makes a new table at least, a copied database keeps its tables' numbers, and a new
    server begins with the same numbers. A standby that takes over has all three.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),"
            " (SELECT oid FROM pg_database WHERE datname = current_database()), %s::regclass::oid)",
            [Batch._meta.db_table],
        )
        return str(cursor.fetchone()[0])


def _file_place() -> str:
    """Machine, file system and file; and of this boot the device, whose number the next boot may change.

    The file system's own id survives a boot on ext4, btrfs and ZFS. A mounted snapshot of a volume has the same one.
    """
    path = Path(connection.settings_dict["NAME"])
    machine = MACHINE_ID_FILE.read_text().strip() if MACHINE_ID_FILE.exists() else ""
    place = digest(machine, os.statvfs(path).f_fsid, *file_identity(path))
    return f"{place}{BOOT}{digest(boot_id())[:8]}:{path.stat().st_dev}"


def is_elsewhere(former: str, place: str) -> bool:
    (file, _, of_boot), (former_file, _, of_former_boot) = place.partition(BOOT), former.partition(BOOT)
    is_same_boot = of_boot.partition(":")[0] == of_former_boot.partition(":")[0]
    return file != former_file or (is_same_boot and of_boot != of_former_boot)
