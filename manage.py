#!/usr/bin/env python
"""Run a management command of the newsletter."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
ENV_FILE = "--env-file"
ONLY_LOOK = {"check", "convert", "makemigrations"}
# They need no database of this version: they look, work without one, or compare by themselves.
ANY_DATABASE = ONLY_LOOK | {"collectstatic", "compilemessages", "dbshell", "doctor", "healthy", "help"}
ANY_DATABASE |= {"check_backup", "makemessages", "migrate", "report_silence", "restore"}
ANY_DATABASE |= {"shell", "showmigrations", "up", "version"}
HELP = {"-h", "--help", "--version"}
SERVICES = {"up", "run_worker"}  # their parts speak the publication's language, which may change meanwhile


def take_env_file(words: list[str]) -> list[str]:
    """Return `words` without `--env-file FILE`; put its variables into the environment, where those that are there win.

    A secret on a command line is read by everybody on the machine, and sudo writes it to its log.
    """
    option, _, path = (words[0] if words else "").partition("=")
    if option != ENV_FILE:
        return words
    rest = words[1:]
    if not path:
        path, rest = "".join(rest[:1]), rest[1:]
    if not path:
        sys.exit(f"{ENV_FILE} needs the path of a file.")
    for name, value in read_env_file(Path(path)).items():
        os.environ.setdefault(name, value)
    return rest


def read_env_file(path: Path) -> dict[str, str]:
    """Variables of a file, as `.env` is read too; exit with a message that tells its line, but no content of it."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - whoever names no file does not wait for it

    try:
        lines = list(parse_stream(StringIO(path.read_text())))
    except UnicodeDecodeError:
        sys.exit(f"{ENV_FILE}: {path} is not text in UTF-8.")
    except OSError as error:
        sys.exit(f"{ENV_FILE}: {path} cannot be read: {error.strerror}.")
    for line in lines:
        if line.error or (line.key and line.value is None):
            sys.exit(f"{ENV_FILE}: {path}, line {line.original.line}: this is no NAME=value, or its quotes do not end.")
    return {line.key: line.value for line in lines if line.key and line.value is not None}


def ask_for_health() -> int:
    """Ask without Django: a container does so again and again, and loading all of it takes a second of a processor."""
    spec = spec_from_file_location("healthy", BASE_DIR / "newsletter" / "operation" / "healthy.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("newsletter/operation/healthy.py")
    healthy = module_from_spec(spec)
    spec.loader.exec_module(healthy)
    return int(healthy.report(BASE_DIR / (os.environ.get("DATA_DIR") or "data")))


def spare_the_disk() -> None:
    """Have a command that only looks find an empty database where SQLite has none yet: to open the file makes it."""
    from django.db import connection  # noqa: PLC0415 - needs Django set up

    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        connection.settings_dict["NAME"] = ":memory:"


def refuse_other_version(words: list[str]) -> None:
    """End if a command would work on a database of a newer version, or of one that is too old."""
    if words and words[0] not in ANY_DATABASE and HELP.isdisjoint(words):
        from django.core.management.base import CommandError  # noqa: PLC0415 - needs Django set up

        from newsletter.operation import preparing  # noqa: PLC0415 - the same

        try:
            preparing.refuse_other_version()
        except CommandError as error:
            sys.exit(f"CommandError: {error}")


def choose_language() -> None:
    from django.db import connection  # noqa: PLC0415 - needs Django set up
    from django.utils import translation  # noqa: PLC0415 - the same

    from newsletter.operation.command_language import command_language  # noqa: PLC0415 - the same

    translation.activate(command_language())
    connection.close()  # a command may fork, or put another database in its place


def run(words: list[str]) -> None:
    if words == ["healthy"] and ("DATA_DIR" in os.environ or not (BASE_DIR / ".env").exists()):
        sys.exit(ask_for_health())
    import django  # noqa: PLC0415 - who asks for health needs none
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - who asks for health needs no Django
    from django.core.management import execute_from_command_line, load_command_class  # noqa: PLC0415 - the same
    from django.db import OperationalError, ProgrammingError  # noqa: PLC0415 - the same
    from environs import EnvError  # noqa: PLC0415 - the same

    try:
        django.setup()
        if ONLY_LOOK.intersection(words[:1]):
            spare_the_disk()
        if not SERVICES.intersection(words[:1]):
            choose_language()
        refuse_other_version(words)
        if words[:1] == ["version"]:  # Django would tell its own, whichever app has such a command
            load_command_class("newsletter.operation", "version").run_from_argv([sys.argv[0], *words])
        else:
            execute_from_command_line([sys.argv[0], *words])
    except (ImproperlyConfigured, EnvError) as error:  # the operator's to mend: no traceback
        sys.exit(f"{error}")
    except (OperationalError, ProgrammingError):
        from newsletter.operation import preparing  # noqa: PLC0415 - where nothing fails, nobody waits for it

        if reason := preparing.missing_tables_hint():
            sys.exit(reason)
        raise


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")
    run(take_env_file(sys.argv[1:]))
