"""The program that converts: `python -m newsletter.moving.converters PATH FOLDER --zone ZONE`."""

import sys

from newsletter.moving.converters.convert import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
