"""A year on one page: slots, holidays, vacations and what was sent; and the forms that shift the rhythm.

`year` puts the months together and asks the database; `forms` checks what the author wants; `pages` has the screens.
What a shift does is in newsletter/issues/rhythm.py.
"""
