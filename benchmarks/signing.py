"""What a signature costs a mailing: the whole product against smtp-sink, unsigned, by RSA-2048, by Ed25519, by both.

    uv run --dev python -m benchmarks.signing [--readers 20000] [--rounds 3] [--engine sqlite|servers] [--server fast]

Each round sends one issue in each way to the same readers, one after the other, so that what else the machine does
hits all of them alike. The ratio of a way is its rate by the rate of the unsigned mailing of the same round; the median
over the rounds counts. Asked: at least 0.4 for RSA-2048 and 0.8 for Ed25519 alone. Debian: postfix, for smtp-sink.
"""

import argparse
import base64
import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.end_to_end import READERS, Cost, Server, product, send_ours
from benchmarks.installation import machine
from tests.support.postgres import Postgres
from tests.support.product import Product

WAYS = {"unsigned": (), "RSA-2048": ("rsa.pem",), "Ed25519": ("ed.ed25519",), "both": ("rsa.pem", "ed.ed25519")}
ASKED = {"RSA-2048": 0.4, "Ed25519": 0.8}


def new_keys() -> dict[str, bytes]:
    """Return the content of one file for each kind of key."""
    private = generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"rsa.pem": pem, "ed.ed25519": base64.b64encode(os.urandom(32)) + b"\n"}


def use(made: Product, keys: dict[str, bytes]) -> None:
    """Let the next mailing be signed by `keys`, and by no others: a lane reads the folder when it begins."""
    folder = made.data / "dkim"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in keys.items():
        (folder / name).write_bytes(content)


def measure(options: argparse.Namespace, made: Product, databases: list[Postgres], server: Server) -> None:
    keys, ratios, number = new_keys(), defaultdict[str, list[float]](list), 0
    for round_ in range(1, options.rounds + 1):
        unsigned = 0.0
        for way, names in WAYS.items():
            number += 1
            use(made, {name: keys[name] for name in names})
            cost: Cost = send_ours(made, databases, server, number, options.patience)
            unsigned = unsigned or cost.rate
            ratios[way].append(cost.rate / unsigned)
            cpu = cost.worker_cpu / cost.messages * 1e6
            print(
                f"round {round_}  {way:9} {cost.rate:7.0f} messages/s  {cpu:5.0f} us of the worker's CPU a message"
                f"  ratio {ratios[way][-1]:.2f}",
                flush=True,
            )
    for way, found in ratios.items():
        asked = f"  asked {ASKED[way]}" if way in ASKED else ""
        print(f"{way:9} ratio, median: {median(found):.2f}{asked}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--server", choices=["smtp-sink", "fast"], default="smtp-sink")
    parser.add_argument("--readers", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=900, help="seconds for one mailing")
    options = parser.parse_args()
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    server = Server(options.server, folder, 0)
    try:
        with product(options.engine, folder, server.port, 0) as (made, databases):
            made.shell(READERS.format(readers=options.readers))
            measure(options, made, databases, server)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
