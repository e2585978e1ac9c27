"""How accounts are used at the desk: passkeys, sessions, known browsers, failed attempts."""
