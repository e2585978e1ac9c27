"""Running the product: start it, keep it running, say what is wrong.

`up` (management/commands) starts web server, worker and clock (`programs`) under `supervisor`, as `forks` of itself.
`hands` are the processes of a worker, `clock` is Celery's beat, which is `resting` where there is one file to watch.
`diagnosis` asks what is wrong, with `questions`, `senders`, `serving`, `undelivered`, `backups` and `liveness`; each
answer is one of `findings`. `receivers` says which of what large receivers ask holds. metrics/ tells programs the same
in numbers. backup/ copies everything for this program, site_export/ writes it as a folder that anybody can read, and
makes an equal site of one. `copying` brings pictures from files into a bucket, or back. accounts/ makes the first
account and says what each role may do.

Begin with `management/commands/up.py`, then `diagnosis.py`.
"""
