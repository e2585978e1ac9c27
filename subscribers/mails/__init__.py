"""The mails that answer a reader: confirmation, a change of address, a fresh link."""
