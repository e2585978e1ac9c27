"""Slips in what stands after the @: `gmial.com` is nearly always gmail.com. Pure; a guess, never a reason to refuse."""

# Where most readers have their mailbox. A domain that is one slip away from these is asked about.
OFTEN = (
    *("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "googlemail.com"),
    *("protonmail.com", "yahoo.com.tw", "yahoo.com.hk", "pchome.com.tw", "hinet.net", "seed.net.tw"),
)
# What looks like a slip of those, or may be taken for one, and is none.
REAL = {
    *OFTEN,
    *("email.com", "fastmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "mail.com", "mail.ru"),
    *("aol.com", "live.com", "mac.com", "me.com", "msn.com", "pm.me", "proton.me", "qq.com", "163.com", "126.com"),
    *("rocketmail.com", "ymail.com", "yeah.net", "foxmail.com", "sina.com", "sohu.com", "hotmail.com.tw"),
    # Taiwan: telephone companies, portals and their former names, whose mailboxes live on.
    *("apol.com.tw", "ethome.net.tw", "giga.net.tw", "kimo.com", "kimo.com.tw", "livemail.tw", "mail2000.com.tw"),
    *("pchome.tw", "so-net.net.tw", "tpts1.seed.net.tw", "url.com.tw", "xuite.net", "yahoo.tw"),
}
# Schools and offices have mailboxes below these, providers below their own name: ms1.hinet.net.
REAL_BELOW = ("edu.tw", "gov.tw", "mil.tw", "edu", "gov", *REAL)
# No such ending exists (IANA's list of 2026-11), so it is a slip at every domain.
ENDINGS = {
    **dict.fromkeys(("ccom", "cmo", "comm", "con", "coom", "cpm", "ocm", "vom", "xom"), "com"),
    **dict.fromkeys(("ner", "nett", "nte"), "net"),
    **dict.fromkeys(("ogr", "orgg", "prg"), "org"),
}
# Further than a slip, and without a mail server of that name.
MEANT = {
    **dict.fromkeys(("gmail.com.tw", "gmail.net", "gmail.tw"), "gmail.com"),
    "icloud.com.tw": "icloud.com",
}


def meant(email: str) -> str:
    """Return the address that its owner probably meant; "" when nothing looks mistyped.

    email: as `normalise` returns it.
    """
    local, _at, domain = email.rpartition("@")
    found = _domain(domain.lower())
    return f"{local}@{found}" if found else ""


def _domain(typed: str) -> str:
    if _is_real(typed):
        return ""
    if typed in MEANT:
        return MEANT[typed]
    name, _dot, ending = typed.rpartition(".")
    mended = f"{name}.{ENDINGS.get(ending, ending)}"
    if _is_real(mended):
        return mended
    near = (known for known in OFTEN if is_one_slip(mended, known) and not _of_other_country(mended, known))
    return next(near, mended if mended != typed else "")


def _is_real(domain: str) -> bool:
    return domain in REAL or domain.endswith(tuple(f".{ending}" for ending in REAL_BELOW))


def _of_other_country(typed: str, known: str) -> bool:
    """Return whether both end in a country's two letters, but not in the same: yahoo.com.vn is not Taiwan's."""
    ending, other = typed.rpartition(".")[2], known.rpartition(".")[2]
    return len(ending) == len(other) == 2 and ending != other


def is_one_slip(typed: str, meant: str) -> bool:
    """Return whether one letter too many, too few or wrong, or two that changed places, part the texts.

    Source: F. J. Damerau, A technique for computer detection and correction of spelling errors (1964).
    """
    start = _common(typed, meant)
    typed, meant = typed[start:], meant[start:]
    end = _common(typed[::-1], meant[::-1])
    typed, meant = typed[: len(typed) - end], meant[: len(meant) - end]
    is_swap = len(typed) == 2 and typed == meant[::-1]
    return typed != meant and (is_swap or max(len(typed), len(meant)) == 1)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
