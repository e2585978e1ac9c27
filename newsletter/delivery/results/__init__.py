"""What an issue has brought, beside those before it: for the page, the letter after 72 hours and the JSON.

`facts.of(mailing, now)` is the one place that asks. What it returns is compared by `comparing.py`, said in words by
`wording.py`, and written for programs by `document.py`; none of these asks anything more.

Begin with `facts.py`, then `comparing.py`.
"""
