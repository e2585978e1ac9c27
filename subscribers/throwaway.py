"""Domains whose mailboxes are thrown away after some minutes. Pure; docs/decisions/0070 says whose list it is."""


def is_throwaway(email: str) -> bool:
    """Return whether an address is at a domain of the list, or below one."""
    # 8,000 domains are 1.5 MB of each process that loads them: whoever takes no sign-up does without.
    from disposable_email_domains import blocklist  # noqa: PLC0415 - as above

    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[first:]) in blocklist for first in range(len(labels) - 1))
