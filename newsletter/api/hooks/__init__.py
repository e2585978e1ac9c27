"""Webhooks: programs of others are told what happened here, in order, and again until they have it.

A row of `Hook` is an address that is told. The database itself writes a `Call` for each fact that a hook wants
(recording.py), in the transaction of the fact; of a post, whose time may come without a write, turns.py looks. A worker
then makes the calls of each hook one after the other.

Begin with recording.py, then turns.py. Why it is so: docs/decisions/0116.
"""
