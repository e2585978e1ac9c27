"""Getting an issue to its readers, and what became of each copy.

The way of an issue: `planning` approves it, freezes its letter (letter/) and writes the audience as copies
in batches (models/). A worker's lane (sending/) claims a batch, commits the intent (ledger/), waits for its turn
(rate/), hands each message over (provider/) and records the results (ledger/). What a worker that died leaves
behind is settled by ledger/recovery.py and ledger/uncertain.py. `certificate` says how a mailing ended.

rehearsal/ sends test copies and checks a letter before it goes. author/ tells the author what happened and asks
before a slot. readers/ holds what single readers get and answer. events/ judges what receivers refused.

Begin with `planning.py`, then `sending/lane.py`, then `ledger/claims.py`. `tasks.py` only wakes workers.
"""
