"""Getting an issue to its readers, and what became of each copy.

The way of an issue: planning/ approves it, freezes its letter (letter/) and writes the audience as copies in batches
(models/). A worker's lane (sending/) claims a batch, commits the intent (ledger/), waits for its turn (rate/), sends
each message (provider/) and records the results (ledger/). ledger/recovery.py and ledger/uncertain.py settle what a
dead worker leaves behind. rehearsal/ checks a letter before it goes, author/ writes to the author, readers/ welcomes
readers and takes their feedback, and events/ decides whom a refusal suppresses.

Where to look: the moment a mail is marked as handed over: `hand_over` in `ledger/flight_recorder.py`. Why an issue
waits: `begin_due` in `planning/beginning.py` and `why_not` in `author/reminders.py` before it begins, later
`models/mailing.py`. Where a new provider's error codes go: `provider/outcomes.py`.

Begin with `planning/approving.py`, then `sending/lane.py`, then `ledger/claims.py`. `tasks.py` only wakes workers.
"""
