"""Links of an issue, counted for its author: how many people about followed each, and never who.

    approval ─▶ Link (kept.py) ─▶ the letter's addresses lead over this site (rewriting.py)
    /r/<token>/ ─▶ Visit, for a day ─▶ DayCount, in the night (counting.py)

A token stands for a link of a mailing and is the same for all its readers, so the letter is the same for everybody.
It leads where its row says, and nowhere else. The row is written when the letter is frozen, and stays.

A visit is a row for one day: a hash of the network and the program, by a salt of that day. In the night the rows become
numbers, and rows and salt are deleted. Nothing here knows a reader. So a click settles no uncertain copy: what does is
a provider's event.

Begin with `rewriting.py`, then `counting.py`.
"""
