"""What is said in a mail: octets in, frozen facts out. Pure: no database, no clock, and no trust in anything.

`mail` decides what a mail is and calls the others: `reports` for what follows a standard, `foreign` for bounces that
follow none and for machines that answer, `personal` for people. `verdicts` says what a report means for the address.

Begin with `mail.py`.
"""
