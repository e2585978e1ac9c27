"""The publication: one row with its settings (`models.py`), and what all pages have in common.

`look` builds the style sheet, `sharing` cards and icons, `pictures/` prepares and stores images, `changes` and `audit`
are the history of the desk, `task_queue` and `heartbeats` serve the workers.

Start with `models.py`.
"""
