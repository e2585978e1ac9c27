#!/usr/bin/env python
"""Run a management command of the newsletter."""

import os
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from dotenv import load_dotenv


def take_env_file(words: list[str]) -> list[str]:
    """Return `words` without `--env-file FILE`; put its variables into the environment, where those that are there win.

    A secret on a command line is read by everybody on the machine, and sudo writes it to its log.
    """
    if words[:1] != ["--env-file"]:
        return words
    if len(words) < 2 or not Path(words[1]).is_file():
        sys.exit(f"--env-file needs the path of a file, got {' '.join(words[1:2]) or 'nothing'}.")
    load_dotenv(words[1], interpolate=False)
    return words[2:]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")
    try:
        execute_from_command_line([sys.argv[0], *take_env_file(sys.argv[1:])])
    except ImproperlyConfigured as error:  # the operator's to mend: no traceback
        sys.exit(f"{error}")
