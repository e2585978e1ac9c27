"""What receivers, providers and readers report of a copy after it was handed over, and what follows from it.

Two ways lead in, and one way on:

    a mail    ─ receive_mail, mailbox ─▶ Arrival ─▶ reading/ ─▶ Fact ─▶ finding ─▶ Event ─▶ rules
    a request ─ a provider's webhook  ─▶ Arrival ─┘

1. Store. `Arrival.objects.store(source, body, now, key=…, about=…)` keeps what came in, octet by octet, and answers
   whether it is new. Nothing else happens while somebody waits for an answer. source: "mail", or a provider's name.
2. Begin. A worker takes some before it reads them, so that no two read the same; one begun twice and never ended is
   set aside.
   Read. `applying.READERS` has a reader for each source, `reading.mail.read` for mails: an Arrival in, a Reading out,
   which is what it is and the Facts in it. Pure: no database, no clock. What raises `Unreadable` is kept and shown.
   A provider's reader gives its Facts `is_vouched=True`, because its requests are authenticated before they are stored.
3. Find. `finding.Finder` says which copy and which reader a Fact is about: by a signed token in an address, by the
   signed Message-ID, and without either by the address, if we mailed it lately. What is forged is about nobody. What
   is known by its address alone proves nothing unless its provider's signature or the author vouches for it: the
   arrival is `unproven`, for the author to see, and steps 4 and 5 leave it out.
4. Record. Each Fact is an Event, once: (source, source_id) is unique.
5. Apply. `rules.apply` does what follows from new Events: it settles uncertain copies, suppresses addresses, counts.
   Every rule asks the tables, never a counter of its own, so that a rule which runs twice changes nothing.

Steps 3 to 5 and the mark on the Arrival are one transaction: a worker that is killed has done all of it or nothing.
`applying.apply_some` does it in slices, from a task; a lost or doubled task changes nothing.

A provider's requests come in by webhooks.py, which looks whether they are genuine, and are read by
reading/requests.py; Amazon's by sns.py before. What names a copy to a provider is the metadata `delivery`, with the
token that its return path has as well (letter/compiled.py).

thinning.py makes numbers of events that nothing rests on any more. suppressing.py is apart: it judges the refusals
that the provider gave while an issue was being sent.

Begin with `facts.py`, then `applying.py`, then `rules.py`.
"""
