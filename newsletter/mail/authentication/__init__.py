"""What the DNS says of who may send in a domain's name, read as receivers read it: SPF, DKIM and DMARC.

Each reader takes an `Ask` (questions.py) and returns facts. Nothing here judges: what is good or bad of them says the
operation room. A name server that does not answer raises `DnsAway`: not known is another answer than "there is none".

Begin with `questions.py`, then `dmarc.py`.
"""
