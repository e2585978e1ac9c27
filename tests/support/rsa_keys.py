"""Private keys as their owner makes them, one of each length in a process: to make one takes a tenth of a second."""

import base64
import subprocess
from functools import cache


@cache
def private_key(bits: int = 2048) -> bytes:
    """Return the key as PEM, always the same: a test that needs two of them makes the other one itself."""
    return subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True).stdout


@cache
def public_key(bits: int = 2048) -> str:
    """Return what a DNS record says of it after `p=`."""
    public = ["openssl", "pkey", "-pubout", "-outform", "DER"]
    done = subprocess.run(public, input=private_key(bits), check=True, capture_output=True)
    return base64.b64encode(done.stdout).decode()
