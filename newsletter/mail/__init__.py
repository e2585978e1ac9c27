"""How one e-mail is built and sent. No model; imports nothing else of ours.

The way of a mail: `letters` renders a template into a Letter (`html`, and `plaintext` for its text part), `message`
makes an e-mail of it (`headers`, `characters`, `signatures`), and a mailer of settings (`mailers`) sends it, or
`outbox` keeps it. `tokens` signs the links in it, `replies` says what a refusal means for its reader.

Where to look: how a name and an address are written: `headers.py`. Where a new provider's error codes go: `replies.py`
for what is about a reader, provider/outcomes.py of delivery for all else. Who may see the outbox:
`for_tester` in `views.py`.

Begin with `message.py`, then `headers.py`.
"""
