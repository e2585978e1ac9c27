"""How messages are handed to a mail server or an e-mail API, and what its answers mean."""
