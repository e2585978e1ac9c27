"""Webhooks: other programs are called when something happens here, in order, with retries.

A `Hook` is a receiver's URL. Database triggers write a `Call` for each event that a hook subscribes to (triggers.py),
in the transaction of the event; publication of a post, which may need no write, is found by worker.py. The worker makes
the calls of each hook one after the other.

Begin with triggers.py, then worker.py. Why it is so: docs/decisions/0116.
"""
