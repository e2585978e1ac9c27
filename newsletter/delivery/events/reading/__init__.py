"""What is said in a mail: octets in, frozen facts out. Pure: no database, no clock, and no trust in anything.

`mail` decides what a mail is and calls the others: `dsn` for reports that follow RFC 3464, `foreign` for those that
follow nothing, `arf` for complaints (RFC 5965), `auto_replies` for machines that answer (RFC 3834). `verdicts` says
what a report means for the address. `message` takes a mail apart, however broken it is.

Begin with `mail.py`.
"""
