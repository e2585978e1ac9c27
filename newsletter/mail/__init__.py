"""Building and sending one e-mail. No models; imports only the buckets. Start with `message.py`."""
