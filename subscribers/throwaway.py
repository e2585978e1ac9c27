"""Domains whose mailboxes are thrown away after some minutes. Pure; docs/decisions/0070 says whose list it is."""

from disposable_email_domains import blocklist


def is_throwaway(email: str) -> bool:
    """Return whether an address is at a domain of the list, or below one."""
    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[first:]) in blocklist for first in range(len(labels) - 1))
