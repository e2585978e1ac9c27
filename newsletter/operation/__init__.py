"""Running the product: start it, keep it running, say what is wrong.

`up` (management/commands) starts web server, worker and lanes (`programs`) under `supervisor`, as forks of itself.
`worker` is Celery on a pool of threads, with the clock as one more thread: docs/sending.md has a drawing.
`diagnosis` asks what is wrong, with `questions`, `senders`, `serving`, `undelivered`, `backups` and `liveness`; each
answer is one of `findings`. `receivers` says which of what large receivers ask holds. metrics/ tells programs the same
in numbers. backup/ copies everything for this program. `copying` brings pictures from files into a bucket, or back.
accounts/ makes the first account and says what each role may do.

Begin with `management/commands/up.py`, then `diagnosis.py`.
"""
