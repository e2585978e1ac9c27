"""compose.yaml by a real Compose, in three profiles: from the first line of docs/deploy.md to an issue that is sent.

    uv run --dev python -m benchmarks.compose FOLDER [--profile single|standard|large] [--readers 1500] [--driver vfs]

On Debian, as root, with `apt-get install --no-install-recommends aardvark-dns buildah catatonit conmon crun debootstrap
docker-compose iproute2 netavark nftables podman` and a browser (tests/support/browser.py). FOLDER keeps the layers.
No registry is asked: machine.py says what stands in for Docker and for the images of PostgreSQL, Redis and Caddy.

Each profile is started by the lines of docs/deploy.md. In a browser an account is made and a post written; somebody
signs up, confirms, gets the first issue and leaves. Then an issue goes to --readers at fifty a second; meanwhile
containers are restarted, killed, added and stopped, and the image is built anew. It fails unless nobody has two copies,
everybody without one is counted as uncertain, every container is confined as compose.yaml says, and backup and restore
work as they are written.
"""

import argparse
import ssl
import sys
import time
from pathlib import Path

from benchmarks.compose.machine import docker, make_images, run_inside
from benchmarks.image import Engine
from benchmarks.installation import machine, scratch

PROFILES = ("single", "standard", "large")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--profile", choices=PROFILES, help="default: all three, one after the other")
    parser.add_argument("--readers", type=int, default=1500)
    parser.add_argument("--driver", default="overlay", choices=["overlay", "vfs"])
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    engine = Engine(given.folder.resolve(), given.driver)
    if not given.inside:
        print(machine())
        make_images(engine)
        raise SystemExit(run_inside(engine, *sys.argv[1:], "--inside"))
    ssl._create_default_https_context = ssl._create_unverified_context  # Caddy's own authority
    with scratch(), docker(engine):
        from benchmarks.compose.playing import play  # what it shares with the tests wants Django to be set up

        for profile in [given.profile] if given.profile else PROFILES:
            began = time.monotonic()
            play(engine, profile, given.readers)
            print(f"{profile}: all of it in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
