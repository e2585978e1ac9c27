"""Whether receivers can believe our mails: what the DNS says of the sender, and what receivers ask of it.

`facts.gather` asks the DNS and the settings, once and within a bounded time. Everything else is pure: Facts in,
findings out. What no name server told is "not known", never wrong.

    address.py     the sender's address itself: one's own domain, a name that is not shouted
    providers.py   what each mail service signs as, where it has bounces sent, and which records mend that
    facts.py       what is known: settings, records, through whom mails leave
    records.py     a row for each kind of record, for the desk's page; the doctor's question
    signed.py      DKIM; listed.py: SPF; policy.py: DMARC; returns.py: bounces; server.py: one's own server
    receivers.py   what Gmail, Yahoo and Microsoft ask of senders, and which of it holds
    registering.py where receivers tell how they see a sender

Begin with `facts.py`, then `records.py`.
"""
