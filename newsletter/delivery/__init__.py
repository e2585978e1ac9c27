"""Sends issues to readers and records the result of each copy.

An issue's path: planning/ approves it, freezes its letter (letter/) and writes one delivery per reader, in batches
(models/). A worker's lane (sending/) claims a batch, commits its intent (ledger/), respects rate limits (rate), sends
each message (provider/) and records the results (ledger/). After a crash, ledger/recovery.py and ledger/uncertain.py
settle what the worker left behind. rehearsal checks a letter before sending, author/ mails the author, readers/ sends
single mails and takes feedback, and events/ applies bounces, complaints and replies.

Where to look: how a message is marked as handed over: `hand_over` in `ledger/flight_recorder.py`. Why an issue
waits: `begin_due` in `planning/beginning.py` and `reason_not_to_send` in `author/reminders.py`; once it has begun,
`models/mailing.py`. Where error codes of a new provider go: `provider/outcomes.py`.

Start reading at `planning/approving.py`, then `sending/lane.py`, then `ledger/claims.py`.
"""
