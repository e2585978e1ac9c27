"""RSA keys, cached by length: making one takes a tenth of a second."""

import base64
import subprocess
from functools import cache


@cache
def private_key(bits: int = 2048) -> bytes:
    """PEM; the same on each call."""
    return subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True).stdout


@cache
def public_key(bits: int = 2048) -> str:
    """As after `p=` in a DNS record."""
    public = ["openssl", "pkey", "-pubout", "-outform", "DER"]
    done = subprocess.run(public, input=private_key(bits), check=True, capture_output=True)
    return base64.b64encode(done.stdout).decode()
