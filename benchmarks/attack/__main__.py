"""Every attack that has hurt this product once, against an installation that runs: held or not, in a line each.

    uv run --dev python -m benchmarks.attack [--engine …] [--proxy …] [--short]

sqlite     SQLite and the embedded queue
servers    PostgreSQL and Redis
proxy      what stands in front, as docs/deploy.md sets it up; `none` attacks the web server itself

The installation is one of its own, in processes of its own, on loopback only; each attack is bounded. The exit code is
1 when one did not hold. About three minutes a combination.
"""

import argparse
import sys

from benchmarks.attack.run import ATTACKS, run, world
from benchmarks.installation import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers", "both"], default="sqlite")
    parser.add_argument("--proxy", choices=["none", "nginx", "caddy", "haproxy", "all"], default="none")
    parser.add_argument("--short", action="store_true", help="fewer of each, for the tests")
    parser.add_argument("--only", default="", help="names of attacks, separated by commas")
    options = parser.parse_args()
    print(machine())
    engines = ["sqlite", "servers"] if options.engine == "both" else [options.engine]
    proxies = ["none", "nginx", "caddy", "haproxy"] if options.proxy == "all" else [options.proxy]
    chosen = tuple(attack for attack in ATTACKS if not options.only or attack.__name__ in options.only.split(","))
    lost: list[str] = []
    for engine in engines:
        for proxy in proxies:
            print(f"{engine}, proxy: {proxy}")
            with world(engine, proxy, is_short=options.short) as attacked:
                lost += run(attacked, chosen)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
