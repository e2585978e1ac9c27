"""Running the product: processes, backups, diagnosis and metrics.

`up` (management/commands) starts web server, worker and lanes (`programs`) as forks under `supervisor`. `worker` is
Celery on a pool of threads, with the clock as one more thread: docs/sending.md has a diagram. `diagnosis` runs the
doctor's checks, from `doctor_checks`, `senders`, `readiness`, `undelivered`, `backup_findings` and `liveness`; each
result is a `Finding`. `metrics` serves Prometheus. backup/ copies everything into one file. `picture_copy` moves
pictures between files and a bucket. accounts/ creates the first account and defines the roles.

Begin with `management/commands/up.py`, then `diagnosis.py`.
"""
