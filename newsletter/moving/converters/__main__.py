"""The program that converts: `python -m newsletter.moving.converters PATH FOLDER --zone ZONE`. Limits come first."""

import sys

from django.conf import settings

from newsletter.moving.converters.convert import main
from newsletter.moving.limited import limit

if __name__ == "__main__":
    limit()
    settings.configure(USE_I18N=False)  # the renderer asks for words of its own, in no particular language
    sys.exit(main(sys.argv[1:]))
