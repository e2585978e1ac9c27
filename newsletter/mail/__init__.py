"""How one e-mail is built and sent. No model; imports nothing of ours but the buckets. Begin with `message.py`."""
