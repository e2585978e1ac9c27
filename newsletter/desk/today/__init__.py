"""The first page of the desk: what is so now, and what to do next.

`gathering.py` asks the database for the facts, always by the same number of queries. `steps.py` makes one sentence and
one button of them, without a database or a clock; `checklist.py` shows the same way as a list until the first issue is
out. `page.py` adds what stands below: results, drafts, readers, slots, and what is wrong with the link that mends it.

Begin with the table in `steps.py`.
"""
